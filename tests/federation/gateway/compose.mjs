// Composes our schema with that of another subgraph and prints the supergraph; errors end it with what they say.
// Usage: node compose.mjs OURS THEIRS. Packages are resolved from the current directory, not from this file.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.cwd(), "package.json"));
const { composeServices } = require("@apollo/composition");
const { parse } = require("graphql");

const services = process.argv.slice(2).map((file) => ({
  name: path.basename(file, ".graphql"),
  url: `http://localhost/${path.basename(file, ".graphql")}`,
  typeDefs: parse(readFileSync(file, "utf8")),
}));
const { errors, supergraphSdl } = composeServices(services);
if (errors?.length) {
  console.error(errors.map((error) => error.message).join("\n"));
  process.exit(1);
}
console.log(supergraphSdl);
