// Adding a passkey: the password once more, a name, the browser's own prompt, and recovery codes where they are the first.
import { useEffect, useRef, useState, type FormEvent, type ReactNode } from "react";
import type { Session } from "./session";

type State = { busy: boolean; problem: string | null; added: { name: string; recoveryCodes: string[] } | null };

function Form({ state, onSubmit, onClose }: { state: State; onSubmit: (event: FormEvent<HTMLFormElement>) => void; onClose: () => void }): ReactNode {
  return (
    <form onSubmit={onSubmit}>
      <label>
        Name of the passkey
        <input name="name" required maxLength={100} placeholder="Such as: my laptop" autoComplete="off" autoFocus />
      </label>
      <label>
        Your password
        <input name="password" type="password" required autoComplete="current-password" aria-describedby="passkey-status" />
      </label>
      <div className="dialog-acts">
        <button type="submit" className="session-button" disabled={state.busy}>
          {state.busy ? "Adding …" : "Add the passkey"}
        </button>
        <button type="button" className="session-button session-button-quiet" onClick={onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}

function RecoveryCodes({ codes }: { codes: string[] }): ReactNode {
  return (
    <>
      <p>From now on signing in asks for it. Keep these recovery codes for when it is lost; they are not shown again:</p>
      <ol className="dialog-codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ol>
    </>
  );
}

/** Open as long as it is rendered. Escape closes it, but not before the recovery codes are said to be kept. */
export function PasskeyDialog({ session, onClose }: { session: Session; onClose: () => void }): ReactNode {
  const [state, setState] = useState<State>({ busy: false, problem: null, added: null });
  const dialog = useRef<HTMLDialogElement>(null);
  const prompt = useRef(new AbortController());
  const done = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    return () => prompt.current.abort();
  }, []);
  useEffect(() => done.current?.focus(), [state.added]);

  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    if (state.busy) return;
    const form = new FormData(event.currentTarget);
    const name = String(form.get("name"));
    prompt.current = new AbortController();
    setState({ ...state, busy: true, problem: null });
    session.addPasskey(name, String(form.get("password")), prompt.current.signal).then(
      (recoveryCodes) => setState({ busy: false, problem: null, added: { name, recoveryCodes } }),
      (error: Error) => setState({ busy: false, problem: error.message, added: null }),
    );
  };
  const close = (): void => dialog.current?.close(); // Gives the focus back to the button that opened it.
  const codes = state.added?.recoveryCodes ?? [];
  return (
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby="passkey-title"
      onCancel={(event) => codes.length > 0 && event.preventDefault()}
      onClose={onClose}
    >
      <h2 id="passkey-title">Add a passkey</h2>
      <p id="passkey-status" role="status" className={state.problem ? "session-problem" : "session-hint"}>
        {state.problem ?? (state.added ? `“${state.added.name}” was added.` : "A finger, a face or a PIN of this device, or a security key.")}
      </p>
      {state.added === null && <Form state={state} onSubmit={submit} onClose={close} />}
      {codes.length > 0 && <RecoveryCodes codes={codes} />}
      {state.added !== null && (
        <div className="dialog-acts">
          <button type="button" className="session-button" ref={done} onClick={close}>
            {codes.length > 0 ? "I have kept the codes" : "Done"}
          </button>
        </div>
      )}
    </dialog>
  );
}
