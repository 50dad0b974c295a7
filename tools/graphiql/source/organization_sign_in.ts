// Leaving for the sign-in of an organization, and coming back. The page keeps a secret in this browser tab and gives the
// server only its SHA-256; the code that comes back behind # is worth nothing without the secret, and the tab takes no code
// and shows no message unless it has one, so that no link from elsewhere signs it in or has it say something.

const STORAGE_KEY = "skyledger:single-sign-on";

interface Departure {
  verifier: string;
  organization: string;
}

/** How the tab has come back: with a code, or without one and why. `organization` is what the person had typed. */
export type Return =
  | { organization: string; code: string; verifier: string }
  | { organization: string; problem: string };

/** Opens the sign-in of the organization with this slug, or with the domain of this e-mail address. */
export async function leave(startPath: string, organization: string): Promise<void> {
  if (!window.isSecureContext) throw new Error("Signing in with an organization needs https: open this page by https.");
  const verifier = base64Url(crypto.getRandomValues(new Uint8Array(32)));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  sessionStorage.setItem(STORAGE_KEY, JSON.stringify({ verifier, organization } satisfies Departure));
  const asked = new URLSearchParams({
    page: "graphiql",
    [organization.includes("@") ? "email" : "organization"]: organization,
    challenge: base64Url(new Uint8Array(digest)),
  });
  location.assign(`${startPath}?${asked}`);
}

/** What the tab has come back with, once, or null. The code is gone from the address and the history after that. */
export function takeReturn(): Return | null {
  const brought = new URLSearchParams(location.hash.slice(1));
  const code = brought.get("code");
  if (code === null && !brought.has("error")) return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  const departure = takeDeparture();
  if (departure === null) return null;
  const { verifier, organization } = departure;
  if (code !== null) return { organization, code, verifier };
  return { organization, problem: brought.get("message") ?? "You were not signed in. Try again." };
}

function takeDeparture(): Departure | null {
  const kept = sessionStorage.getItem(STORAGE_KEY);
  sessionStorage.removeItem(STORAGE_KEY);
  try {
    return kept === null ? null : (JSON.parse(kept) as Departure);
  } catch {
    return null;
  }
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
