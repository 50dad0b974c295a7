"""Charges operations: takes their estimate from the caller's bucket, refuses what is too dear, gives back the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import GraphQLSchema

from app.errors import ErrorCode
from app.rate_limits import Rate, RateLimits, Take
from app.server.costs.estimate import CEILING, Estimate, Estimates
from app.server.documents import Document, Operation
from app.server.identity import OperationFacts
from app.server.masking import Fault, Refusal

ANONYMOUS_SHARE = 0.1
"""Of the bucket of those who sign in: what strangers may ask is little, and all behind one address share it."""
AHEAD = 100
"""The part of a bucket that is taken with an operation, for those that the caller sends within a quarter of a second:
to wait for Valkey costs 24 µs on an idle machine and 70 on a busy one, to find what was taken ahead 1."""
MOST_PARTS = 3
HELD_SHARE = 0.1
"""Of a bucket, at most, for a piece of work that may be refused: a small bucket must not shut everybody out."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CostLimits:
    """How large a bucket is, how much is restored in a second, and what one operation may cost at most."""

    maximum: int
    restored: int
    operation: int


class Charge:
    """What one operation was charged. `count` is told its answer; what it has not cost then is given back."""

    __slots__ = ("_actual", "_bucket", "_estimate", "_left", "_limits", "_variables", "rate", "requested")

    def __init__(
        self,
        limits: RateLimits,
        bucket: str,
        rate: Rate,
        estimate: Estimate,
        variables: Mapping[str, Any],
        requested: int,
        available: int,
    ) -> None:
        self._limits, self._bucket, self.rate = limits, bucket, rate
        self._estimate, self._variables = estimate, variables
        self.requested, self._left = requested, available
        self._actual = requested

    @property
    def available(self) -> int:
        """What is left in the bucket, with what will be given back."""
        return self._left + self.requested - self._actual

    @property
    def actual(self) -> int:
        """What the operation did cost; the estimate where that is not known."""
        return self._actual

    def count(self, data: Mapping[str, Any] | None) -> None:
        """Reckon what this answer did cost; of none it is not known."""
        if data is not None:
            self._actual = min(self._estimate.actual(data, self._variables), self.requested)

    def settle(self) -> None:
        """Give back what was not used; once, when the operation has ended."""
        self._limits.give_back(self._bucket, self.rate, self.requested - self._actual)

    def forgive(self) -> None:
        """Give everything back: nothing was executed."""
        self._limits.give_back(self._bucket, self.rate, self.requested)

    def to_json(self) -> dict[str, Any]:
        """`extensions.cost` of an answer."""
        return {"requested": self.requested, "actual": self._actual, "throttle": _throttle(self.rate, self.available)}

    def headers(self) -> Headers:
        """The `RateLimit-*` headers of an answer."""
        return _headers(self.rate, self.available)


class Hold(NamedTuple):
    """Points that are taken until it shows whether a piece of work is refused; with a `wait` there were too few."""

    limits: RateLimits
    bucket: str
    rate: Rate
    points: int
    available: int
    wait: int = 0

    def give_back(self) -> None:
        """It was not refused."""
        self.limits.give_back(self.bucket, self.rate, self.points)

    def to_json(self) -> dict[str, Any]:
        """`extensions.cost` of a refusal for want of points."""
        return {"requested": self.points, "throttle": _throttle(self.rate, self.available)}

    def headers(self) -> Headers:
        """The `RateLimit-*` headers of such a refusal."""
        return _headers(self.rate, self.available)


