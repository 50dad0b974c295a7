// One plain request to the graph, and small readers for its answers. The shape of the session operations is written in
// app/server/graphiql/session/*.graphql, so answers are searched by field name instead of by a path fixed in this bundle.

export type Answer = { data?: unknown; errors?: AnswerError[] };

type AnswerError = { message?: string; path?: (string | number)[]; extensions?: { code?: string; body?: string } };

// Operations that ask for a credential themselves: what they refuse is what stands in their input, not the caller's token.
const SIGN_IN_FIELDS = ["logIn", "completeLogIn", "completeSingleSignOn", "refreshSession"];

export const ACCEPT = "application/graphql-response+json, application/json";

/** Posts one operation and returns the decoded answer; throws an Error with a sentence for people when there is none. */
export async function ask(
  graphPath: string,
  query: string,
  variables: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(graphPath, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: ACCEPT, ...headers },
    body: JSON.stringify({ query, variables }),
  }).catch(() => {
    throw new Error("The server cannot be reached.");
  });
  const answer: unknown = await response.json().catch(() => null);
  if (typeof answer !== "object" || answer === null) {
    throw new Error(`The server answered ${response.status} without JSON.`);
  }
  return answer as Answer;
}

/** What stands under this field name or alias, the highest first, at any depth of an answer; null where nothing does. */
export function find(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return null;
  const own = (value as Record<string, unknown>)[name];
  if (own !== undefined && own !== null && own !== "") return own;
  for (const child of Object.values(value)) {
    const found = find(child, name);
    if (found !== null) return found;
  }
  return null;
}

/** The text under this name; null where there is none. */
export function findText(value: unknown, name: string): string | null {
  const found = find(value, name);
  return typeof found === "string" ? found : null;
}

/** Why an answer is not what was asked for, in a sentence for people. */
export function reasonOf(answer: Answer, otherwise: string): string {
  return findText(answer.data, "message") ?? answer.errors?.[0]?.message ?? otherwise;
}

/** Whether an answer says that the caller's credential is missing, wrong, expired or revoked. */
export function isUnauthenticated(answer: Answer): boolean {
  return (
    answer.errors?.some(
      ({ path, extensions }) =>
        extensions?.code === "UNAUTHENTICATED" && !SIGN_IN_FIELDS.includes(String(path?.[0])),
    ) ?? false
  );
}
