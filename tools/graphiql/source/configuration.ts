// What the page tells the script: addresses only, written by app/server/graphiql/__init__.py as data attributes of #graphiql.

export interface Configuration {
  /** Path of the graph on this origin, for example /graphql. */
  graphPath: string;
  /** Path of the JSON that lists the example operations and the session operations. */
  examplesPath: string;
  /** Path of this origin where a sign-in at an organization's provider begins. */
  singleSignOnPath: string;
  /** Paths of the three editor workers, by Monaco's label. */
  workerPaths: { editor: string; json: string; graphql: string };
  /** Whether callers who are not signed in may load the schema. */
  publicSchema: boolean;
}

/** Reads the addresses; a missing one is a broken page, so it throws with the attribute's name. */
export function readConfiguration(root: HTMLElement): Configuration {
  const read = (name: string): string => {
    const value = root.dataset[name];
    if (!value) throw new Error(`The GraphiQL page has no data-${name} attribute`);
    return value;
  };
  return {
    graphPath: read("graph"),
    examplesPath: read("examples"),
    singleSignOnPath: read("singleSignOn"),
    workerPaths: { editor: read("editorWorker"), json: read("jsonWorker"), graphql: read("graphqlWorker") },
    publicSchema: read("schema") === "public",
  };
}
