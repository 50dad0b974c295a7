// The forms of the sign-in bar, one for each step. What a step asks for first has `data-first`: the keyboard goes there.
import { useState, type FormEvent, type ReactNode } from "react";
import type { Method, SignIn, SignInState } from "./sign_in";

interface FormProperties {
  state: SignInState;
  /** Who may want to sign in, as far as it is known. */
  email: string;
  signIn: SignIn;
  /** Element that says what is wrong. */
  statusId: string;
}

/** Runs an act with the values of a form instead of sending it. */
function withValues(act: (value: (name: string) => string) => unknown): (event: FormEvent<HTMLFormElement>) => void {
  return (event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    act((name) => String(form.get(name) ?? ""));
  };
}

function Quiet({ children, onClick }: { children: ReactNode; onClick: () => void }): ReactNode {
  return (
    <button type="button" className="session-button session-button-quiet" onClick={onClick}>
      {children}
    </button>
  );
}

function PasswordForm(properties: FormProperties): ReactNode {
  const { state, email, signIn } = properties;
  const emailIsKnown = email !== "";
  return (
    <form
      className="session-form"
      aria-label="Sign in"
      onSubmit={withValues((value) => void signIn.withPassword(value("email"), value("password")))}
    >
      <input
        name="email"
        type="email"
        required
        placeholder="E-mail"
        aria-label="E-mail"
        autoComplete="username"
        defaultValue={email}
        aria-describedby={properties.statusId}
        {...(!emailIsKnown && { "data-first": true })}
      />
      <input
        name="password"
        type="password"
        required
        placeholder="Password"
        aria-label="Password"
        autoComplete="current-password"
        aria-describedby={properties.statusId}
        {...(emailIsKnown && { "data-first": true })}
      />
      <button type="submit" className="session-button" disabled={state.busy}>
        {state.busy ? "Signing in …" : "Sign in"}
      </button>
      <Quiet onClick={() => signIn.chooseOrganization()}>Sign in with your organization</Quiet>
    </form>
  );
}

function OrganizationForm(properties: FormProperties): ReactNode {
  const { state, email, signIn } = properties;
  return (
    <form
      className="session-form"
      aria-label="Sign in with your organization"
      onSubmit={withValues((value) => void signIn.withOrganization(value("organization")))}
    >
      <input
        name="organization"
        required
        placeholder="Slug or e-mail"
        aria-label="Organization's slug, or your e-mail address"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        defaultValue={state.organization || email}
        data-first
        aria-describedby={properties.statusId}
        aria-invalid={state.problem !== null}
      />
      <button type="submit" className="session-button" disabled={state.busy}>
        {state.busy ? "Signing in …" : "Continue"}
      </button>
      <Quiet onClick={() => signIn.startOver()}>Use a password</Quiet>
    </form>
  );
}

const CODE_FIELDS = {
  TOTP: { label: "Code of your authenticator", placeholder: "6 digits", inputMode: "numeric", autoComplete: "one-time-code" },
  RECOVERY_CODE: { label: "Recovery code", placeholder: "Recovery code", inputMode: "text", autoComplete: "off" },
} as const;

interface CodeFieldProperties extends FormProperties {
  method: "TOTP" | "RECOVERY_CODE";
  isFirst: boolean;
}

function CodeField({ method, isFirst, ...properties }: CodeFieldProperties): ReactNode {
  const { label, ...field } = CODE_FIELDS[method];
  return (
    <>
      <input
        key={method}
        name="code"
        required
        aria-label={label}
        autoCapitalize="none"
        spellCheck={false}
        autoFocus
        className={`session-code-${method === "TOTP" ? "short" : "long"}`}
        {...field}
        aria-describedby={properties.statusId}
        aria-invalid={isFirst && properties.state.problem !== null}
        {...(isFirst && { "data-first": true })}
      />
      <button type="submit" className="session-button" disabled={properties.state.busy}>
        {properties.state.busy ? "Checking …" : "Continue"}
      </button>
    </>
  );
}

const PREFERENCE: Method[] = ["TOTP", "PASSKEY", "RECOVERY_CODE"];

function SecondFactorForm({ methods, ...properties }: FormProperties & { methods: Method[] }): ReactNode {
  const { state, signIn } = properties;
  const [method, setMethod] = useState<Method>(PREFERENCE.find((each) => methods.includes(each)) ?? "TOTP");
  const [triesPasskey, setTriesPasskey] = useState(method === "PASSKEY");
  const offers = (other: Method): boolean => methods.includes(other) && other !== method;
  const choose = (other: Method): void => {
    setMethod(other);
    setTriesPasskey(false);
  };
  return (
    <form
      className="session-form"
      aria-label="Second step of signing in"
      onSubmit={withValues((value) => {
        setTriesPasskey(false);
        if (method !== "PASSKEY") void signIn.withCode(method, value("code"));
      })}
    >
      {method !== "PASSKEY" && <CodeField {...properties} method={method} isFirst={!triesPasskey} />}
      {methods.includes("PASSKEY") && (
        <button
          type="button"
          className={method === "PASSKEY" ? "session-button" : "session-button session-button-quiet"}
          disabled={state.busy}
          aria-describedby={properties.statusId}
          onClick={() => {
            setTriesPasskey(true);
            void signIn.withPasskey();
          }}
          {...(triesPasskey && { "data-first": true })}
        >
          Use a passkey
        </button>
      )}
      {offers("TOTP") && <Quiet onClick={() => choose("TOTP")}>Use a code</Quiet>}
      {offers("RECOVERY_CODE") && <Quiet onClick={() => choose("RECOVERY_CODE")}>Use a recovery code</Quiet>}
      <Quiet onClick={() => signIn.startOver()}>Start over</Quiet>
    </form>
  );
}

/** The form of the step that signing in is at. */
export function SignInForm(properties: FormProperties): ReactNode {
  const { step } = properties.state;
  if (step.name === "organization") return <OrganizationForm {...properties} />;
  if (step.name === "second-factor") return <SecondFactorForm {...properties} methods={step.methods} />;
  return <PasswordForm {...properties} />;
}
