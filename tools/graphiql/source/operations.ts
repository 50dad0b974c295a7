// Which operation of a text runs. GraphiQL looks at its editor only after 100 ms without a change (later on a busy machine),
// and until then it holds the operation of the text before: of the tab that was open, or of what stood there before pasting.
import { Kind, parse, type DocumentNode, type OperationDefinitionNode } from "graphql";

export function operationsOf(document: DocumentNode): OperationDefinitionNode[] {
  return document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
}

/**
 * The operation of this text that GraphiQL means. A name that the text does not have is an old one: the only operation is
 * taken instead. With several it is not guessed, since one may be a mutation: the server says what is wrong, as it does for
 * a text that is no GraphQL.
 */
export function operationToRun(
  text: string,
  operationName: string | null | undefined,
): { operationName: string | null; isSubscription: boolean } {
  let operations: OperationDefinitionNode[] = [];
  try {
    operations = operationsOf(parse(text));
  } catch {
    // Not GraphQL (yet).
  }
  const named = operations.find((operation) => operation.name?.value === (operationName ?? undefined));
  const found = named ?? (operations.length === 1 ? operations[0] : undefined);
  if (!found) return { operationName: operationName ?? null, isSubscription: false };
  return { operationName: found.name?.value ?? null, isSubscription: found.operation === "subscription" };
}
