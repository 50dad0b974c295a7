// How GraphiQL reaches the graph: POST for queries and mutations, graphql-transport-ws for subscriptions. Headers written
// in the header editor win over the signed-in token, on both transports.
import { createGraphiQLFetcher, isAsyncIterable, type Fetcher } from "@graphiql/toolkit";
import { createClient } from "graphql-ws";
import { ACCEPT, isUnauthenticated, type Answer } from "./graph";
import type { Session } from "./session";

const CREDENTIAL_HEADERS = ["authorization", "x-api-key", "x-root-key"];
const REFUSED_CLOSE_CODES = [4401, 4403];

// Access tokens and API keys are longer; shorter values are keys that somebody is still typing.
const CREDENTIAL_MINIMUM_CHARACTERS = 20;

type HeaderMap = Record<string, string>;

/** Whether the text of the header editor holds a credential that looks complete. */
export function hasCredential(headersText: string): boolean {
  try {
    return Object.entries(JSON.parse(headersText) as object).some(
      ([name, value]) =>
        CREDENTIAL_HEADERS.includes(name.toLowerCase()) && String(value).length >= CREDENTIAL_MINIMUM_CHARACTERS,
    );
  } catch {
    return false;
  }
}

/** The credentials of one operation: those of the header editor, otherwise the saved token. */
function withIdentity(session: Session, edited: HeaderMap): { headers: HeaderMap; savedToken: string | null } {
  const hasOwn = Object.keys(edited).some((name) => CREDENTIAL_HEADERS.includes(name.toLowerCase()));
  if (hasOwn) return { headers: edited, savedToken: null };
  return { headers: { ...session.headers(), ...edited }, savedToken: session.snapshot().accessToken };
}

function socketAddress(graphPath: string): string {
  const address = new URL(graphPath, window.location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  return address.href;
}

/** Sends the request, turns an answer that is not JSON into a GraphQL error, and reports a refused credential. */
async function send(path: RequestInfo | URL, init: RequestInit | undefined, refused: () => void): Promise<Response> {
  const response = await fetch(path, init);
  const text = await response.text();
  let answer: Answer;
  try {
    answer = JSON.parse(text) as Answer;
  } catch {
    const message = `The server answered ${response.status} ${response.statusText} with something that is not JSON.`;
    return Response.json({ errors: [{ message, extensions: { body: text.slice(0, 500) } }] });
  }
  if (isUnauthenticated(answer)) refused();
  return new Response(text, { headers: { "Content-Type": "application/json" } });
}

/** GraphiQL shows errors with all their properties; the place in the bundle helps nobody. */
function withoutStack(error: unknown): never {
  if (error instanceof Error) delete error.stack;
  throw error;
}

/** The same results; `return` goes straight to the source, so that stopping does not wait for another event. */
function readable<Result>(source: AsyncIterable<Result>): AsyncIterableIterator<Result> {
  const iterator = source[Symbol.asyncIterator]();
  return {
    next: () => iterator.next().catch(withoutStack),
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/**
 * A fetcher for GraphiQL. Every operation gets its own transport objects, so an operation always carries the identity of
 * the moment it was started; the socket is opened by a subscription and closed with it.
 */
export function createFetcher(graphPath: string, session: Session): Fetcher {
  return async (parameters, options) => {
    const { headers, savedToken } = withIdentity(session, (options?.headers ?? {}) as HeaderMap);
    const refused = (): void => {
      if (savedToken) session.expire(savedToken);
    };
    const fetcher = createGraphiQLFetcher({
      url: graphPath,
      enableIncrementalDelivery: false,
      headers: { accept: ACCEPT },
      fetch: (path, init) => send(path, init, refused),
      wsClient: createClient({
        url: socketAddress(graphPath),
        connectionParams: headers,
        retryAttempts: 0, // A silent reconnect would hide the gap in the events; the closing reason is shown instead.
        on: {
          closed: (event) => {
            if (REFUSED_CLOSE_CODES.includes((event as CloseEvent).code)) refused();
          },
        },
      }),
    });
    const result = await Promise.resolve(fetcher(parameters, { ...options, headers })).catch(withoutStack);
    return isAsyncIterable(result) ? readable(result) : result;
  };
}
