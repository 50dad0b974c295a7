"""Wherever the schema takes an id, one of another tenant's is answered as one of nothing, and changes nothing there."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

import orjson
import pytest
from sqlalchemy import text

from app.database import Database
from app.embedded import EngineUrls
from app.records import Grant, Principal
from app.resolvers.nodes import _TENANT_NODES
from app.schema.node import global_id, parse_id
from app.server.hub import Encoded
from app.server.identity import OperationFacts
from app.server.masking import Refusal, errors_to_json
from app.server.parameters import OperationRequest
from tests.attacks.positions import Operations, Position, positions
from tests.attacks.twin_tenant import MARK, MONEY, SLUG, fingerprint, make_twin, twin_id
from tests.conftest import Administrator, database_url
from tests.execution.twins import REQUEST_ID, Twins
from tests.execution.world import Site, make_site, twins_of

NAME = "world_of_attacks"
VICTIM = UUID("0198c0de-0000-7000-8000-00000000beef")
NOBODY = UUID("0198c0de-0000-7000-8000-00000000dead")
ABSENT = UUID("0198c0de-0000-7000-8000-0000ab5e7000")
TYPES = ("Organization", *_TENANT_NODES)
NUMBERED = {"ActivityEvent", "Charge"}
"""Their ids are counted in each organization: with our organization in it, one of the victim's is one of our own."""
EXPECTED = re.compile(r"must be the id of an? (\w+) as the graph gives it; this is the id of a Nothing")
OTHERS = 2
"""Further types that are tried at each place that takes one; the others have their turn at the next places."""
TIMED = 60
# Places at which an absent id is answered without a word on it, and why. This list may only become shorter.
SILENT = {
    "Mutation.deletePriceOverrides(input.ids)": "what is not there is deleted already: `deleted` is 0",
    "Mutation.removePasskey(input.id)": "the password, which comes first, is wrong",
}


