"""How often sensitive mutations may be called."""

from __future__ import annotations

import asyncio

import httpx

from app.context import Runtime
from app.main import create_app
from tests.clients import GraphQL, register


async def test_a_sensitive_mutation_is_limited_in_aliases_too(graphql: GraphQL) -> None:
    """By the address for strangers: 50 registrations at once."""
    attempts = [
        f'a{number}: register(input: {{email: "x", name: "x", password: "x"}}) {{ __typename }}' for number in range(9)
    ]
    codes: list[str] = []
    for _ in range(6):
        answer = await graphql("mutation { %s }" % " ".join(attempts))  # noqa: UP031 - braces of GraphQL
        for error in answer.get("errors", []):
            assert error["extensions"]["code"] == "RATE_LIMITED"
            assert "`register` was called too often. Wait" in error["message"]
            codes.append(error["extensions"]["code"])
        await asyncio.sleep(0.03)
    assert len(codes) >= 3  # of 54 tries


async def test_a_user_is_limited_wherever_they_are(graphql: GraphQL, runtime: Runtime) -> None:
    person = await register(graphql)
    app, _ = create_app(runtime)
    document = 'mutation { createOrganization(input: {name: ""}) { __typename ... on UserError { message } } }'
    limited = 0
    for number in range(14):
        transport = httpx.ASGITransport(app, client=(f"203.0.113.{number}", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await GraphQL(client)(document, token=person.token)
        limited += "errors" in answer and answer["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert 2 <= limited <= 4
