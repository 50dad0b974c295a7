// How GraphiQL reaches the graph: POST for queries and mutations, graphql-transport-ws for subscriptions. Headers written
// in the header editor win over the signed-in token, on both transports.
import type { Fetcher, FetcherParams } from "@graphiql/toolkit";
import { createClient, type FormattedExecutionResult as Result, type Sink } from "graphql-ws";
import { ACCEPT, isUnauthenticated, type Answer } from "./graph";
import { operationToRun } from "./operations";
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

/** What one operation needs on its way: where to, as whom, and whom to tell that the credential was refused. */
interface Call {
  graphPath: string;
  headers: HeaderMap;
  refused: () => void;
}

type Results = Sink<Result>;
type Stop = () => void;

/** Posts the operation; an answer that is not JSON becomes a GraphQL error, a refused credential is reported. */
async function post({ graphPath, headers, refused }: Call, body: FetcherParams, signal: AbortSignal): Promise<Answer> {
  const response = await fetch(graphPath, {
    method: "POST",
    headers: { "content-type": "application/json", accept: ACCEPT, ...headers },
    body: JSON.stringify(body),
    signal,
  });
  const text = await response.text();
  let answer: Answer;
  try {
    answer = JSON.parse(text) as Answer;
  } catch {
    const message = `The server answered ${response.status} ${response.statusText} with something that is not JSON.`;
    return { errors: [{ message, extensions: { body: text.slice(0, 500) } }] };
  }
  if (isUnauthenticated(answer)) refused();
  return answer;
}

function startPost(call: Call, body: FetcherParams, results: Results): Stop {
  const controller = new AbortController();
  post(call, body, controller.signal)
    .then((answer) => {
      results.next(answer as Result);
      results.complete();
    })
    .catch(results.error);
  return () => controller.abort();
}

/** Opens a socket for this subscription alone; it closes with it. */
function startSubscription({ graphPath, headers, refused }: Call, body: FetcherParams, results: Results): Stop {
  const client = createClient({
    url: socketAddress(graphPath),
    connectionParams: headers,
    retryAttempts: 0, // A silent reconnect would hide the gap in the events; the closing reason is shown instead.
    on: {
      closed: (event) => {
        if (REFUSED_CLOSE_CODES.includes((event as CloseEvent).code)) refused();
      },
    },
  });
  return client.subscribe(body, results);
}

/** What the response pane shows of an error: not the place in the bundle, which helps nobody. */
function readable(error: unknown): unknown {
  if (error instanceof CloseEvent) return { message: `Socket closed with event ${error.code} ${error.reason}`.trim() };
  if (error instanceof Error) delete error.stack;
  return error;
}

/**
 * The results as GraphiQL wants them. It has one response pane for all tabs: once an operation is stopped nothing of it may
 * arrive any more, neither its answer nor its end, or they would land in the operation that runs by then.
 */
function stoppable(start: (results: Results) => Stop): ReturnType<Fetcher> {
  const subscribe = (results: Results): { unsubscribe: Stop } => {
    let stopped = false;
    const unlessStopped =
      <Parameters extends unknown[]>(pass: (...parameters: Parameters) => void) =>
      (...parameters: Parameters): void => {
        if (!stopped) pass(...parameters);
      };
    const stop = start({
      next: unlessStopped(results.next),
      error: unlessStopped((error) => results.error(readable(error))),
      complete: unlessStopped(results.complete),
    });
    return {
      unsubscribe: () => {
        stopped = true;
        stop();
      },
    };
  };
  return { subscribe } as ReturnType<Fetcher>;
}

/**
 * A fetcher for GraphiQL. Every operation gets its own transport objects, so an operation always carries the identity of
 * the moment it was started.
 */
export function createFetcher(graphPath: string, session: Session): Fetcher {
  return (parameters, options) => {
    const { headers, savedToken } = withIdentity(session, (options?.headers ?? {}) as HeaderMap);
    const refused = (): void => {
      if (savedToken) session.expire(savedToken);
    };
    const { operationName, isSubscription } = operationToRun(parameters.query, parameters.operationName);
    const start = isSubscription ? startSubscription : startPost;
    return stoppable((results) => start({ graphPath, headers, refused }, { ...parameters, operationName }, results));
  };
}
