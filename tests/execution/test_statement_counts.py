"""The number of SQL statements is the same however many rows are asked for: of every list and all that is below it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson

from tests.execution.pages import Way, document, rows_below, ways
from tests.execution.twins import Operation, Twins
from tests.execution.world import Site
from tests.house.statements import counted

FEW, MANY = 1, 10
TRIES = 5
"""What goes on at the same time asks a loader together or one after the other, as it happens: the fewest count."""
# Where rows differ in kind, and kinds in statements, the first page of the two has a row of each kind.
KINDS = {
    # Amounts in one currency and in others, of all charges and of those with a tag.
    "Organization.budgets": 4,
    "Budget.history": 4,
}
# Places of which the world has too few rows to prove anything, with the reason: a list that only gets shorter.
UNPROVED: dict[str, str] = {}
_NUMBERED = re.compile(r"\$\d+(::[\w\[\]]+)?(, \$\d+(::[\w\[\]]+)?)*")


async def test_a_longer_page_takes_no_more_statements(site: Site, twins: Twins) -> None:
    """Counted at both doors of the database. Inner lists grow with the outer one."""
    other: dict[str, list[str]] = {}
    unproved: dict[str, int] = {}
    for way in ways(twins.schema):
        place = way[-1].place
        few = KINDS.get(place, FEW)
        less, _ = await _ask(site, twins, way, few)
        more, answer = await _ask(site, twins, way, MANY)
        for _ in range(TRIES):
            if more.total() != less.total():
                less = min(less, (await _ask(site, twins, way, few))[0], key=Counter.total)
                more = min(more, (await _ask(site, twins, way, MANY))[0], key=Counter.total)
        if rows_below(way, answer) <= few:
            unproved[place] = rows_below(way, answer)
        if more.total() != less.total():
            other[place] = [f"{more[sql]}, not {less[sql]}: {sql}" for sql in more | less if more[sql] != less[sql]]
    assert not other, "\n".join(f"{place}\n  " + "\n  ".join(found) for place, found in other.items())
    assert unproved.keys() == UNPROVED.keys(), unproved


async def _ask(site: Site, twins: Twins, way: Way, first: int) -> tuple[Counter[str], Mapping[str, Any]]:
    """How often a page takes each statement, and the answer."""
    scope = "admin" if any(step.place.startswith("Platform.") for step in way) else "owner"
    operation = Operation(document(way, first), {"slug": site.known.slug}, scope)
    with counted(twins.runtime.database) as statements:
        answer = orjson.loads(await twins.ask(twins.compiled, operation))
    assert "errors" not in answer, (operation.document, answer["errors"])
    # A list of keys has as many parameters as keys.
    return Counter(_NUMBERED.sub("$n", " ".join(sql.split())) for sql in statements), answer["data"]
