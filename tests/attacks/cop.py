"""The checks of graphql-cop (github.com/dolevf/graphql-cop), written anew: what is sent, what is a find.

Each check is sent as an anonymous caller sends it, and says whether the server has the weakness.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

Check = Callable[[httpx.AsyncClient], Awaitable[bool]]

PATH = "/graphql"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PAGES = ("/graphiql", "/playground", "/console", "/graphql")
IDES = ("graphiql", "graphql playground", "graphql-playground", "altair", "apollo sandbox")
CIRCLE = "{ __schema { types { fields { type { fields { type { fields { type { fields { type { name }}}}}}}}}}}"
INTROSPECTION = "{ __schema { types { name fields { name } } } }"


async def _asked(client: httpx.AsyncClient, query: Any) -> Any:
    """The answer as JSON; a batch where a list is sent."""
    body = [{"query": each} for each in query] if isinstance(query, list) else {"query": query}
    return _json(await client.post(PATH, json=body, headers={"accept": "application/json"}))


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _data(answer: Any) -> dict[str, Any]:
    found = answer.get("data") if isinstance(answer, dict) else None
    return found if isinstance(found, dict) else {}


def _errors(answer: Any) -> list[dict[str, Any]]:
    found = answer.get("errors") if isinstance(answer, dict) else None
    return found if isinstance(found, list) else []


async def alias_overloading(client: httpx.AsyncClient) -> bool:
    """A hundred and one aliases of one field are answered."""
    aliases = " ".join(f"alias{number}: __typename" for number in range(101))
    return "alias100" in _data(await _asked(client, f"{{ {aliases} }}"))


async def batch_queries(client: httpx.AsyncClient) -> bool:
    """Ten operations in one request are answered."""
    answer = await _asked(client, ["{ __typename }"] * 10)
    return isinstance(answer, list) and len(answer) == 10


async def directive_overloading(client: httpx.AsyncClient) -> bool:
    """Of each of ten unknown directives an error is told, or forty known ones are carried out."""
    unknown = await _asked(client, "{ __typename " + "@aa" * 10 + " }")
    known = await _asked(client, "{ " + " ".join(f"a{n}: __typename @skip(if: false)" for n in range(25)) + " }")
    return len(_errors(unknown)) == 10 or bool(_data(known))


async def circular_introspection(client: httpx.AsyncClient) -> bool:
    """The schema is walked in circles."""
    return bool(_data(await _asked(client, CIRCLE)).get("__schema"))


async def circular_fragments(client: httpx.AsyncClient) -> bool:
    """Fragments that spread each other are carried out, or break the server."""
    query = "{ ...a } fragment a on Query { __typename ...b } fragment b on Query { ...a }"
    response = await client.post(PATH, json={"query": query})
    return response.status_code >= 500 or not _errors(_json(response))


async def field_duplication(client: httpx.AsyncClient) -> bool:
    """One field written five hundred and one times is answered."""
    return "__typename" in _data(await _asked(client, "{ " + "__typename " * 501 + "}"))


async def field_suggestions(client: httpx.AsyncClient) -> bool:
    """A misspelled field brings its right name to light."""
    misspelled = ("{ __schema { directive } }", "{ viewe }", "{ organizatio }", "{ hell }", "{ node(i: 1) { id } }")
    answers = [str(await _asked(client, query)).lower() for query in misspelled]
    return any("did you mean" in answer for answer in answers)


async def get_queries(client: httpx.AsyncClient) -> bool:
    """A query runs by an address alone, which another page can make a browser open."""
    response = await client.get(PATH, params={"query": "{ __typename }"}, headers={"accept": "*/*"})
    return "__typename" in _data(_json(response))


async def get_mutations(client: httpx.AsyncClient) -> bool:
    """So does a mutation, with or without a header that a page cannot send."""
    found = False
    for headers in ({"accept": "*/*"}, {"x-skyledger-preflight": "1"}):
        response = await client.get(PATH, params={"query": "mutation { __typename }"}, headers=headers)
        found |= "__typename" in _data(_json(response))
    return found


async def urlencoded_post(client: httpx.AsyncClient) -> bool:
    """A form of another page can send an operation: without a preflight."""
    found = False
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"):
        body = '{"query":"{ __typename }"}' if kind == "text/plain" else "query=%7B__typename%7D"
        response = await client.post(PATH, content=body, headers={"content-type": kind})
        found |= "__typename" in _data(_json(response))
    sent = await client.post(PATH, params={"query": "{ __typename }"})
    return found or "__typename" in _data(_json(sent))


async def graphiql(client: httpx.AsyncClient) -> bool:
    """A page for people answers at one of the usual addresses, to a program or to a browser."""
    for page in PAGES:
        for accept in ("*/*", BROWSER):
            response = await client.get(page, headers={"accept": accept})
            if response.is_success and any(word in response.text.lower() for word in IDES):
                return True
    return False


async def introspection(client: httpx.AsyncClient) -> bool:
    """The schema is told to anybody, by introspection or as a subgraph's text."""
    return any([_data(await _asked(client, query)) for query in (INTROSPECTION, "{ _service { sdl } }")])


async def trace_mode(client: httpx.AsyncClient) -> bool:
    """Answers tell how they came about."""
    response = await client.post(PATH, json={"query": "{ __typename }"}, headers={"apollo-tracing": "1"})
    answer = _json(response)
    extensions = answer.get("extensions", {}) if isinstance(answer, dict) else {}
    return bool({"tracing", "debug", "explain", "ftv1"} & set(extensions)) or "stacktrace" in response.text.lower()


async def unhandled_errors(client: httpx.AsyncClient) -> bool:
    """What is no GraphQL shows an exception."""
    shown = ("exception", "traceback", "stacktrace", ".py")
    for query in ("qwerty cop { abc }", "{ nope }", "query ($a: Nope) { __typename }", "\0", ""):
        text = str(await _asked(client, query)).lower()
        if any(word in text for word in shown):
            return True
    return False


CHECKS: dict[str, Check] = {
    "Alias Overloading": alias_overloading,
    "Batch Queries": batch_queries,
    "Directive Overloading": directive_overloading,
    "Introspection-based Circular Query": circular_introspection,
    "Circular Fragment": circular_fragments,
    "Field Duplication": field_duplication,
    "Field Suggestions": field_suggestions,
    "GET Method Query Support": get_queries,
    "Mutation is allowed over GET": get_mutations,
    "POST based url-encoded query": urlencoded_post,
    "GraphQL IDE": graphiql,
    "Introspection": introspection,
    "Trace Mode": trace_mode,
    "Unhandled Errors Detection": unhandled_errors,
}


async def findings(client: httpx.AsyncClient) -> set[str]:
    """The names of the checks that find something."""
    return {name for name, check in CHECKS.items() if await check(client)}
