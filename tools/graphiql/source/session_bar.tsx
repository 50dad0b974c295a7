// The bar above GraphiQL: sign in with e-mail and password, or see who is signed in and until when.
import { useGraphiQL } from "@graphiql/react";
import { useEffect, useRef, useState, useSyncExternalStore, type FormEvent, type ReactNode } from "react";
import { createPortal } from "react-dom";
import type { Session, SessionState } from "./session";

const MINUTE_MILLISECONDS = 60_000;

/** Minutes left, recounted while the page is open; null when the token does not say. */
function useMinutesLeft(expiresAt: number | null): number | null {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), MINUTE_MILLISECONDS / 4);
    return () => clearInterval(timer);
  }, [expiresAt]);
  return expiresAt === null ? null : Math.max(0, Math.ceil((expiresAt - now) / MINUTE_MILLISECONDS));
}

/** Empties the response pane when somebody signs in: what stands there was said to an anonymous caller. */
function useFreshResponse(signedIn: boolean): void {
  const responseEditor = useGraphiQL((state) => state.responseEditor);
  const before = useRef(signedIn);
  useEffect(() => {
    if (signedIn && !before.current) responseEditor?.setValue("");
    before.current = signedIn;
  }, [signedIn, responseEditor]);
}

function SignedIn({ state, session }: { state: SessionState; session: Session }): ReactNode {
  const minutes = useMinutesLeft(state.expiresAt);
  return (
    <div className="session-facts">
      <span className="session-dot" aria-hidden="true" />
      <span>
        Signed in as <strong>{state.email}</strong>
        {minutes !== null && <span className="session-hint"> · token valid for {minutes} min</span>}
      </span>
      <button type="button" className="session-button session-button-quiet" onClick={() => void session.signOut()}>
        Sign out
      </button>
    </div>
  );
}

function SignInForm({ state, session }: { state: SessionState; session: Session }): ReactNode {
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    void session.signIn(String(form.get("email")), String(form.get("password")));
  };
  const expired = state.status === "expired";
  const hint = expired ? "Your session has ended: sign in again." : "Sign in to load the schema and run the examples.";
  return (
    <form className="session-form" onSubmit={submit} aria-label="Sign in">
      <span role="status" className={state.problem || expired ? "session-problem" : "session-hint"}>
        {state.problem ?? hint}
      </span>
      <input name="email" type="email" required placeholder="E-mail" aria-label="E-mail" autoComplete="username" defaultValue={state.email} />
      <input name="password" type="password" required placeholder="Password" aria-label="Password" autoComplete="current-password" />
      <button type="submit" className="session-button" disabled={state.busy}>
        {state.busy ? "Signing in …" : "Sign in"}
      </button>
    </form>
  );
}

/** Rendered inside GraphiQL (it needs its store) but shown in the page's header. */
export function SessionBar({ session, place }: { session: Session; place: HTMLElement }): ReactNode {
  const state = useSyncExternalStore(session.subscribe, session.snapshot);
  useFreshResponse(state.status === "signed-in");
  const content = state.status === "signed-in" ? <SignedIn state={state} session={session} /> : <SignInForm state={state} session={session} />;
  return createPortal(content, place);
}
