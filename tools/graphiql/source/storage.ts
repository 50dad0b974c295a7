// Where GraphiQL remembers things. Its tabs, variables and history can hold passwords and keys (its history keeps request
// headers too), so they live in sessionStorage and die with the browser tab; only the look of the page is kept for longer.

const KEPT = new Set(["theme", "visiblePlugin", "docExplorerFlex", "editorFlex", "secondaryEditorFlex"]);
const PREFIX = "graphiql:";
// Width of the left panel relative to the editors, until somebody drags its edge; GraphiQL's own 1/3 leaves them little.
const PANEL_FLEX = { key: `${PREFIX}docExplorerFlex`, value: "0.3" };

function place(key: string): Storage {
  return KEPT.has(key.replace(PREFIX, "")) ? localStorage : sessionStorage;
}

/** The storage interface of @graphiql/toolkit over the two browser storages. */
export const pageStorage = {
  get length(): number {
    return localStorage.length + sessionStorage.length;
  },
  getItem: (key: string): string | null => place(key).getItem(key) ?? (key === PANEL_FLEX.key ? PANEL_FLEX.value : null),
  setItem: (key: string, value: string): void => place(key).setItem(key, value),
  removeItem: (key: string): void => place(key).removeItem(key),
  clear(): void {
    for (const storage of [localStorage, sessionStorage]) {
      for (const key of Object.keys(storage)) if (key.startsWith(PREFIX)) storage.removeItem(key);
    }
  },
};
