"""The example operations of the page and the operations of its sign-in bar, read from folders when routes are made."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path

from graphql import GraphQLError, OperationDefinitionNode, parse

EXAMPLES_PATH = "/graphql/assets/examples.json"
EXAMPLES_FOLDER = Path(__file__).parent / "examples"
SESSION_FOLDER = Path(__file__).parent / "session"
# File in session/ → name that the page's script knows. The script finds accessToken, refreshToken, email, message,
# challenge, methods, passkeyOptions, startPath, options, recoveryCodes, organizationId and organizationSlug in the
# answers by name, at any depth.
SESSION_OPERATIONS = {
    "log_in.graphql": "logIn",
    "complete_log_in.graphql": "completeLogIn",
    "complete_single_sign_on.graphql": "completeSingleSignOn",
    "begin_passkey_registration.graphql": "beginPasskeyRegistration",
    "add_passkey.graphql": "addPasskey",
    "refresh_session.graphql": "refreshSession",
    "log_out.graphql": "logOut",
    "workspace.graphql": "workspace",
}


@dataclass(frozen=True, slots=True)
class Example:
    """One ready operation: its file's name, title and description from its first comment lines, and JSON variables.

    `operation` is query, mutation or subscription; `query` is the document without the opening comment.
    """

    name: str
    title: str
    description: str
    operation: str
    query: str
    variables: str


def read_examples(folder: Path = EXAMPLES_FOLDER) -> list[Example]:
    """Every `*.graphql` of the folder in the order of the names, each with the `*.json` beside it as its variables.

    Raises ValueError with the file's name when a document does not parse, has not exactly one operation or has no
    title, or when variables are not a JSON object.
    """
    return [_read_example(path) for path in sorted(folder.glob("*.graphql"))]


def examples_document(examples: Path = EXAMPLES_FOLDER, session: Path = SESSION_FOLDER) -> bytes:
    """The JSON that the page loads: `{examples: [...], session: {...}}`, the session's by SESSION_OPERATIONS' names.

    An operation of the session whose file is absent is an empty text: the page then does without it.
    """
    operations = dict(zip(SESSION_OPERATIONS.values(), session_texts(session), strict=True))
    document = {"examples": [asdict(example) for example in read_examples(examples)], "session": operations}
    return json.dumps(document, ensure_ascii=False).encode()


def session_texts(session: Path = SESSION_FOLDER) -> list[str]:
    """The operations of the sign-in bar, as the page sends them."""
    return [_read_optional(session / file) for file in SESSION_OPERATIONS]


def _read_optional(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _read_example(path: Path) -> Example:
    lines = path.read_text(encoding="utf-8").strip().splitlines()
    comments = list(takewhile(lambda line: line.startswith("#"), lines))
    if not comments:
        message = f"{path.name} must begin with a comment line: the title of the example"
        raise ValueError(message)
    title, *description = (line.lstrip("# ").rstrip() for line in comments)
    query = "\n".join(lines[len(comments) :]) + "\n"
    return Example(
        name=path.stem,
        title=title,
        description=" ".join(description),
        operation=_operation_of(path.name, query),
        query=query,
        variables=_read_variables(path.with_suffix(".json")),
    )


def _operation_of(name: str, text: str) -> str:
    """`query`, `mutation` or `subscription`."""
    try:
        definitions = parse(text).definitions
    except GraphQLError as error:
        message = f"{name} is not a GraphQL document: {error.message}"
        raise ValueError(message) from error
    operations = [definition for definition in definitions if isinstance(definition, OperationDefinitionNode)]
    if len(operations) != 1:
        message = f"{name} must have exactly one operation, it has {len(operations)}"
        raise ValueError(message)
    return operations[0].operation.value


def _read_variables(path: Path) -> str:
    if not path.exists():
        return ""
    text = path.read_text(encoding="utf-8").strip() + "\n"
    try:
        is_object = isinstance(json.loads(text), dict)
    except ValueError as error:
        message = f"{path.name} is not JSON: {error}"
        raise ValueError(message) from error
    if not is_object:
        message = f"{path.name} must be a JSON object"
        raise ValueError(message)
    return text
