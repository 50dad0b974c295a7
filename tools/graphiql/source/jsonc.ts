// Stands in for @graphiql/react's utility/jsonc.js (see build.mjs): the same three functions, but formatting by jsonc-parser,
// which is in the bundle anyway, instead of Prettier's JavaScript printer (0.5 MB) for two small JSON editors.
import { applyEdits, format, parse, printParseErrorCode, type ParseError } from "jsonc-parser";

/** Formats JSON with comments: two spaces a level; text that is not JSON stays as it is. */
export async function formatJSONC(content: string): Promise<string> {
  return applyEdits(content, format(content, undefined, { tabSize: 2, insertSpaces: true, eol: "\n" }));
}

function describe(content: string, { error, offset }: ParseError): string {
  const before = content.slice(0, offset).split("\n");
  const words = printParseErrorCode(error).replaceAll(/\B[A-Z]/g, " $&").toLowerCase();
  return `${words} at line ${before.length}, column ${(before.at(-1) ?? "").length + 1}`;
}

/** Parses JSON with comments and trailing commas; throws SyntaxError with every mistake and its place. */
export function parseJSONC(content: string): unknown {
  const errors: ParseError[] = [];
  const value: unknown = parse(content, errors, { allowTrailingComma: true, allowEmptyContent: true });
  if (errors.length > 0) throw new SyntaxError(errors.map((error) => describe(content, error)).join(", "));
  return value;
}

/** Parses the text of an editor; undefined when it is empty. The errors continue a sentence that GraphiQL begins. */
export function tryParseJSONC(content = ""): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    value = parseJSONC(content);
  } catch (error) {
    throw new Error(`are invalid JSON: ${(error as Error).message}.`);
  }
  if (!value) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) throw new TypeError("are not a JSON object.");
  return value as Record<string, unknown>;
}
