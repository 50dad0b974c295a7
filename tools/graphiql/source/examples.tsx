// The Examples panel: one click puts a ready operation and its variables into a tab.
import { useGraphiQL, useGraphiQLActions, type GraphiQLPlugin } from "@graphiql/react";
import { parse } from "graphql";
import { createContext, useContext, useSyncExternalStore, type ReactNode } from "react";
import { operationsOf } from "./operations";
import type { Session, Workspace } from "./session";

export interface Example {
  name: string;
  title: string;
  description: string;
  operation: "query" | "mutation" | "subscription";
  query: string;
  /** JSON text of the variables; empty when the operation takes none. */
  variables: string;
}

export const ExamplesContext = createContext<{ examples: Example[]; session: Session } | null>(null);

/** Puts what is known about the caller in place of "{{name}}"; unknown names stay readable. */
export function fillIn(variables: string, workspace: Workspace): string {
  return variables.replaceAll(/\{\{(\w+)\}\}/g, (whole, name: string) => workspace[name] ?? whole);
}

/** A description with its `quoted words` set as code. */
function Description({ text }: { text: string }): ReactNode {
  return <span className="example-text">{text.split("`").map((part, index) => (index % 2 ? <code key={index}>{part}</code> : part))}</span>;
}

function useOpenExample(session: Session): (example: Example) => void {
  const { addTab, changeTab, setOperationFacts, updateActiveTabValues } = useGraphiQLActions();
  const { tabs, activeTabIndex, queryEditor, variableEditor } = useGraphiQL((state) => ({
    tabs: state.tabs,
    activeTabIndex: state.activeTabIndex,
    queryEditor: state.queryEditor,
    variableEditor: state.variableEditor,
  }));
  return (example) => {
    const open = tabs.findIndex((tab) => tab.query === example.query);
    if (open >= 0 && open !== activeTabIndex) changeTab(open);
    else if (open < 0 && queryEditor?.getValue().trim()) addTab();
    queryEditor?.setValue(example.query);
    if (open < 0 || variableEditor?.getValue().includes("{{")) {
      variableEditor?.setValue(fillIn(example.variables, session.snapshot().workspace));
    }
    // GraphiQL looks at the new text only after a while. A second click on the example, a change of tab or a click on the
    // run button before that must find the new tab as it stands.
    const documentAST = parse(example.query);
    const operations = operationsOf(documentAST);
    const operationName = operations[0]?.name?.value;
    setOperationFacts({ documentAST, operations, ...(operationName && { operationName }) });
    updateActiveTabValues({
      query: example.query,
      variables: variableEditor?.getValue() ?? null,
      operationName: operationName ?? null,
    });
    queryEditor?.focus();
  };
}

function ExamplesPanel(): ReactNode {
  const shared = useContext(ExamplesContext);
  if (!shared) throw new Error("ExamplesPanel is used outside ExamplesContext");
  useSyncExternalStore(shared.session.subscribe, shared.session.snapshot);
  const openExample = useOpenExample(shared.session);
  return (
    <section className="examples" aria-label="Examples">
      <h2 className="examples-title">Examples</h2>
      <p className="examples-hint">Click one to open it in a tab, then run it with Ctrl-Enter.</p>
      <ul className="examples-list">
        {shared.examples.map((example) => (
          <li key={example.name}>
            <button type="button" className="example" onClick={() => openExample(example)}>
              <span className="example-head">
                <span className="example-name">{example.title}</span>
                <span className={`example-kind example-kind-${example.operation}`}>{example.operation}</span>
              </span>
              {example.description && <Description text={example.description} />}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function ExamplesIcon(): ReactNode {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d="M4 5.5h10M4 12h6M4 18.5h10" />
      <path d="M16 9l5 3.5-5 3.5z" fill="currentColor" />
    </svg>
  );
}

export const EXAMPLES_PLUGIN: GraphiQLPlugin = { title: "Examples", icon: ExamplesIcon, content: ExamplesPanel };
