// What GraphiQL leaves open about its tabs.
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { useEffect, useRef } from "react";

/**
 * Stops what runs when another tab is opened. GraphiQL runs one operation at a time, but a new tab keeps the operation of
 * the tab before: its run button would be a stop button, and it would show the answer to a question that stands elsewhere.
 */
export function useOperationEndsWithItsTab(): void {
  const { stop } = useGraphiQLActions();
  const tab = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.id);
  const before = useRef(tab);
  useEffect(() => {
    if (tab !== before.current) stop();
    before.current = tab;
  }, [tab, stop]);
}