class Costs:
    """Charges the operations of one schema. `bucket_of` names the caller's bucket."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: CostLimits,
        rate_limits: RateLimits,
        bucket_of: Callable[[OperationFacts], str],
    ) -> None:
        self._schema, self._limits, self._rate_limits, self._bucket_of = schema, limits, rate_limits, bucket_of
        self._rate = Rate(limits.maximum, limits.restored)
        share = ANONYMOUS_SHARE
        self._anonymous = Rate(max(1, int(limits.maximum * share)), max(1, int(limits.restored * share)))

    def estimate(self, document: Document, operation: Operation, variables: Mapping[str, Any]) -> Estimate:
        """The estimate of an operation, kept with its document."""
        kept = operation.estimates
        if not kept:
            kept.append(Estimates(self._schema, document.node, operation.node))
        return kept[0].of(variables)

    async def take(
        self, document: Document, operation: Operation, variables: Mapping[str, Any], facts: OperationFacts
    ) -> Charge:
        """Charge an operation what it may cost. Refusal where that is too much, now or ever."""
        estimate = self.estimate(document, operation, variables)
        requested = estimate.requested(variables)
        rate = self._rate if facts.identity is not None else self._anonymous
        most = min(self._limits.operation, rate.maximum)
        if requested > most:
            raise _too_dear(estimate, variables, requested, most)
        bucket = self._bucket_of(facts)
        available = self._rate_limits.take_kept(bucket, requested)
        if available is None:
            taken = await self._rate_limits.take([Take(bucket, rate, requested, rate.maximum // AHEAD)])
            available = taken.available[0]
            if taken.wait:
                raise _too_often(rate, requested, available, taken.wait)
        return Charge(self._rate_limits, bucket, rate, estimate, variables, requested, available)

    async def hold(self, points: int, facts: OperationFacts) -> Hold:
        """Take what a piece of work costs its caller if it is refused; nothing is taken where there is too little."""
        rate = self._rate if facts.identity is not None else self._anonymous
        points = max(1, min(points, int(rate.maximum * HELD_SHARE)))
        bucket = self._bucket_of(facts)
        available = self._rate_limits.take_kept(bucket, points)
        if available is not None:
            return Hold(self._rate_limits, bucket, rate, points, available)
        taken = await self._rate_limits.take([Take(bucket, rate, points, rate.maximum // AHEAD)])
        return Hold(self._rate_limits, bucket, rate, points, taken.available[0], taken.wait)


def _too_dear(estimate: Estimate, variables: Mapping[str, Any], requested: int, most: int) -> Refusal:
    parts = estimate.parts(variables)[:MOST_PARTS]
    told = ", ".join(f"`{path}` {_number(cost)}" for path, cost in parts)
    message = (
        f"The operation may cost {_number(requested)} points; one may cost {most:,} at most. Most of it comes from "
        f"{told}. Ask for fewer rows there (`first`), or in several operations. To wait does not help."
    )
    cost = {"requested": requested, "most": most, "parts": [{"path": path, "cost": cost} for path, cost in parts]}
    return Refusal([Fault(ErrorCode.RATE_LIMITED, message, extensions={"cost": cost})], status=429)


def _too_often(rate: Rate, requested: int, available: int, wait: int) -> Refusal:
    message = (
        f"The operation may cost {requested:,} points and {max(0, available):,} are left. Wait {wait} "
        f"second{'s' if wait > 1 else ''}: {int(rate.restored):,} are restored each second. Or ask for fewer rows."
    )
    cost = {"requested": requested, "throttle": _throttle(rate, available)}
    extensions = {"retryAfter": wait, "cost": cost}
    headers = (("retry-after", str(wait)), *_headers(rate, available))
    return Refusal([Fault(ErrorCode.RATE_LIMITED, message, extensions=extensions)], status=429, headers=headers)


def _number(cost: int) -> str:
    return f"more than {CEILING:,}" if cost >= CEILING else f"{cost:,}"


def _throttle(rate: Rate, available: int) -> dict[str, int]:
    return {"maximum": rate.maximum, "available": max(0, available), "restoreRate": int(rate.restored)}


def _headers(rate: Rate, available: int) -> Headers:
    """As drafts 3 to 6 of the IETF name them: the size of the bucket, what is in it, seconds until it is full."""
    full = -int(-(rate.maximum - available) // rate.restored)
    return (
        ("ratelimit-limit", str(rate.maximum)),
        ("ratelimit-remaining", str(max(0, available))),
        ("ratelimit-reset", str(full)),
    )
