"""Apollo's composer takes our schema as a subgraph beside another one, and Relay's compiler as that of a client."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.node import install, run

SCHEMA = Path(__file__).parents[2] / "schema.graphql"
GATEWAY = Path(__file__).parent / "gateway"


async def test_it_composes_with_a_subgraph_that_extends_organization() -> None:
    installed = await install(GATEWAY)
    composed = await run(installed, "node", str(GATEWAY / "compose.mjs"), str(SCHEMA), str(GATEWAY / "fleet.graphql"))
    found = re.search(r"^type Organization.*?^}", composed, re.DOTALL | re.MULTILINE)
    assert found is not None
    assert '@join__type(graph: SCHEMA, key: "id")' in found[0]
    assert "spaceships: [Spaceship!]! @join__field(graph: FLEET)" in found[0]
    assert "resources(" in found[0]
    assert set(re.findall(r'^type (\w+)[^{]*?@join__type\(graph: SCHEMA, key: "id"\)', composed, re.MULTILINE)) == set(
        re.findall(r'^type (\w+) .*@key\(fields: "id"\)', SCHEMA.read_text(), re.MULTILINE)
    )
    assert "_entities" not in composed


async def test_a_schema_that_does_not_fit_is_refused_with_the_place(tmp_path: Path) -> None:
    """Proves that the composer is listened to."""
    installed = await install(GATEWAY)
    wrong = tmp_path / "wrong.graphql"
    wrong.write_text((GATEWAY / "fleet.graphql").read_text().replace("id: ID!", "id: Int!"))
    with pytest.raises(AssertionError, match=r"Organization\.id"):
        await run(installed, "node", str(GATEWAY / "compose.mjs"), str(SCHEMA), str(wrong))


@pytest.mark.parametrize(("field", "message"), [("name", None), ("nickname", "nickname")])
async def test_relay_compiles_fragments_and_a_connection(tmp_path: Path, field: str, message: str | None) -> None:
    installed = await install(GATEWAY)
    project = tmp_path / "project"
    shutil.copytree(GATEWAY / "relay", project)
    shutil.copy(SCHEMA, project)
    source = project / "src" / "resources.ts"
    source.write_text(source.read_text().replace("account { name }", f"account {{ {field} }}"))
    compiler = str(installed / "node_modules" / "relay-compiler" / "cli.js")
    if message is not None:
        with pytest.raises(AssertionError, match=message):
            await run(project, "node", compiler, "relay.config.json")
        return
    await run(project, "node", compiler, "relay.config.json")
    written = {path.name for path in (project / "src" / "__generated__").iterdir()}
    assert written == {
        "resourcesListPaginationQuery.graphql.ts",
        "resourcesPageQuery.graphql.ts",
        "resources_list.graphql.ts",
        "resources_row.graphql.ts",
    }
