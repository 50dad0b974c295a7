// The bar above GraphiQL: who is signed in and until when, or the form of the step that signing in is at.
import { useGraphiQL } from "@graphiql/react";
import { useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from "react";
import { createPortal } from "react-dom";
import { PasskeyDialog } from "./passkey_dialog";
import type { Session, SessionState } from "./session";
import type { Method, SignIn, SignInState } from "./sign_in";
import { SignInForm } from "./sign_in_form";

const MINUTE_MILLISECONDS = 60_000;
const STATUS_ID = "session-status";

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

/**
 * Where the keyboard goes after each step: to what the step asks for first, to the same field after a refusal, and to the
 * sentence that says who is signed in. Nothing is taken from whoever has just opened the page, unless they `cameBack`, or
 * is at work in the editor, where a session that ends must not have them type into the bar.
 */
function useFocus(cameBack: boolean, isBusy: boolean, ...changes: unknown[]): (element: HTMLElement | null) => void {
  const place = useRef<HTMLElement | null>(null);
  const opened = useRef(cameBack);
  useEffect(() => {
    if (isBusy) return;
    const { activeElement } = document;
    const isFree = activeElement === null || activeElement === document.body || place.current?.contains(activeElement);
    if (opened.current && isFree) {
      const target = place.current?.querySelector<HTMLElement>("[data-first]");
      target?.focus();
      if (target instanceof HTMLInputElement) target.select();
    }
    opened.current = true;
  }, [isBusy, ...changes]);
  return (element) => {
    place.current = element;
  };
}

const METHODS: Record<Method, string> = { TOTP: "a code", PASSKEY: "a passkey", RECOVERY_CODE: "a recovery code" };

function anyOf(methods: Method[]): string {
  return new Intl.ListFormat("en", { type: "disjunction" }).format(methods.map((method) => METHODS[method]));
}

/** What the bar says, and whether it is a problem. */
function sentenceOf({ status }: SessionState, { step, problem }: SignInState): { text: string; isProblem: boolean } {
  if (problem) return { text: problem, isProblem: true };
  if (step.name === "second-factor") return { text: `Second step: ${anyOf(step.methods)}.`, isProblem: false };
  if (step.name === "organization") return { text: "Your organization's slug, or your e-mail address there.", isProblem: false };
  if (status === "expired") return { text: "Your session has ended: sign in again.", isProblem: true };
  return { text: "Sign in to load the schema.", isProblem: false };
}

function SignedInAs({ state }: { state: SessionState }): ReactNode {
  return (
    <>
      Signed in as <strong>{state.email}</strong>
    </>
  );
}

function SessionActs({ state, session, onAddPasskey }: { state: SessionState; session: Session; onAddPasskey: () => void }): ReactNode {
  const minutes = useMinutesLeft(state.expiresAt);
  return (
    <>
      {minutes !== null && <span className="session-hint">· token valid for {minutes} min</span>}
      <button type="button" className="session-button session-button-quiet" onClick={onAddPasskey}>
        Add a passkey
      </button>
      <button type="button" className="session-button session-button-quiet" onClick={() => void session.signOut()}>
        Sign out
      </button>
    </>
  );
}

interface BarProperties {
  session: Session;
  signIn: SignIn;
  place: HTMLElement;
}

/** Rendered inside GraphiQL (it needs its store) but shown in the page's header. */
export function SessionBar({ session, signIn, place }: BarProperties): ReactNode {
  const state = useSyncExternalStore(session.subscribe, session.snapshot);
  const steps = useSyncExternalStore(signIn.subscribe, signIn.snapshot);
  const [addsPasskey, setAddsPasskey] = useState(false);
  const signedIn = state.status === "signed-in";
  useFreshResponse(signedIn);
  const watch = useFocus(steps.step.name === "organization", steps.busy, signedIn, steps.step, steps.problem);
  const { text, isProblem } = sentenceOf(state, steps);
  return createPortal(
    <div className="session" ref={watch}>
      {signedIn && <span className="session-dot" aria-hidden="true" />}
      {/* One element for all steps: screen readers tell what changes in it, not what comes with it. */}
      <span
        id={STATUS_ID}
        role="status"
        className={signedIn ? "" : isProblem ? "session-problem" : "session-hint"}
        {...(signedIn && { tabIndex: -1, "data-first": true })}
      >
        {signedIn ? <SignedInAs state={state} /> : text}
      </span>
      {signedIn ? (
        <SessionActs state={state} session={session} onAddPasskey={() => setAddsPasskey(true)} />
      ) : (
        <SignInForm state={steps} email={steps.email || state.email} signIn={signIn} statusId={STATUS_ID} />
      )}
      {addsPasskey && <PasskeyDialog session={session} onClose={() => setAddsPasskey(false)} />}
    </div>,
    place,
  );
}
