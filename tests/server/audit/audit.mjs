// Runs the server audits of graphql-http against the URL given and prints one JSON line per audit.
// Usage: node audit.mjs URL [AUTHORIZATION]. Packages are resolved from the current directory, not from this file.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.cwd(), "package.json"));
const { serverAudits } = require("graphql-http");
const [url, authorization] = process.argv.slice(2);

async function fetchFn(address, options = {}) {
  const headers = { ...options.headers, ...(authorization ? { authorization } : {}) };
  return fetch(address, { ...options, headers });
}

for (const audit of serverAudits({ url, fetchFn })) {
  const result = await audit.fn();
  console.log(JSON.stringify({ id: audit.id, name: audit.name, status: result.status, reason: result.reason ?? "" }));
}
