"""Every example of docs/ is run against a real server and prints what stands behind it."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.clients import GraphQL, register
from tests.docs.examples import FOLDER, Example, examples_of, pages
from tests.node import install, run
from tests.resolvers.company import CREATE_KEY
from tools import reference

CLIENTS = Path(__file__).parent / "clients"
SCOPES = ["ORGANIZATION_READ", "COSTS_INGEST", "ACTIVITY_WRITE"]
LINK = re.compile(r"\]\(([^)#\s]+\.[a-z]+)(?:#([\w-]+))?\)")
RENAME = """mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) {
  ... on UpdateOrganizationPayload { organization { name } } ... on UserError { message } } }"""


@dataclass(frozen=True)
class Partner:
    """What the examples read from the environment."""

    url: str
    api_key: str
    slug: str

    def environment(self) -> dict[str, str]:
        """As variables."""
        return {
            "SKYLEDGER_URL": self.url,
            "SKYLEDGER_API_KEY": self.api_key,
            "SKYLEDGER_ORGANIZATION": self.slug,
        }


@pytest.fixture
async def partner(live_server: str) -> Partner:
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        graphql = GraphQL(client)
        person = await register(graphql)
        renamed = {"organizationId": person.organization_id, "name": "Kestrel Bakery"}
        await graphql.data(RENAME, {"input": renamed}, token=person.token)
        wanted = {"organizationId": person.organization_id, "name": "partner", "scopes": SCOPES}
        made = await graphql.data(CREATE_KEY, {"input": wanted}, token=person.token)
    return Partner(f"{live_server}/graphql", made["createApiKey"]["key"], person.slug)


@pytest.mark.parametrize("page", pages())
async def test_the_examples_of_a_page_print_what_it_says(partner: Partner, page: str, tmp_path: Path) -> None:
    for example in examples_of(page):
        printed = (await _run(example, partner, tmp_path)).strip()
        if example.printed_as == "json":
            found, wanted = json.loads(printed), json.loads(example.printed)
            found.pop("extensions", None)  # what the operation did cost, which no example is about
            assert _like(found, wanted), printed
        else:
            assert printed == example.printed


async def _run(example: Example, partner: Partner, folder: Path) -> str:
    environment = partner.environment()
    if example.language == "sh":
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed")
        return await run(folder, "bash", "-euc", example.text, **environment)
    if example.language == "python":
        if importlib.util.find_spec("gql") is None:
            pytest.skip("gql is not installed (make setup)")
        return await run(folder, sys.executable, "-c", example.text, **environment)
    installed = await install(CLIENTS)
    source = installed / f"{folder.name}.mts"
    source.write_text(example.text)
    built = source.with_suffix(".mjs")
    try:
        compiler = str(installed / "node_modules" / "esbuild" / "bin" / "esbuild")
        await run(installed, "node", compiler, source.name, f"--outfile={built.name}")
        return await run(installed, "node", built.name, **environment)
    finally:
        source.unlink()
        built.unlink(missing_ok=True)


def _like(found: object, wanted: object) -> bool:
    """Whether they are equal, where the text `…` stands for any."""
    if wanted == "…":
        return found is not None
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(_like(found[key], wanted[key]) for key in wanted)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(_like, found, wanted))
    return found == wanted


def test_there_are_examples_in_every_language() -> None:
    assert {example.language for page in pages() for example in examples_of(page)} == {"sh", "python", "typescript"}


def test_links_lead_somewhere() -> None:
    for path in FOLDER.rglob("*.md"):
        for target, anchor in LINK.findall(path.read_text()):
            if target.startswith("http"):
                continue
            found = (path.parent / target).resolve()
            assert found.exists(), f"{path}: {target}"
            if anchor and anchor != found.stem:
                headings = {line.strip("# ").lower() for line in found.read_text().splitlines() if line[:1] == "#"}
                assert anchor in headings, f"{path}: {target}#{anchor}"


def test_the_reference_is_current() -> None:
    assert reference.main(["--check"]) == 0
