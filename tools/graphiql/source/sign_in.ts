// The steps from nobody to a session: a password or an organization's sign-in, and a second factor where there is one.
import { ask, find, findText, reasonOf, type Answer } from "./graph";
import { leave, type Return } from "./organization_sign_in";
import { provePasskey, type PasskeyOptions } from "./passkeys";
import type { Session, SessionOperations } from "./session";

export type Method = "TOTP" | "RECOVERY_CODE" | "PASSKEY";

/** What the account takes besides the password. The challenge is a secret and stays in memory. */
interface SecondFactorStep {
  name: "second-factor";
  challenge: string;
  methods: Method[];
  passkeyOptions: PasskeyOptions | null;
  triesLeft: number;
}

export interface SignInState {
  step: { name: "password" } | { name: "organization" } | SecondFactorStep;
  email: string;
  /** A slug or an e-mail address, as it was typed. */
  organization: string;
  busy: boolean;
  problem: string | null;
}

export interface Addresses {
  graphPath: string;
  singleSignOnPath: string;
}

// As the server counts: see completeLogIn in schema.graphql.
const TRIES = 5;
const STEP_MILLISECONDS = 300_000;
const SINGLE_SIGN_ON_REQUIRED = "Your organization has you sign in at its own provider: continue there.";
const BEGINNING: SignInState = { step: { name: "password" }, email: "", organization: "", busy: false, problem: null };
const REFUSALS: Record<Method, string> = {
  TOTP: "The code is wrong, or was used before: take the next one.",
  RECOVERY_CODE: "The recovery code is wrong, or was used before.",
  PASSKEY: "The passkey was not accepted.",
};

export class SignIn {
  #state: SignInState = BEGINNING;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #prompt = new AbortController();
  readonly #listeners = new Set<() => void>();
  readonly #addresses: Addresses;
  readonly #operations: SessionOperations;
  readonly #session: Session;

  constructor(addresses: Addresses, operations: SessionOperations, session: Session) {
    this.#addresses = addresses;
    this.#operations = operations;
    this.#session = session;
    // Whoever goes back from the provider's page finds this one as it was left: about to leave.
    addEventListener("pageshow", (event) => event.persisted && this.#change({ busy: false }));
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): SignInState => this.#state;

  withPassword(email: string, password: string): Promise<void> {
    this.#change({ email });
    return this.#turn(async () => {
      const answer = await this.#ask("logIn", { email, password });
      if (findText(answer.data, "startPath")) {
        this.#become({ step: { name: "organization" }, organization: email, problem: SINGLE_SIGN_ON_REQUIRED });
      } else {
        await this.#goOn(answer);
      }
    });
  }

  /** The second step: six digits of the authenticator, or a recovery code. */
  withCode(method: "TOTP" | "RECOVERY_CODE", typed: string): Promise<void> {
    const code = typed.replaceAll(/\s/g, "");
    return this.#complete(method, async () => (method === "TOTP" ? { code } : { recoveryCode: code }));
  }

  /** The second step: the browser asks for a passkey. */
  withPasskey(): Promise<void> {
    return this.#complete("PASSKEY", async (step) => {
      this.#prompt = new AbortController();
      return { passkey: await provePasskey(step.passkeyOptions ?? {}, this.#prompt.signal) };
    });
  }

  /** Shows the form for an organization's sign-in. */
  chooseOrganization(): void {
    this.#become({ step: { name: "organization" } });
  }

  /** Leaves the page for the organization's sign-in. */
  async withOrganization(typed: string): Promise<void> {
    if (this.#state.busy) return;
    const organization = typed.trim();
    this.#change({ busy: true, problem: null, organization });
    // The page stays busy: it is left.
    await leave(this.#addresses.singleSignOnPath, organization).catch((error: Error) =>
      this.#change({ busy: false, problem: error.message }),
    );
  }

  /** Goes on where the tab has come back from an organization's sign-in. */
  async comeBack(brought: Return): Promise<void> {
    this.#become({ step: { name: "organization" }, organization: brought.organization });
    if ("problem" in brought) return this.#change({ problem: brought.problem });
    const { code, verifier } = brought;
    await this.#turn(async () => this.#goOn(await this.#ask("completeSingleSignOn", { code, verifier })));
  }

  /** Back to e-mail and password. */
  startOver(problem: string | null = null): void {
    this.#become({ step: { name: "password" }, problem });
  }

  /** What an answer leads to: a session, the second step, or a problem in this one. */
  async #goOn(answer: Answer): Promise<void> {
    const challenge = findText(answer.data, "challenge");
    if (challenge) return this.#askForSecondFactor(answer, challenge);
    if (await this.#session.begin(answer)) return this.#become({ email: "", organization: "", step: { name: "password" } });
    this.#change({ problem: reasonOf(answer, "Signing in failed.") });
  }

  #askForSecondFactor(answer: Answer, challenge: string): void {
    const step: SecondFactorStep = {
      name: "second-factor",
      challenge,
      methods: (find(answer.data, "methods") ?? []) as Method[],
      passkeyOptions: find(answer.data, "passkeyOptions") as PasskeyOptions | null,
      triesLeft: TRIES,
    };
    this.#become({ step });
    // Counted from now instead of by expiresAt: the clocks of the two may differ by more than it lasts.
    const expire = (): void => this.startOver("The second step took more than five minutes: sign in again.");
    this.#timer = setTimeout(expire, STEP_MILLISECONDS);
  }

  #complete(method: Method, prove: (step: SecondFactorStep) => Promise<Record<string, unknown>>): Promise<void> {
    return this.#turn(async () => {
      const { step } = this.#state;
      if (step.name !== "second-factor") return;
      const proof = await prove(step);
      // Meanwhile the step may have ended, or been left.
      if (this.#state.step !== step) return;
      const answer = await this.#ask("completeLogIn", { challenge: step.challenge, ...proof });
      if (this.#state.step !== step) return;
      if (answer.errors?.[0]?.extensions?.code === "UNAUTHENTICATED") this.#countRefusal(step, method);
      else await this.#goOn(answer);
    });
  }

  #countRefusal(step: SecondFactorStep, method: Method): void {
    const triesLeft = step.triesLeft - 1;
    if (triesLeft === 0) return this.startOver(`${REFUSALS[method]} That was the last of ${TRIES} tries: sign in again.`);
    const left = triesLeft === 1 ? "One try is left." : `${triesLeft} tries are left.`;
    this.#change({ step: { ...step, triesLeft }, problem: `${REFUSALS[method]} ${left}` });
  }

  /** Does one thing at a time, and shows why it failed if the page is still at the step where it began. */
  async #turn(act: () => Promise<void>): Promise<void> {
    if (this.#state.busy) return;
    const { step } = this.#state;
    this.#change({ busy: true, problem: null });
    try {
      await act();
    } catch (error) {
      if (this.#state.step === step) this.#change({ problem: (error as Error).message });
    } finally {
      this.#change({ busy: false });
    }
  }

  #ask(operation: keyof SessionOperations, variables: Record<string, unknown>): Promise<Answer> {
    return ask(this.#addresses.graphPath, this.#operations[operation], variables);
  }

  /** Another step: what the one before had under way ends. */
  #become(part: Partial<SignInState>): void {
    clearTimeout(this.#timer);
    this.#prompt.abort();
    this.#change({ problem: null, ...part });
  }

  #change(part: Partial<SignInState>): void {
    this.#state = { ...this.#state, ...part };
    for (const listener of this.#listeners) listener();
  }
}
