"""`skyledger explain`: the plan of a query, its statements and what is wrong, for people."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.cli.conftest import Command
from tests.clients import GraphQL, register

DOCUMENT = """query ($slug: String!) {
  organization(slug: $slug) { resources(first: 5) { nodes { name tags recommendations { checkId } } } }
}"""


async def test_the_plan_and_its_statements_are_told(on_engines: Command, graphql: GraphQL, tmp_path: Path) -> None:
    person = await register(graphql, "Ida")
    file = tmp_path / "page.graphql"
    file.write_text(DOCUMENT)
    told = await asyncio.to_thread(
        on_engines, "explain", str(file), "-o", person.slug, "--variables", f'{{"slug": "{person.slug}"}}'
    )
    assert told.exit_code == 0, told.stderr
    lines = " ".join(told.stdout.split())
    assert "recommendations │ batch │ recommendations_of" in lines
    assert "tags │ column │ tags" in lines
    assert "Statements (2)" in lines  # who it is, and an empty page: nothing hangs under no resource
    assert "not known" not in lines


async def test_what_cannot_be_explained_is_told(on_engines: Command, graphql: GraphQL, tmp_path: Path) -> None:
    person = await register(graphql, "Ole")
    file = tmp_path / "wrong.graphql"
    file.write_text("{ organization { nonsense } }")
    into = ("-o", person.slug)
    wrong = await asyncio.to_thread(on_engines, "explain", str(file), *into)
    assert (wrong.exit_code, "nonsense" in wrong.stderr) == (1, True)
    absent = await asyncio.to_thread(on_engines, "explain", str(tmp_path / "no.graphql"), *into)
    assert "is no file" in absent.stderr
    file.write_text("{ __schema { queryType { name } } }")
    introspection = await asyncio.to_thread(on_engines, "explain", str(file), *into)
    assert "Run by graphql-core: introspection." in introspection.stdout
    broken = await asyncio.to_thread(on_engines, "explain", str(file), *into, "--variables", "{")
    assert "must be a JSON object" in broken.stderr
