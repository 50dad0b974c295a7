// What a partner's program does with one client library, named by the first argument: prints what it saw as JSON.
import WebSocket from "ws";

globalThis.WebSocket ??= WebSocket; // Apollo's link looks for it; Node has one from version 22 on

const { SKYLEDGER_URL: url, SKYLEDGER_API_KEY: apiKey, ORGANIZATION_ID: organizationId, SLUG: slug } = process.env;
const headers = { "x-api-key": apiKey };
const QUERY = "query ($slug: String!) { organization(slug: $slug) { slug } }";
const MUTATION = `mutation ($input: AddNoteInput!) { addNote(input: $input) {
  __typename ... on AddNotePayload { event { id } } ... on UserError { code path } } }`;
const WRONG = '{ node(id: "x") { id } }';
const FOLLOW = `subscription ($organizationId: ID!) {
  activity(organizationId: $organizationId) { cursor event { id kind data } } }`;
const REFUSED = `subscription { activity(organizationId: "x") { cursor } }`;
const note = (text) => ({ input: { organizationId, text } });
const codeOf = (errors) => errors?.[0]?.extensions?.code ?? null;

/** The texts of the first two notes behind the message that opens the stream; `write` writes them once it is open. */
async function follow(iterable, write) {
  const texts = [];
  for await (const { data, errors } of iterable) {
    if (errors) throw new Error(JSON.stringify(errors));
    if (data.activity.event === null) {
      await write("one");
      await write("two");
    } else texts.push(data.activity.event.data.text);
    if (texts.length === 2) return texts;
  }
  throw new Error("the stream ended");
}

/** A source that calls back, as an iterable; `begin` gives what ends it. */
function iterate(begin) {
  const queue = [];
  let wake = () => {};
  const put = (item) => (queue.push(item), wake());
  const end = begin(put);
  return (async function* () {
    try {
      while (true) {
        while (queue.length === 0) await new Promise((resolve) => (wake = resolve));
        yield queue.shift();
      }
    } finally {
      end();
    }
  })();
}

async function sockets() {
  const { createClient } = await import("graphql-ws");
  return createClient({ url: url.replace(/^http/, "ws"), webSocketImpl: WebSocket, connectionParams: { apiKey } });
}

async function ofTransport(client, dispose) {
  const run = (query, variables) =>
    new Promise((resolve, reject) => {
      let found;
      client.subscribe({ query, variables }, { next: (r) => (found = r), error: reject, complete: () => resolve(found) });
    });
  const write = (text) => run(MUTATION, note(text));
  const stream = (query, variables) =>
    iterate((put) => client.subscribe({ query, variables }, { next: put, error: (e) => put(refusal(e)), complete() {} }));
  const refusal = (error) => ({ errors: Array.isArray(error) ? error : (error.errors ?? [{ message: String(error) }]) });
  const refused = (await stream(REFUSED).next()).value;
  const answer = {
    query: (await run(QUERY, { slug })).data.organization.slug,
    mutation: (await write("zero")).data.addNote.__typename,
    userError: (await write("")).data.addNote,
    topLevel: codeOf((await run(WRONG)).errors),
    subscription: await follow(stream(FOLLOW, { organizationId }), write),
    refused: codeOf(refused.errors),
  };
  await dispose();
  return answer;
}

const programs = {
  async "graphql-ws"() {
    const client = await sockets();
    return ofTransport(client, () => client.dispose());
  },
  async "graphql-sse"() {
    const { createClient } = await import("graphql-sse");
    const client = createClient({ url, headers, singleConnection: false });
    return ofTransport(client, () => client.dispose());
  },
  async urql() {
    const { Client, fetchExchange, subscriptionExchange } = await import("@urql/core");
    const socket = await sockets();
    const forwardSubscription = ({ query, variables }) => ({
      subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
    });
    const client = new Client({
      url,
      exchanges: [fetchExchange, subscriptionExchange({ forwardSubscription })],
      fetchOptions: { headers },
    });
    const write = (text) => client.mutation(MUTATION, note(text)).toPromise();
    const stream = (query, variables) =>
      iterate((put) => client.subscription(query, variables).subscribe(put).unsubscribe);
    const seen = async function* (source) {
      for await (const { data, error } of source) yield { data, errors: error?.graphQLErrors };
    };
    const answer = {
      query: (await client.query(QUERY, { slug }).toPromise()).data.organization.slug,
      mutation: (await write("zero")).data.addNote.__typename,
      userError: (await write("")).data.addNote,
      topLevel: codeOf((await client.query(WRONG, {}).toPromise()).error.graphQLErrors),
      get: (await client.query(QUERY, { slug }, { preferGetMethod: "force" }).toPromise()).data?.organization.slug,
      subscription: await follow(seen(stream(FOLLOW, { organizationId })), write),
      refused: codeOf((await seen(stream(REFUSED, {})).next()).value.errors),
    };
    await socket.dispose();
    return answer;
  },
  async apollo() {
    const { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } = await import("@apollo/client");
    const { GraphQLWsLink } = await import("@apollo/client/link/subscriptions");
    const socket = await sockets();
    const subscribes = ({ operationType }) => operationType === "subscription";
    const client = new ApolloClient({
      link: ApolloLink.split(subscribes, new GraphQLWsLink(socket), new HttpLink({ uri: url, headers })),
      // Apollo knows of no schema: without this it drops what is asked for of an interface.
      cache: new InMemoryCache({ possibleTypes: { UserError: ["InvalidInput"] } }),
    });
    const write = (text) => client.mutate({ mutation: gql(MUTATION), variables: note(text) });
    const errorsOf = (error) => error?.errors ?? error?.graphQLErrors;
    const stream = (query, variables) =>
      iterate((put) => {
        const found = client.subscribe({ query: gql(query), variables }).subscribe({
          next: ({ data, error }) => put({ data, errors: errorsOf(error) }),
          error: (error) => put({ errors: errorsOf(error) }),
        });
        return () => found.unsubscribe();
      });
    const wrong = await client.query({ query: gql(WRONG) }).catch((error) => ({ error }));
    const answer = {
      query: (await client.query({ query: gql(QUERY), variables: { slug } })).data.organization.slug,
      mutation: (await write("zero")).data.addNote.__typename,
      userError: (({ __typename, code, path }) => ({ __typename, code, path }))((await write("")).data.addNote),
      topLevel: codeOf(errorsOf(wrong.error)),
      subscription: await follow(stream(FOLLOW, { organizationId }), write),
      refused: codeOf((await stream(REFUSED).next()).value.errors),
    };
    client.stop();
    await socket.dispose();
    return answer;
  },
};

console.log(JSON.stringify(await programs[process.argv[2]]()));
process.exit(0);
