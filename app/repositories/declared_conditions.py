"""SQL of what checks declare of all their findings: tells of many resources at once where there can be none.

Each resource gets a letter for each of some sets of conditions: T where all surely hold, F where one surely does not, U
where one is surely not known, P where none of this can be told here, which is for Python to judge. The first condition
that does not hold or is not known decides, as in app.detection.conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app.records.conditions import NoTag, NoText, Since, StatusIn, TextIn, TextNotIn
from app.repositories.detection_facts import quoted

HOLDS, FAILS, UNKNOWN, JUDGE = "T", "F", "U", "P"
_OPEN = "Q"
"""While all conditions hold so far but one that cannot be told here: another one may still surely not hold."""
_MOMENTS = {
    Since.FIRST_SEEN: "first_seen_at",
    Since.CREATED: "coalesce(provider_created_at, first_seen_at)",
    # As app.repositories.detection_facts tells it: what returns was not there in between.
    Since.STATUS: """coalesce((SELECT max(changed_at) FROM resource_changes AS change
        WHERE change.organization_id = $1 AND change.resource_id = found.id
            AND (change.changes ? 'status' OR change.kind = 'RETURNED')), first_seen_at)""",
}


@dataclass(frozen=True, slots=True)
class OlderThan:
    """A moment has to be before another: before `surely` it is, after `hardly` it is not, else Python decides."""

    since: Since
    surely: datetime
    hardly: datetime


@dataclass(frozen=True, slots=True)
class BelowBound:
    """What some metrics come to together has to be below a bound; each by its signature and the days of its window.

    Where one has a value from `hardly` on it surely is not, where all values are below `surely` it is; between the two
    Python decides.
    """

    metrics: tuple[tuple[str, int], ...]
    surely: float
    hardly: float
    is_complete: bool
    """Whether each day has to be known."""


Bound = StatusIn | NoTag | TextIn | TextNotIn | NoText | OlderThan | BelowBound
"""A condition with its threshold."""


@dataclass(frozen=True, slots=True)
class _Step:
    """What a condition looks up, as SQL, and what letter it gives under each set, where look-ups are l0, l1, ..."""

    looks: Sequence[str]
    letters: Sequence[str]


@dataclass
class Sifting:
    """Makes the SELECT of letters. `first` is the number of the first parameter that is free; `values` are taken."""

    today: date
    sets: Sequence[Sequence[Bound]]
    """Of one check under several rules, so all have the same conditions in the same order."""
    first: int
    values: list[Any] = field(default_factory=list)

    def select(self, relation: str, kept: Sequence[str]) -> str:
        """SQL with some columns and the letters s0, s1, ..., one for each set.

        `relation` has the columns of resources, those that are kept, and needs no name.
        """
        names = ", ".join(dict.fromkeys(("id", *kept, "first_seen_at", "provider_created_at")))
        length = len(self.sets[0])
        plain = next((place for place in range(length) if not _is_plain(self.sets[0][place])), length)
        arms = [[arm for one in each[:plain] for arm in self._arms(one)] for each in self.sets]
        sql = _select(names, [_case(each, HOLDS) for each in arms], f"{relation} AS found OFFSET 0")
        for place in range(plain, length):
            for step in self._steps([each[place] for each in self.sets]):
                sql = self._after(sql, names, step)
        ends = [f"CASE s{place} WHEN '{_OPEN}' THEN '{JUDGE}' ELSE s{place} END" for place in range(len(self.sets))]
        return _select(", ".join(kept), ends, f"({sql}) AS found")

    def _after(self, sql: str, names: str, step: _Step) -> str:
        """One condition more, asked of those of which nothing is decided.

        OFFSET keeps what is told once from being inlined, and told anew wherever it is used.
        """
        known = ", ".join(f"s{place}" for place in range(len(self.sets)))
        looks = ", ".join(
            f"CASE WHEN '{HOLDS}' IN ({known}) OR '{_OPEN}' IN ({known}) THEN {look} END AS l{place}"
            for place, look in enumerate(step.looks)
        )
        sql = f"SELECT {names}, {known}, {looks} FROM ({sql}) AS found OFFSET 0"  # noqa: S608  (names of columns)
        # What is not known decides nothing after what is open: whether that holds decides whether it is asked for.
        letters = [
            f"""CASE s{place} WHEN '{HOLDS}' THEN {letter} WHEN '{_OPEN}' THEN
                CASE {letter} WHEN '{FAILS}' THEN '{FAILS}' WHEN '{UNKNOWN}' THEN '{JUDGE}' ELSE '{_OPEN}' END
                ELSE s{place} END"""
            for place, letter in enumerate(step.letters)
        ]
        return _select(names, letters, f"({sql}) AS found OFFSET 0")

    def _arms(self, one: Bound) -> list[tuple[str, str]]:
        """What has to be true of a row for which letter, in this order."""
        match one:
            case StatusIn(values):
                return [(f"status IS NULL OR status <> ALL({self._words(values)})", FAILS)]
            case NoTag(key):
                return [(f"tags ? {quoted(key)}", FAILS)]
            case TextIn(name, values, needed):
                missing = (f"properties ->> {quoted(name)} IS NULL", UNKNOWN if needed else FAILS)
                return [_unread(name), missing, (f"properties ->> {quoted(name)} <> ALL({self._words(values)})", FAILS)]
            case TextNotIn(name, values):
                return [_unread(name), (f"properties ->> {quoted(name)} = ANY({self._words(values)})", FAILS)]
            case NoText(name):
                return [_unread(name), (f"properties ->> {quoted(name)} IS NOT NULL", FAILS)]
            case _:
                raise TypeError(one)

    def _words(self, values: Sequence[str]) -> str:
        return self._value(list(values), "text[]")

    def _steps(self, ones: Sequence[Bound]) -> list[_Step]:
        """A condition under each set; several steps where it is asked of several metrics."""
        if isinstance(ones[0], OlderThan):
            return [self._older([one for one in ones if isinstance(one, OlderThan)])]
        if isinstance(ones[0], BelowBound):
            bounds = [one for one in ones if isinstance(one, BelowBound)]
            return [self._below(bounds, number) for number in range(len(bounds[0].metrics))]
        raise TypeError(ones)  # what rows tell comes first: tests hold that checks declare it so

    def _older(self, ones: Sequence[OlderThan]) -> _Step:
        def arms(one: OlderThan) -> list[tuple[str, str]]:
            hardly, surely = (self._value(moment, "timestamptz") for moment in (one.hardly, one.surely))
            return [(f"l0 > {hardly}", FAILS), (f"l0 > {surely}", _OPEN)]

        return _Step((_MOMENTS[ones[0].since],), [_case(arms(one), HOLDS) for one in ones])

    def _below(self, bounds: Sequence[BelowBound], number: int) -> _Step:
        """One of the metrics. Sets that read the same values of it share a look-up, which has a letter for each."""
        readers: dict[str, list[int]] = {}
        for place, one in enumerate(bounds):
            readers.setdefault(one.metrics[number][0], []).append(place)
        looks, letters = [], [""] * len(bounds)
        for look, (signature, places) in enumerate(readers.items()):
            for at, place in enumerate(places, start=1):
                letters[place] = f"coalesce(substr(l{look}, {at}, 1), '{UNKNOWN}')"
            told = " || ".join(self._of_days(bounds[place], bounds[place].metrics[number][1]) for place in places)
            looks.append(self._usage(signature, told))
        return _Step(looks, letters)

    def _usage(self, signature: str, told: str) -> str:
        today = self._value(self.today, "date")
        return f"""(SELECT {told} FROM (
            SELECT problem, daily, first_day + cardinality(daily) AS ends,
                least(cardinality(daily), {today} - first_day) AS stop
            FROM resource_usage AS own WHERE own.organization_id = $1 AND own.resource_id = found.id
                AND own.metric = {self._value(signature, "text")}) AS own)"""  # noqa: S608  (as above)

    def _of_days(self, one: BelowBound, days: int) -> str:
        """The letter of a row of usage, whose days are in order and end before `stop`."""
        count = self._value(days, "int")
        window = f"daily[stop - {count} + 1 : stop]"
        missing = f"stop < {count} OR array_position({window}, NULL) IS NOT NULL"
        if not one.is_complete:
            missing = f"cardinality(array_remove({window}, NULL)) = 0"
        return _case(
            [
                (f"problem IS NOT NULL OR ends < {self._value(self.today, 'date')} - 1 OR {missing}", UNKNOWN),
                (f"{self._value(one.hardly, 'float8')} <= ANY({window})", FAILS),
                (f"{self._value(one.surely, 'float8')} <= ANY({window})", _OPEN),
            ],
            HOLDS,
        )

    def _value(self, value: object, kind: str) -> str:
        """A parameter; the same one again where it was taken already."""
        for place, known in enumerate(self.values):
            if type(known) is type(value) and known == value:
                return f"${self.first + place}::{kind}"
        self.values.append(value)
        return f"${self.first + len(self.values) - 1}::{kind}"


def _select(names: str, letters: Sequence[str], source: str) -> str:
    named = ", ".join(f"{letter} AS s{place}" for place, letter in enumerate(letters))
    return f"SELECT {names}, {named} FROM {source}"  # noqa: S608  (names of columns)


def _case(arms: Sequence[tuple[str, str]], otherwise: str) -> str:
    if not arms:
        return f"'{otherwise}'"
    told = " ".join(f"WHEN {true} THEN '{letter}'" for true, letter in arms)
    return f"CASE {told} ELSE '{otherwise}' END"


def _is_plain(one: Bound) -> bool:
    """Whether the row of a resource tells it."""
    return isinstance(one, StatusIn | NoTag | TextIn | TextNotIn | NoText)


def _unread(name: str) -> tuple[str, str]:
    return (f"properties -> 'unreadable' ? {quoted(name)} OR properties -> 'leftOut' ? {quoted(name)}", UNKNOWN)
