"""Documents are measured once, refused before they cost anything, and told which figure is over which limit."""

from __future__ import annotations

import pytest
from graphql import get_introspection_query, parse

from app.errors import ErrorCode
from app.server.documents import Documents
from app.server.limits import Figures, Limits, measure
from app.server.masking import Refusal
from tests.server.toy_graph import schema
from tests.work import CALLS_IN_50_MS, counted

GRAPH = schema._schema


def refusal(text: str, limits: Limits | None = None) -> Refusal:
    with pytest.raises(Refusal) as caught:
        Documents(GRAPH, limits or Limits()).load(text)
    return caught.value


def figures(text: str) -> Figures:
    return measure(parse(text))[0][1]


def bomb(levels: int, selection: str = "...f{0} ...f{0}") -> str:
    parts = [f"fragment f{level} on Query {{ {selection.format(level + 1)} }}" for level in range(levels)]
    return "{ ...f0 } " + " ".join(parts) + f" fragment f{levels} on Query {{ hello }}"


def test_figures_of_a_plain_document() -> None:
    text = "query q @include(if: true) { hello d: dog { name p: parent @skip(if: false) { name } } }"
    assert figures(text) == Figures(fields=5, depth=3, aliases=2, directives=2)


def test_figures_expand_fragments_where_they_are_spread() -> None:
    text = """
      query { dog { ...d parent { ...d ... on Dog { a: name } } } }
      fragment d on Dog { n: name parent { barks } }
    """
    assert figures(text) == Figures(fields=2 + 3 + 3 + 1, depth=4, aliases=3)


def test_figures_do_not_depend_on_the_order_of_fragments() -> None:
    forwards = "{ ...a } fragment a on Query { ...b ...b } fragment b on Query { hello x: hello }"
    backwards = "{ ...a } fragment b on Query { hello x: hello } fragment a on Query { ...b ...b }"
    assert figures(forwards) == figures(backwards) == Figures(fields=4, depth=1, aliases=2)


def test_introspection_is_counted_apart() -> None:
    text = "{ hello __schema { types { ...t } } } fragment t on __Type { name fields { name } }"
    assert figures(text) == Figures(fields=1, depth=1, introspection_fields=5, introspection_depth=4)


def test_cycles_of_fragments_end() -> None:
    text = "{ ...a } fragment a on Query { hello ...b } fragment b on Query { hello ...a }"
    assert figures(text).fields == 2
    assert refusal(text).faults[0].code is ErrorCode.GRAPHQL_VALIDATION_FAILED
    assert refusal(text).faults[0].message == "Cannot spread fragment 'a' within itself via 'b'."


def test_a_cycle_with_fields_between_is_only_called_a_cycle() -> None:
    text = "{ dog { ...a } } fragment a on Dog { one: parent { ...a } two: parent { ...a } }"
    assert {fault.message for fault in refusal(text).faults} == {"Cannot spread fragment 'a' within itself."}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{ " + "hello " * 501 + "}",
            "The document has 501 fields after its fragments are expanded; the limit is 500.",
        ),
        (
            "{ dog " + "{ parent " * 12 + "{ name }" + "}" * 12 + " }",
            "The document has 14 levels of fields; the limit is 12.",
        ),
        (
            "{ " + " ".join(f"a{number}: hello" for number in range(31)) + " }",
            "The document has 31 aliases after its fragments are expanded; the limit is 30.",
        ),
        (
            "{ hello " + "@skip(if: false) " * 21 + "}",
            "The document has 21 directives after its fragments are expanded; the limit is 20.",
        ),
        ("{ hello " + "#" * 15_000 + "\n}", "The document has 15,010 bytes; the limit is 15,000."),
        ('{ hello(name: "' + "é" * 7_500 + '") }', "The document has 15,019 bytes; the limit is 15,000."),
        (
            " ".join(f"query q{number} {{ hello }}" for number in range(101)),
            "The document has 101 operations and fragments; the limit is 100.",
        ),
        (
            "{ __schema { types { " + "name " * 600 + "} } }",
            "The document has 602 introspection fields; the limit is 500.",
        ),
        (
            "{ __schema { types " + "{ ofType " * 18 + "{ name } " + "} " * 18 + "} }",
            "The document has 21 levels of introspection fields; the limit is 20.",
        ),
        (bomb(30), "The document has more than 1,000,000 fields after its fragments are expanded; the limit is 500."),
        (
            "query a { hello } " + bomb(30).replace("{ ...f0 }", "query b { hello }", 1),
            "The document has more than 1,000,000 fields after its fragments are expanded; the limit is 500.",
        ),
    ],
)
def test_the_message_names_figure_and_limit(text: str, message: str) -> None:
    refused = refusal(text)
    assert message in [fault.message for fault in refused.faults]
    assert {fault.code for fault in refused.faults} == {ErrorCode.DOCUMENT_LIMIT_EXCEEDED}
    assert refused.is_document


