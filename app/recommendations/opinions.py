"""What providers themselves recommend, and how it stands to what our checks have found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from app.detection.catalogue import CHECKS
from app.detection.checks.advice import OPINION
from app.providers.opinions import FoundOpinion, OpinionSource
from app.records.detection import Remedy

Row = Mapping[Any, Any]
_ALTERNATIVES: Final = frozenset(
    {Remedy.DELETE, Remedy.STOP, Remedy.SCHEDULE, Remedy.RESIZE, Remedy.CHANGE_TYPE, Remedy.UPGRADE}
)
"""Answers to one question, what a resource should cost: who would resize what we would delete speaks of the same."""
_PLAIN = (
    "native_id kind title resource_native_id resource_type region target monthly_saving currency saving_reason "
    "lookback_days refreshed_at link details"
)


def speaks_of_the_same(said: Remedy, found: Remedy) -> bool:
    """Whether what an adviser says of a resource is an opinion on what a check has found, though they may differ.

    Who only says that it is to be looked at has nothing to add to any finding; a finding that only says so does not
    stand in the way of an adviser who knows what to do.
    """
    return said in {found, Remedy.REVIEW} or {said, found} <= _ALTERNATIVES


def opinion_of(row: Row) -> FoundOpinion:
    """An opinion as it was told, of a row of `provider_opinions`."""
    return FoundOpinion(
        source=OpinionSource(row["source"]),
        remedy=Remedy(row["remedy"]),
        **{name: row[name] for name in _PLAIN.split()},
    )


def subject_key(account_id: UUID, subject: str) -> str:
    """What tells for ever what an adviser speaks of: a resource by its native id, else the opinion itself."""
    return f"{account_id}|{subject}"


def leading(opinions: Iterable[FoundOpinion]) -> FoundOpinion:
    """The one of several opinions of an adviser on one resource that is taken over: the dearest."""
    return min(opinions, key=lambda one: (-(one.monthly_saving or Decimal(0)), one.native_id))


def second_opinions(recommendation: Row, told: Sequence[Row]) -> list[Row]:
    """Those of an account's opinions on a recommendation's resource that are second ones of it.

    What was taken over from an adviser has all others on the resource beside it; what a check of ours has found only
    those that speak of the same.
    """
    check = CHECKS.get(recommendation["check_id"])
    if check is None or check.advice is None:
        own = Remedy(recommendation["remedy"])
        return [row for row in told if speaks_of_the_same(Remedy(row["remedy"]), own)]
    itself = {each["value"] for each in recommendation["evidence"] if each["label"] == OPINION}
    return [row for row in told if row["source"] != check.advice or row["native_id"] not in itself]
