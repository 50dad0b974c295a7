"""What findings come and go under another rule, and their money: no money twice, as in all totals."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.detection.facts import Subject
from app.detection.finding import Clear, Excluded, Unknown
from app.detection.overlap import Claim, counted
from app.models import new_id
from app.records.recommendations import ACTIVE, Found, RecommendationState
from app.repositories import rule_previews

MOST_LINES = 100


Judgement = Found | Excluded | Unknown | Clear


@dataclass(frozen=True)
class Judged:
    """A resource under the rules before and after; `row` is what the ledger has of it, where it has something."""

    subject: Subject
    row: Mapping[str, Any] | None
    before: Judgement
    after: Judgement
    claim_id: UUID = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "claim_id", new_id() if self.row is None else self.row["id"])

    @property
    def stood(self) -> bool:
        """Whether it is found before: where that cannot be told, what was found last stays."""
        if isinstance(self.before, Unknown):
            return self.row is not None and RecommendationState(self.row["state"]) in ACTIVE
        return isinstance(self.before, Found)

    @property
    def stands(self) -> bool:
        """Whether it is found after."""
        return self.stood if isinstance(self.after, Unknown) else isinstance(self.after, Found)

    @property
    def is_unknown(self) -> bool:
        """Whether it cannot be told under the rule after."""
        return isinstance(self.after, Unknown)

    @property
    def is_ignored(self) -> bool:
        """Whether somebody ignores it, so that its money counts nowhere."""
        return self.row is not None and self.row["state"] == RecommendationState.IGNORED

    def claims(self) -> tuple[Claim | None, Claim | None]:
        """What it claims before and after, as far as it stands and counts."""
        if self.is_ignored:
            return None, None
        before = self._claim(self.before) if self.stood else None
        after = None if not self.stands else before if self.is_unknown else self._claim(self.after)
        return before, after

    def _claim(self, outcome: object) -> Claim:
        if isinstance(outcome, Found):
            return Claim(self.claim_id, outcome.node, outcome.part_of, outcome.covers_parts, outcome.converted)
        row: Mapping[Any, Any] = self.row or {}
        return Claim(self.claim_id, row["node"], row["part_of"], row["covers_parts"], row["converted_saving"])


@dataclass(frozen=True)
class Line:
    """One finding that comes or goes. `found` is None where only the ledger knows it; `why` says why it goes."""

    judged: Judged
    found: Found | None
    amount: Decimal | None
    is_counted: bool
    why: str | None = None


@dataclass(frozen=True)
class Side:
    """All findings that come, or all that go; `lines` are the dearest of them."""

    count: int
    unknown: int
    """How many have no amount that is known."""
    potential: Decimal
    """What those of them save that count."""
    lines: Sequence[Line]


@dataclass(frozen=True)
class Totals:
    """What comes and what goes. `change` is that of the potential, with what counts in their place."""

    gained: Side
    lost: Side
    change: Decimal


async def totals(session: AsyncSession, organization_id: UUID, judged: Sequence[Judged]) -> Totals:
    """Sum up what another rule changes; one statement for any number of accounts."""
    accounts: dict[UUID, _Account] = defaultdict(_Account)
    for one in judged:
        accounts[one.subject.account_id].add(one)
    moving = [account_id for account_id, account in accounts.items() if account.nodes]
    await _keep_others(session, organization_id, {one: accounts[one] for one in moving}, judged)
    counting: list[set[UUID]] = [set(), set()]
    change = Decimal(0)
    for account_id in moving:
        before, after = (_potential(accounts[account_id], claims) for claims in accounts[account_id].claims)
        counting = [counting[0] | before[0], counting[1] | after[0]]
        change += after[1] - before[1]
    gained = [_line(one, one.after, counting[1]) for one in judged if one.stands and not one.stood]
    lost = [_line(one, one.before, counting[0]) for one in judged if one.stood and not one.stands]
    return Totals(_side(gained), _side(lost), change)


async def _keep_others(
    session: AsyncSession, organization_id: UUID, accounts: Mapping[UUID, _Account], judged: Sequence[Judged]
) -> None:
    """Take in what else the ledger has that hangs together with what changes, step by step: few steps, as a rule."""
    known = {one.claim_id for one in judged}
    asked: set[str] = set()
    left = {node for account in accounts.values() for node in account.reached()}
    while left:
        asked |= left
        for row in await rule_previews.claims_of_nodes(session, organization_id, list(accounts), left):
            if row["id"] not in known:
                known.add(row["id"])
                claim = Claim(row["id"], row["node"], row["part_of"], row["covers_parts"], row["converted_saving"])
                accounts[row["account_id"]].keep(claim)
        left = {node for account in accounts.values() for node in account.reached()} - asked


@dataclass
class _Account:
    """What an account's findings claim, before and after; `nodes` are those of what changes."""

    claims: tuple[list[Claim], list[Claim]] = field(default_factory=lambda: ([], []))
    nodes: set[str] = field(default_factory=set)

    def add(self, one: Judged) -> None:
        """Take in a resource that was judged."""
        before, after = one.claims()
        if before != after:
            self.nodes |= {claim.node for claim in (before, after) if claim is not None}
        for claims, claim in zip(self.claims, (before, after), strict=True):
            if claim is not None:
                claims.append(claim)

    def keep(self, claim: Claim) -> None:
        """Take in what the rule does not touch."""
        for claims in self.claims:
            claims.append(claim)

    def reached(self) -> set[str]:
        """What hangs together with what changes, by the claims that are known."""
        linked: dict[str, set[str]] = defaultdict(set)
        for claim in (claim for each in self.claims for claim in each):
            if claim.part_of is not None:
                linked[claim.node].add(claim.part_of)
                linked[claim.part_of].add(claim.node)
        nodes, left = set(self.nodes), list(self.nodes)
        while left:
            new = linked.get(left.pop(), set()) - nodes
            nodes |= new
            left += new
        return nodes


def _potential(account: _Account, claims: Sequence[Claim]) -> tuple[set[UUID], Decimal]:
    """What counts, and how much it comes to: of what hangs together with what changes, as nothing else can change."""
    nodes = account.reached()
    touched = [claim for claim in claims if claim.node in nodes]
    ids = counted(touched)
    return ids, sum((claim.amount for claim in touched if claim.id in ids and claim.amount is not None), Decimal(0))


def _line(one: Judged, outcome: object, counting: set[UUID]) -> Line:
    why = one.after.why if isinstance(one.after, Excluded) else None
    if isinstance(outcome, Found):
        return Line(one, outcome, outcome.converted, one.claim_id in counting, why)
    amount = None if one.row is None else one.row["converted_saving"]
    return Line(one, None, amount, one.claim_id in counting, why)


def _side(lines: Sequence[Line]) -> Side:
    counts = [line.amount for line in lines if line.is_counted and line.amount is not None]
    return Side(
        count=len(lines),
        unknown=sum(line.amount is None for line in lines),
        potential=sum(counts, Decimal(0)),
        lines=heapq.nsmallest(MOST_LINES, lines, key=_dearest),
    )


def _dearest(line: Line) -> tuple[Decimal, str]:
    return Decimal(1) if line.amount is None else -line.amount, line.judged.subject.native_id
