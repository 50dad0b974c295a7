// Who is signed in on this page. The access token lives in sessionStorage (this browser tab, gone when it closes), the
// refresh token only in memory, and neither is ever part of a URL.
import { ask, find, findText, reasonOf, type Answer } from "./graph";
import { makePasskey, type PasskeyOptions } from "./passkeys";

/** Texts of the session operations; an empty text means the server offers none. */
export interface SessionOperations {
  logIn: string;
  completeLogIn: string;
  completeSingleSignOn: string;
  beginPasskeyRegistration: string;
  addPasskey: string;
  refreshSession: string;
  logOut: string;
  workspace: string;
}

/** Values that examples may name as "{{organizationId}}" and "{{organizationSlug}}". */
export type Workspace = Record<string, string>;

export interface SessionState {
  status: "anonymous" | "signed-in" | "expired";
  email: string;
  accessToken: string | null;
  /** Milliseconds since the epoch; null when the token does not say. */
  expiresAt: number | null;
  workspace: Workspace;
}

const STORAGE_KEY = "skyledger:session";
const REFRESH_BEFORE_MILLISECONDS = 60_000;
const WORKSPACE_NAMES = ["organizationId", "organizationSlug"];
const ANONYMOUS: SessionState = {
  status: "anonymous",
  email: "",
  accessToken: null,
  expiresAt: null,
  workspace: {},
};

/** Reads `exp` (seconds) of a JSON Web Token without judging the token: the server does that. */
function expiryOf(token: string): number | null {
  try {
    const claims = JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")));
    return typeof claims.exp === "number" ? claims.exp * 1000 : null;
  } catch {
    return null;
  }
}

export class Session {
  #state: SessionState = ANONYMOUS;
  #refreshToken: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #graphPath: string;
  readonly #operations: SessionOperations;

  constructor(graphPath: string, operations: SessionOperations) {
    this.#graphPath = graphPath;
    this.#operations = operations;
    try {
      const kept = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "{}");
      if (typeof kept.accessToken === "string") this.#accept(kept.accessToken, String(kept.email ?? ""));
    } catch {
      sessionStorage.removeItem(STORAGE_KEY);
    }
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): SessionState => this.#state;

  /** The header that says who is calling; empty for an anonymous caller. */
  headers(): Record<string, string> {
    const { accessToken } = this.#state;
    return accessToken ? { Authorization: `Bearer ${accessToken}` } : {};
  }

  /** Begins a session with the tokens of an answer; false where it has none. */
  async begin(answer: Answer): Promise<boolean> {
    const token = findText(answer.data, "accessToken");
    if (!token) return false;
    this.#refreshToken = findText(answer.data, "refreshToken");
    // Known before the page says "Signed in": an example opened right after that has its values filled in.
    this.#change({ workspace: await this.#workspaceOf(token) });
    this.#accept(token, findText(answer.data, "email") ?? "");
    return true;
  }

  /** Makes a passkey of this device; gives the recovery codes that come with somebody's first second factor, else none. */
  async addPasskey(name: string, password: string, signal: AbortSignal): Promise<string[]> {
    const { beginPasskeyRegistration, addPasskey } = this.#operations;
    const begun = await ask(this.#graphPath, beginPasskeyRegistration, { password }, this.headers());
    const options = find(begun.data, "options");
    if (options === null) throw new Error(reasonOf(begun, "The passkey was not added."));
    const credential = await makePasskey(options as PasskeyOptions, signal);
    const added = await ask(this.#graphPath, addPasskey, { name, credential }, this.headers());
    if (findText(added.data, "__typename") !== "AddPasskeyPayload") throw new Error(reasonOf(added, "The passkey was not added."));
    return (find(added.data, "recoveryCodes") ?? []) as string[];
  }

  /** Forgets the token at once and tells the server to end the session. */
  async signOut(): Promise<void> {
    const headers = this.headers();
    const refreshToken = this.#refreshToken;
    this.#forget();
    this.#change({ ...ANONYMOUS, email: this.#state.email });
    const operation = this.#operations.logOut;
    if (operation && headers["Authorization"]) {
      await ask(this.#graphPath, operation, { refreshToken }, headers).catch(() => undefined);
    }
  }

  /** The server refused this token: show it, keep the e-mail for the next try. A token renewed meanwhile stays. */
  expire(refusedToken: string | null): void {
    if (this.#state.status !== "signed-in" || refusedToken !== this.#state.accessToken) return;
    this.#forget();
    this.#change({ ...ANONYMOUS, status: "expired", email: this.#state.email });
  }

  #accept(accessToken: string, email: string): void {
    const expiresAt = expiryOf(accessToken);
    if (expiresAt !== null && expiresAt <= Date.now()) {
      this.#forget();
      this.#change({ ...ANONYMOUS, status: "expired", email });
      return;
    }
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify({ accessToken, email }));
    this.#change({ status: "signed-in", email, accessToken, expiresAt });
    this.#schedule(expiresAt);
    void this.#learnWorkspace();
  }

  #schedule(expiresAt: number | null): void {
    clearTimeout(this.#timer);
    if (expiresAt === null) return;
    const left = expiresAt - Date.now();
    this.#timer = this.#refreshToken
      ? setTimeout(() => void this.#refresh(), Math.max(left - REFRESH_BEFORE_MILLISECONDS, left / 2))
      : setTimeout(() => this.expire(this.#state.accessToken), left);
  }

  async #refresh(): Promise<void> {
    const refreshToken = this.#refreshToken;
    const { email, expiresAt } = this.#state;
    this.#refreshToken = null; // Rotated by the server: using one twice would revoke the whole family.
    try {
      const answer = await ask(this.#graphPath, this.#operations.refreshSession, { refreshToken });
      if (this.#state.status !== "signed-in") return;
      const token = findText(answer.data, "accessToken");
      if (!token) throw new Error("No new token");
      this.#refreshToken = findText(answer.data, "refreshToken");
      this.#accept(token, email);
    } catch {
      this.#schedule(expiresAt);
    }
  }

  async #learnWorkspace(): Promise<void> {
    const { accessToken, workspace } = this.#state;
    if (!accessToken || Object.keys(workspace).length > 0) return;
    const found = await this.#workspaceOf(accessToken);
    if (this.#state.status === "signed-in") this.#change({ workspace: found });
  }

  async #workspaceOf(accessToken: string): Promise<Workspace> {
    const workspace: Workspace = {};
    if (!this.#operations.workspace) return workspace;
    const headers = { Authorization: `Bearer ${accessToken}` };
    const answer = await ask(this.#graphPath, this.#operations.workspace, {}, headers).catch(() => null);
    for (const name of WORKSPACE_NAMES) {
      const found = answer && findText(answer.data, name);
      if (found) workspace[name] = found;
    }
    return workspace;
  }

  #forget(): void {
    clearTimeout(this.#timer);
    this.#refreshToken = null;
    sessionStorage.removeItem(STORAGE_KEY);
  }

  #change(part: Partial<SessionState>): void {
    this.#state = { ...this.#state, ...part };
    for (const listener of this.#listeners) listener();
  }
}