@pytest.fixture(scope="module")
def site(engine_urls: EngineUrls, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The world of the oracle in a database of its own: what is done here would disturb others."""
    with closing(Administrator(engine_urls.database_url)) as administrator:
        administrator.do(f"CREATE DATABASE {NAME} TEMPLATE {template}")
        url = database_url(engine_urls, NAME)
        yield asyncio.run(make_site(url, engine_urls.redis_url, tmp_path_factory.mktemp("attacks")))


@dataclass
class Attack:
    """The attacker, who owns a furnished organization, beside a victim that has the same."""

    twins: Twins
    site: Site
    operations: Operations
    own: UUID
    behind: Database
    unowned: dict[str, UUID]
    """Ids of the victim's that name no organization, by type."""

    async def ask(self, document: str, variables: dict[str, Any], caller: Principal | None = None) -> bytes:
        """The answer, as it would be sent."""
        identity = caller or self.twins.callers["owner"]
        facts = OperationFacts(REQUEST_ID, identity, None, None, "http")
        request = OperationRequest(document, None, variables, None)
        server = self.twins.compiled
        try:
            if document.startswith("subscription"):
                sink = Taken()
                async with asyncio.timeout(20):
                    await server.stream(request, facts, sink)
                return b"\n".join(sink.taken)
            return (await server.run(request, facts)).payload
        except Refusal as refusal:
            return orjson.dumps({"errors": errors_to_json(refusal.faults, REQUEST_ID)})

    async def at(self, position: Position, id_: str) -> bytes:
        """The answer to an id at a place, without the id."""
        answer = await self.ask(self.operations.document(position), self.operations.variables(position, id_))
        return answer.replace(id_.encode(), b"ID")

    def pairs(self, type_name: str) -> Iterator[tuple[str, str]]:
        """Ids of the victim's, each with one of nothing that looks the same: as the graph gives it, and as our own."""
        if type_name == "Organization":
            yield global_id(type_name, VICTIM), global_id(type_name, NOBODY)
            return
        if type_name in self.unowned:  # people's own
            yield global_id(type_name, self.unowned[type_name]), global_id(type_name, ABSENT)
            return
        number = parse_id(self.site.known.ids[type_name][0]).id
        found = number if type_name in NUMBERED else twin_id(number)
        yield global_id(type_name, found, VICTIM), global_id(type_name, ABSENT, NOBODY)
        if type_name not in NUMBERED:
            yield global_id(type_name, found, self.own), global_id(type_name, ABSENT, self.own)


class Taken:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def offer(self, message: Encoded) -> bool:
        """See Sink."""
        self.taken.append(message.payload)
        return True

    async def put(self, message: Encoded) -> None:
        """See Sink."""
        self.taken.append(message.payload)


PASSKEY = """
INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, name, backed_up, created_at)
VALUES (:id, :of, 'c', 'k', 0, 'victims key', false, now())
"""


@pytest.fixture
async def attack(site: Site) -> AsyncIterator[Attack]:
    """With the victim made beside the attacker."""
    async with twins_of(site) as twins:
        owner = cast("Principal", twins.callers["owner"])
        own = next(id_ for id_, grant in owner.grants.items() if grant.slug == site.known.slug)
        behind = Database.connect(site.database_url, role=None)
        async with behind.engine.begin() as connection:
            assert await make_twin(connection, own, VICTIM) > 40
            job = await connection.execute(
                text("SELECT id FROM jobs WHERE organization_id = :of LIMIT 1"), {"of": VICTIM}
            )
            assert owner.user_id is not None
            assert owner.session_id is not None
            passkey = {"id": twin_id(owner.session_id), "of": twin_id(owner.user_id)}
            await connection.execute(text(PASSKEY), passkey)
            unowned = {"Job": job.scalar_one(), "Passkey": passkey["id"]}
        unowned |= {"User": twin_id(owner.user_id), "Session": twin_id(owner.session_id)}
        yield Attack(twins, site, Operations(twins.schema, site.known.slug, site.known.ids), own, behind, unowned)
        await behind.close()


async def test_a_foreign_id_is_answered_as_an_absent_one(attack: Attack, capsys: pytest.CaptureFixture[str]) -> None:
    await the_victim_is_there(attack)
    before = await victims_rows(attack)
    different, told, silent, tried = [], [], {}, 0
    for number, position in enumerate(positions(attack.twins.schema)):
        nothing = await attack.at(position, global_id("Nothing", ABSENT, attack.own))
        wanted = EXPECTED.findall(nothing.decode())
        rest = [TYPES[(number * OTHERS + more) % len(TYPES)] for more in range(OTHERS)]
        for type_name in dict.fromkeys([*wanted, *rest] if wanted else TYPES):
            for foreign, absent in attack.pairs(type_name):
                await attack.twins.runtime.valkey.flushall()  # limits of calls a minute are not what is tried here
                answers = [await attack.at(position, id_) for id_ in (foreign, absent)]
                tried += 1
                if answers[0] != answers[1]:
                    different.append((str(position), type_name, *answers))
                told += [(str(position), answer) for answer in answers if leaks(answer)]
                if type_name in wanted and not speaks_of(answers[1], position):
                    silent[str(position)] = answers[1].decode()
                assert b"INTERNAL_SERVER_ERROR" not in answers[0], (str(position), answers[0])
    with capsys.disabled():
        print(f"\n{number + 1} places, {tried} pairs of ids\n{await times(attack)}")  # noqa: T201  (a sample for people)
    assert (different, told) == ([], [])
    assert silent.keys() == SILENT.keys(), {place: silent[place] for place in silent.keys() - SILENT.keys()}
    assert await victims_rows(attack) == before, "nothing of the victim's changed"


async def the_victim_is_there(attack: Attack) -> None:
    """Whoever belongs to both sees all of the victim's objects by these ids, with their marks: they can be found."""
    owner = cast("Principal", attack.twins.callers["owner"])
    both: dict[UUID, Grant] = {**owner.grants, VICTIM: replace(owner.grants[attack.own], slug=SLUG)}
    ids = [next(attack.pairs(type_name))[0] for type_name in TYPES]
    document = (
        "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Team { name } ... on Budget { amount } } }"
    )
    answer = await attack.ask(document, {"ids": ids}, replace(owner, grants=both))
    found = [each and each["__typename"] for each in orjson.loads(answer)["data"]["nodes"]]
    assert dict(zip(TYPES, found, strict=True)) == {name: name for name in TYPES}
    assert MARK.encode() in answer
    assert MONEY.encode() in answer
    own = orjson.loads(await attack.ask(document, {"ids": ids}))
    assert "errors" not in own
    assert own["data"] == {"nodes": [None] * len(TYPES)}


async def victims_rows(attack: Attack) -> str:
    async with attack.behind.engine.connect() as connection:
        return await fingerprint(connection, VICTIM)


def leaks(answer: bytes) -> bool:
    """Whether something of the victim's is in an answer."""
    return MARK.encode() in answer or MONEY.encode() in answer


def speaks_of(answer: bytes, position: Position) -> bool:
    """Whether an absent id decides the answer: it is not found, refused at its place, or nothing is found by it."""
    text = answer.decode()
    if "does not exist" in text:
        return True
    if position.kind == "query":
        return '"errors"' not in text or "NOT_FOUND" in text or position.path[-1] in text
    return "NOT_FOUND" in text or "NotFound" in text or f'"{position.path[-1]}"' in text


async def times(attack: Attack) -> str:
    """One sample: how long `node` takes for ids of the victim's and of nothing; printed, for it is noise."""
    document = "query ($id: ID!) { node(id: $id) { id } }"
    lines = []
    for name, pair in zip(("as the graph gives it", "as our own"), attack.pairs("Recommendation"), strict=True):
        taken: dict[str, list[float]] = {id_: [] for id_ in pair}
        for turn in range(TIMED):
            for id_ in pair if turn % 2 else reversed(pair):
                begun = time.perf_counter()
                await attack.ask(document, {"id": id_})
                taken[id_].append(time.perf_counter() - begun)
        foreign, absent = (statistics.median(taken[id_]) * 1e6 for id_ in pair)
        lines.append(f"{name}: foreign {foreign:.0f} µs, absent {absent:.0f} µs (medians of {TIMED})")
    return "\n".join(lines)