def test_tokens_are_counted_while_parsing() -> None:
    fault = refusal("{ " + "hello " * 2_000 + "}").faults[0]
    assert fault.code is ErrorCode.DOCUMENT_LIMIT_EXCEEDED
    assert fault.message == "Syntax Error: Document contains more than 2000 tokens. Parsing aborted."


def test_at_the_limit_is_allowed() -> None:
    documents = Documents(GRAPH, Limits())
    documents.load("{ " + "hello " * 500 + "}")
    documents.load("{ " + " ".join(f"a{number}: hello" for number in range(30)) + " }")
    documents.load("{ dog " + "{ parent " * 10 + "{ name }" + "}" * 10 + " }")
    documents.load(" ".join(f"query q{number} {{ hello }}" for number in range(100)))


@pytest.mark.parametrize(
    "options", [{}, {"input_value_deprecation": True, "specified_by_url": True, "schema_description": True}]
)
def test_the_standard_introspection_query_passes_the_tightest_limits(options: dict[str, bool]) -> None:
    tight = Limits(document_fields=1, document_depth=1, document_aliases=0, document_directives=0)
    document = Documents(GRAPH, tight).load(get_introspection_query(**options))
    assert document.operation(None).introspects


HOSTILE = {
    "bomb of 30 doubled fragments": bomb(30),
    "bomb in nested fields": bomb(30, "dog {{ ...f{0} ...f{0} }}"),
    "bomb in inline fragments": bomb(30, "... on Query {{ ...f{0} }} ... on Query {{ ...f{0} }}"),
    "bomb of directives": bomb(30, "...f{0} @skip(if: true) ...f{0} @skip(if: true)"),
    "bomb of aliases": bomb(30, "a: hello ...f{0} b: hello ...f{0}"),
    "bomb nobody uses": "{ hello } " + bomb(30).split("}", 1)[1],
    "bomb with a cycle": bomb(30).replace("{ hello }", "{ hello ...f0 ...f7 }"),
    "every fragment spreads all later ones": "{ ...f0 } "
    + " ".join(
        f"fragment f{one} on Query {{ {' '.join(f'...f{other}' for other in range(one + 1, 40))} hello }}"
        for one in range(40)
    ),
    "aliases": "{ " + " ".join(f"a{number}: hello" for number in range(600)) + " }",
    "one field again and again": "{ " + "hello " * 1_990 + "}",
    "one field again and again, nested": "{ dog { " + "name " * 980 + "} dog { " + "name " * 980 + "} }",
    "conflicting arguments": "{ " + " ".join(f'a: hello(name: "{number}")' for number in range(250)) + " }",
    "conflicts below aliases": "{ " + "".join("a: dog { a: parent { a: parent { name } } } " for _ in range(110)) + "}",
    "wide nest": "{ " + "dog { parent { name barks } } " * 160 + "}",
    "deep fields": "{ dog " + "{ parent " * 190 + "{ name }" + "}" * 190 + " }",
    "too deep to parse": "{ dog " + "{ parent " * 600 + "{ name }" + "}" * 600 + " }",
    "deep lists": "{ numbers(of: " + "[" * 190 + "]" * 190 + ") }",
    "deeper lists": "{ numbers(of: " + "[" * 950 + "]" * 950 + ") }",
    "deep objects": "{ sum(point: " + "{x: " * 190 + "1" + "}" * 190 + ") }",
    "deep types": "query ($a: " + "[" * 190 + "Int" + "]" * 190 + ") { hello }",
    "long list": "{ numbers(off: [" + "1 " * 1_900 + "]) }",
    "huge number": "{ sum(point: {x: " + "9" * 14_000 + "}) }",
    "huge exponent": "{ sum(point: {x: 1e999999999}) }",
    "huge string": '{ hello(nam: "' + "x" * 14_000 + '") }',
    "huge block string": '{ hello(nam: """' + "\n " * 7_000 + '""") }',
    "escapes": '{ hello(nam: "' + "\\u{1F600}" * 1_500 + '") }',
    "surrogate escapes": '{ hello(name: "' + "\\uD83D" * 2_000 + '") }',
    "astral characters": '{ hello(nam: "' + "\U0001f600" * 3_600 + '") }',
    "unknown characters": "{ " + "é" * 7_000 + " }",
    "long name": "{ " + "x" * 14_900 + " }",
    "unknown fields": "{ " + " ".join(f"x{number}" for number in range(500)) + " }",
    "unknown directives": "{ hello " + "@a " * 990 + "}",
    "known directives": "{ hello " + "@skip(if: true) " * 280 + "}",
    "unused variables": "query (" + " ".join(f"$a{number}: Int" for number in range(490)) + ") { hello }",
    "undefined variables": "{ " + " ".join(f"hello(name: $a{number})" for number in range(240)) + " }",
    "unknown types": "query (" + " ".join(f"$a{number}: X{number}" for number in range(490)) + ") { hello }",
    "operations": " ".join("query { hello }" for _ in range(480)),
    "fragments": "{ "
    + " ".join(f"...f{number}" for number in range(210))
    + " } "
    + " ".join(f"fragment f{number} on Query {{ hello }}" for number in range(210)),
    "unknown fragments": "{ " + " ".join(f"...f{number}" for number in range(950)) + " }",
    "one fragment with many names": "{ hello } " + "fragment f on Query { hello } " * 240,
    "unused fragments": "{ hello } " + " ".join(f"fragment f{number} on Query {{ hello }}" for number in range(99)),
    "comments": "# \n" * 4_900 + "{ hello }",
    "commas": "," * 14_900 + "{ nope }",
    "inline fragments": "{ " + "... { " * 190 + "nope" + " }" * 190 + " }",
    "introspection": "{ "
    + "__schema { types { fields { type { fields { type { fields { name } } } } } } } " * 70
    + "}",
    "type definitions": " ".join(f"type A{number} {{ a: Int }}" for number in range(200)),
    "duplicate arguments": "{ hello(" + 'name: "a" ' * 600 + ") }",
    "duplicate input fields": "{ sum(point: {" + "x: 1 " * 600 + "}) }",
    "several subscriptions": "subscription { " + "count { number } " * 400 + "}",
    "nothing": "",
    "only a comment": "#",
    "null character": "\0",
    "byte order marks": "\ufeff" * 4_900,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_are_refused_with_the_work_of_50_ms(name: str) -> None:
    with counted() as work:
        refused = refusal(HOSTILE[name])
    assert 1 <= len(refused.faults) <= 5
    assert work.calls < CALLS_IN_50_MS


@pytest.mark.parametrize(
    "text", ["{ helo }", "{ dog { nam } }", "{ hello(nme: 1) }", "{ colour(colour: REDD) }", "{ sum(point: {z: 1}) }"]
)
def test_errors_suggest_nothing(text: str) -> None:
    assert all("Did you mean" not in fault.message for fault in refusal(text).faults)
