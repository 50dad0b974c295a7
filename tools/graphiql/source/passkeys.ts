// What the browser does with passkeys (WebAuthn). Every failure is an Error with a sentence that says what to do.

/** What the server asks of a passkey, as it came: the browser itself reads it. */
export type PasskeyOptions = Record<string, unknown>;

/** Lets the person prove a passkey of theirs; what the browser answers is for the server. */
export async function provePasskey(options: PasskeyOptions, signal: AbortSignal): Promise<unknown> {
  requirePasskeys();
  try {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options as never);
    const found = await navigator.credentials.get({ publicKey, signal });
    return (found as PublicKeyCredential).toJSON();
  } catch (error) {
    throw new Error(sentence(error, String(options["rpId"])));
  }
}

/** Lets the person make a passkey; what the browser answers is for the server. */
export async function makePasskey(options: PasskeyOptions, signal: AbortSignal): Promise<unknown> {
  requirePasskeys();
  try {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options as never);
    const made = await navigator.credentials.create({ publicKey, signal });
    return (made as PublicKeyCredential).toJSON();
  } catch (error) {
    throw new Error(sentence(error, String((options["rp"] as { id?: string } | undefined)?.id)));
  }
}

function requirePasskeys(): void {
  if (!window.isSecureContext) throw new Error("Passkeys need https: open this page by https, or use a code.");
  if (!("PublicKeyCredential" in window) || !("parseRequestOptionsFromJSON" in PublicKeyCredential)) {
    throw new Error("This browser is too old for passkeys here: use another one, or a code.");
  }
}

function sentence(error: unknown, domain: string): string {
  switch ((error as DOMException).name) {
    case "NotAllowedError":
      return "The passkey prompt was closed, or took too long.";
    case "InvalidStateError":
      return "This device has a passkey of your account already.";
    case "SecurityError":
      return `Passkeys belong to ${domain} here, and this page is at ${location.hostname}: open it there, or use a code.`;
    default:
      return `The browser cannot use a passkey here: ${(error as Error).message}`;
  }
}
