// The GraphiQL page of Skyledger: the editor, the sign-in bar and the example operations, all from our own origin.
import { DOC_EXPLORER_PLUGIN } from "@graphiql/plugin-doc-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { GraphiQL } from "graphiql";
import { useMemo, useState, useSyncExternalStore, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { readConfiguration, type Configuration } from "./configuration";
import { EXAMPLES_PLUGIN, ExamplesContext, type Example } from "./examples";
import { createFetcher, hasCredential } from "./fetcher";
import { takeReturn } from "./organization_sign_in";
import { Session, type SessionOperations } from "./session";
import { SessionBar } from "./session_bar";
import { SignIn } from "./sign_in";
import { pageStorage } from "./storage";
import { useOperationEndsWithItsTab } from "./tabs";
import { defineThemes, EDITOR_THEMES } from "./themes";
import { installWorkers } from "./workers";
import "./style.css";

const PLUGINS = [EXAMPLES_PLUGIN, HISTORY_PLUGIN];

function elementById(identifier: string): HTMLElement {
  const element = document.getElementById(identifier);
  if (!element) throw new Error(`The GraphiQL page has no element #${identifier}`);
  return element;
}

/** Hooks that need GraphiQL's store, and so a place inside GraphiQL. */
function Inside(): ReactNode {
  useOperationEndsWithItsTab();
  return null;
}

interface PageProperties {
  configuration: Configuration;
  examples: Example[];
  session: Session;
  signIn: SignIn;
}

function Page({ configuration, examples, session, signIn }: PageProperties): ReactNode {
  const { accessToken } = useSyncExternalStore(session.subscribe, session.snapshot);
  const [ownCredential, setOwnCredential] = useState(false);
  const shared = useMemo(() => ({ examples, session }), [examples, session]);
  const fetcher = useMemo(() => createFetcher(configuration.graphPath, session), [configuration, session]);
  const first = examples.find((example) => example.operation === "query" && !example.variables);
  // `schema={null}` keeps GraphiQL from asking for a schema that the server would refuse; without the prop it asks.
  const mayLoadSchema = configuration.publicSchema || accessToken !== null || ownCredential;
  return (
    <ExamplesContext value={shared}>
      <GraphiQL
        {...(mayLoadSchema ? {} : { schema: null })}
        fetcher={fetcher}
        storage={pageStorage}
        plugins={PLUGINS}
        referencePlugin={DOC_EXPLORER_PLUGIN}
        visiblePlugin={EXAMPLES_PLUGIN}
        defaultQuery=""
        defaultTabs={[{ query: first?.query ?? "" }]}
        defaultEditorToolsVisibility="variables"
        editorTheme={EDITOR_THEMES}
        onEditHeaders={(text) => setOwnCredential(hasCredential(text))}
        schemaDescription
        inputValueDeprecation
        showPersistHeadersSettings={false}
      >
        <GraphiQL.Logo>{null}</GraphiQL.Logo>
        <Inside />
        <SessionBar session={session} signIn={signIn} place={elementById("session")} />
      </GraphiQL>
    </ExamplesContext>
  );
}

async function start(): Promise<void> {
  const brought = takeReturn(); // First of all: what it brings is not for the address bar.
  const root = elementById("graphiql");
  const configuration = readConfiguration(root);
  installWorkers(configuration.workerPaths);
  defineThemes();
  const response = await fetch(configuration.examplesPath);
  if (!response.ok) throw new Error(`${configuration.examplesPath} answered ${response.status}`);
  const { examples, session: operations } = (await response.json()) as { examples: Example[]; session: SessionOperations };
  const session = new Session(configuration.graphPath, operations);
  const signIn = new SignIn(configuration, operations, session);
  if (brought !== null) void signIn.comeBack(brought);
  createRoot(root).render(<Page configuration={configuration} examples={examples} session={session} signIn={signIn} />);
}

start().catch((error: unknown) => {
  elementById("graphiql").textContent = `GraphiQL could not start: ${String(error)}`;
});
