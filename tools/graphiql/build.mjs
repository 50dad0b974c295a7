// Bundles the GraphiQL page into ./built: scripts and style with hashed names, the fonts, the licences of everything that
// went in, and manifest.json. Run by build.sh; the same lock file always gives the same bytes.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync, copyFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const output = join(here, "built");
const lock = JSON.parse(readFileSync(join(here, "package-lock.json"), "utf8"));
const named = JSON.parse(readFileSync(join(here, "package.json"), "utf8")).dependencies;

/** Puts our smaller modules in the place of two modules of the editor; each must really be met during the build. */
const metReplacements = new Set();
const replacements = {
  name: "replacements",
  setup(bundle) {
    const replace = (filter, importer, replacement) =>
      bundle.onResolve({ filter }, (request) => {
        if (!request.importer.includes(importer)) return undefined;
        metReplacements.add(replacement);
        return { path: join(here, replacement) };
      });
    replace(/^monaco-graphql\/esm\/monaco-editor\.js$/, "@graphiql/react/", "source/monaco.ts");
    replace(/^monaco-editor\/esm\/vs\/editor\/edcore\.main\.js$/, "monaco-graphql/", "source/monaco.ts");
    replace(/\/utility\/jsonc\.js$|^\.\/jsonc\.js$/, "@graphiql/react/", "source/jsonc.ts");
    // Prettier has each module twice; without this the parser would be bundled twice.
    bundle.onResolve({ filter: /^prettier\/(parser-graphql|plugins\/graphql)$/ }, () => ({
      path: join(modules, "prettier/plugins/graphql.mjs"),
    }));
  },
};

function hashedCopy(source, name) {
  const content = readFileSync(source);
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 8).toUpperCase();
  const [stem, extension] = name.split(".");
  copyFileSync(source, join(output, `${stem}-${hash}.${extension}`));
  return `${stem}-${hash}.${extension}`;
}

/** Folder in node_modules of the package that a bundled file belongs to, or null for our own sources. */
function packageFolder(input) {
  const at = input.lastIndexOf("node_modules/");
  if (at < 0) return null;
  const parts = input.slice(at + "node_modules/".length).split("/");
  return input.slice(0, at + "node_modules/".length) + parts.slice(0, parts[0].startsWith("@") ? 2 : 1).join("/");
}

function licenceText(folder) {
  const files = readdirSync(folder)
    .filter((name) => /^(licen[cs]e|copying|notice|thirdpartynotices)/i.test(name))
    .sort();
  return files.map((name) => readFileSync(join(folder, name), "utf8").replaceAll("\r\n", "\n").trim()).join("\n\n");
}

/** The standard MIT text for the packages that name the licence and the author but ship no file. */
function statedLicence(description) {
  const author = typeof description.author === "string" ? description.author : description.author?.name;
  if (description.license !== "MIT") throw new Error(`${description.name} ships no licence text (${description.license})`);
  const mit = readFileSync(join(modules, "graphiql/LICENSE"), "utf8").replaceAll("\r\n", "\n");
  const holder = author ?? description.maintainers?.[0]?.name ?? `the authors of ${description.name}`;
  return mit.replace(/^.*Copyright.*$/m, `Copyright (c) ${holder}`).trim();
}

function collectLicences(folders) {
  const rule = "=".repeat(100);
  const texts = folders.map((folder) => {
    const description = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const title = `${description.name} ${description.version} (${description.license})`;
    return `${rule}\n${title}\n${rule}\n\n${licenceText(folder) || statedLicence(description)}\n`;
  });
  const opening =
    "The files beside this one contain the following packages, each under its own licence. Written by tools/graphiql/build.mjs.\n";
  writeFileSync(join(output, "LICENSES.txt"), [opening, ...texts].join("\n"));
}

rmSync(output, { recursive: true, force: true });
const result = await build({
  absWorkingDir: here,
  entryPoints: {
    page: "source/main.tsx",
    "editor-worker": "monaco-editor/esm/vs/editor/editor.worker.js",
    "json-worker": "monaco-editor/esm/vs/language/json/json.worker.js",
    "graphql-worker": "monaco-graphql/esm/graphql.worker.js",
  },
  outdir: output,
  entryNames: "[name]-[hash]",
  chunkNames: "part-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  splitting: true,
  format: "esm",
  platform: "browser",
  target: ["chrome111", "firefox114", "safari16.4"],
  define: { "process.env.NODE_ENV": '"production"' },
  loader: { ".ttf": "file", ".woff2": "file" },
  legalComments: "none", // The texts are in LICENSES.txt.
  metafile: true,
  plugins: [replacements],
  logLevel: "warning",
});
for (const expected of ["source/monaco.ts", "source/jsonc.ts"]) {
  if (!metReplacements.has(expected)) throw new Error(`${expected} no longer replaces anything: look at build.mjs`);
}

const entries = {};
const outputs = Object.entries(result.metafile.outputs);
const page = outputs.find(([, facts]) => facts.entryPoint === "source/main.tsx");
for (const [path, facts] of outputs) {
  if (facts.entryPoint) entries[facts.entryPoint] = basename(path);
  // esbuild writes a style sheet for each entry and lazy part; the page's own one holds all the rules that are used.
  if (path.endsWith(".css") && basename(path) !== basename(page[1].cssBundle)) rmSync(resolve(here, path));
}
const folders = [...new Set(Object.keys(result.metafile.inputs).map(packageFolder))]
  .filter((folder) => folder !== null)
  .map((folder) => resolve(here, folder))
  .sort();
collectLicences(folders);

const pageFiles = {
  script: basename(page[0]),
  style: basename(page[1].cssBundle),
  favicon: hashedCopy(join(here, "source/favicon.svg"), "favicon.svg"),
  editorWorker: entries["node_modules/monaco-editor/esm/vs/editor/editor.worker.js"],
  jsonWorker: entries["node_modules/monaco-editor/esm/vs/language/json/json.worker.js"],
  graphqlWorker: entries["node_modules/monaco-graphql/esm/graphql.worker.js"],
};
for (const [role, name] of Object.entries(pageFiles)) {
  if (!name || !existsSync(join(output, name))) throw new Error(`The build made no file for ${role}`);
}
/** The parts that the page's script imports at once, directly or through other parts: the browser can fetch them together. */
const preload = new Set();
const follow = (facts) => {
  for (const { path, kind } of facts.imports) {
    if (kind !== "import-statement" || preload.has(basename(path)) || !path.endsWith(".js")) continue;
    preload.add(basename(path));
    follow(result.metafile.outputs[path]);
  }
};
follow(page[1]);
const files = {};
for (const name of readdirSync(output).sort()) {
  const content = readFileSync(join(output, name));
  files[name] = { bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") };
}
const versions = Object.fromEntries(
  Object.keys(named).sort().map((name) => [name, lock.packages[`node_modules/${name}`].version]),
);
writeFileSync(join(output, "manifest.json"), `${JSON.stringify({ page: pageFiles, preload: [...preload].sort(), versions, files }, null, 2)}\n`);
const total = Object.values(files).reduce((sum, file) => sum + file.bytes, 0);
console.log(`${Object.keys(files).length} files, ${(total / 1e6).toFixed(2)} MB, ${folders.length} packages`);
