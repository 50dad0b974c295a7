"""One cause is one anomaly, though every series that its charges are in rises with it.

From the narrowest series to the widest: what narrower anomalies explain of a wider one is taken off it, and it is an
anomaly of its own for the rest alone, where that is still out of line. Only where no few of the narrower ones explain
most of it, as when a service costs more in all accounts, the wider one is the anomaly and those are its parts. So the
excesses of all anomalies count each cause once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from app.costs.anomalies.series import SeriesName
from app.costs.outlook.anomalies import Anomaly, JudgementUnavailable, find_anomalies, judged_days
from app.costs.outlook.series import DailySeries, exact_sum
from app.records.budgets import AnomalySeries

MOST: Final = Decimal("0.75")
"""The part of a wider anomaly, on the days that both have, that narrower ones must explain to be told in its place."""
FAR_LESS: Final = Decimal("0.25")
"""By how much of their relative change the rest of the wider series may have changed, or all of it has one cause."""
FEW: Final = 3
"""Of everything together; of a service or an account, whose parts have something in common, one must explain it."""
TOGETHER: Final = timedelta(7)
"""Parts of one cause begin within so many days of each other: a slow rise is seen in some later than in others."""
_NOTHING: Final = Decimal(0)
_WEEK: Final = timedelta(7)
_LEVELS: Final = (
    (AnomalySeries.SERVICE_ACCOUNT,),
    (AnomalySeries.SERVICE, AnomalySeries.ACCOUNT),
    (AnomalySeries.TOTAL,),
)


@dataclass(frozen=True)
class Seen:
    """An anomaly as it looks in one series."""

    name: SeriesName
    anomaly: Anomaly


@dataclass(eq=False)
class Cause:
    """An anomaly that is told, or (`owner`) a part of one that is.

    `seen_in`: other series in which the same shows. `parts`: narrower ones that are told as this one. `beside`:
    narrower ones that are told themselves and are not in its amounts. `usual`: what its own charges, without those of
    `beside`, were expected to cost by day. `is_held`: found before, on days that its series does not have for now.
    """

    name: SeriesName
    anomaly: Anomaly
    seen_in: list[Seen] = field(default_factory=list)
    parts: list[Seen] = field(default_factory=list)
    beside: list[Cause] = field(default_factory=list)
    usual: dict[date, Decimal] = field(default_factory=dict)
    is_held: bool = False
    owner: Cause | None = None

    @property
    def without(self) -> tuple[SeriesName, ...]:
        """The series whose charges are told as other anomalies."""
        return tuple(dict.fromkeys(cause.name for cause in self.beside if cause.told is not self.told))

    @property
    def also_seen_in(self) -> list[Seen]:
        """The series in which it shows besides its own and those of its parts, the largest first."""
        seen = {(one.name, one.anomaly.start): one for one in self.seen_in if not is_within(one.name, self.name)}
        return sorted(seen.values(), key=lambda one: (-abs(one.anomaly.excess), one.name.key, one.anomaly.start))

    @property
    def told(self) -> Cause:
        """The anomaly as which it is told."""
        return self if self.owner is None else self.owner.told


def is_within(name: SeriesName, wider: SeriesName) -> bool:
    """Whether all charges of a series are charges of another one, or it is that."""
    return (
        name.currency == wider.currency
        and wider.service_name in {None, name.service_name}
        and wider.sub_account_id in {None, name.sub_account_id}
    )


def find_causes(
    series: Mapping[SeriesName, DailySeries],
    least: Mapping[str, Decimal],
    held: Mapping[SeriesName, Sequence[Anomaly]],
) -> list[Cause]:
    """The anomalies of all series, each cause once.

    `least` is the smallest excess that counts, by currency. `held` are those parts of anomalies found before that lie
    on days which a series does not have for now.
    """
    causes: list[Cause] = []
    for level in _LEVELS:
        looks = [
            _Look(name, series, least.get(name.currency, _NOTHING), held.get(name, ()))
            for name in series
            if name.series in level
        ]
        for look in sorted(looks, key=_Look.rank):
            within = [cause for cause in causes if is_within(cause.name, look.name)]
            causes += look.causes([*within, *look.crossing(causes)])
    return [cause for cause in causes if cause.owner is None]


class _Look:
    """A look at one series: what is out of line in it, and what narrower anomalies explain of that."""

    def __init__(
        self,
        name: SeriesName,
        series: Mapping[SeriesName, DailySeries],
        least: Decimal,
        held: Sequence[Anomaly],
    ) -> None:
        self.name, self._series, self._least, self._held = name, series, least, held
        self._explained: dict[date, Decimal] = {}
        self._first = self._judged()
        self._left = {day.day: day.excess for anomaly in self._first for day in anomaly.days}

    def rank(self) -> tuple[Decimal, str]:
        """The largest anomaly first."""
        return -max((abs(anomaly.excess) for anomaly in self._first), default=_NOTHING), self.name.key

    def crossing(self, causes: Sequence[Cause]) -> list[Cause]:
        """The parts in this series of anomalies of a service in this account, or the other way around.

        As when a service costs more in all accounts, in none of them so much more that it is seen.
        """
        parts = []
        for cause in causes:
            name = self.name.crossed_with(cause.name)
            if name is not None and name in self._series and not any(seen.name == name for seen in cause.parts):
                days = judged_days(self._series[name], cause.anomaly.start, cause.anomaly.end)
                if days and any(_meet(cause.anomaly, anomaly) for anomaly in self._first):
                    usual = {day.day: day.expected for day in days}
                    parts.append(Cause(name, Anomaly.of(days, cause.anomaly.score), usual=usual, owner=cause))
        return parts

    def causes(self, narrower: Sequence[Cause]) -> list[Cause]:
        """What this series adds to the causes of narrower ones, some of which become its parts."""
        free = [cause for cause in narrower if cause.told is cause or not is_within(cause.told.name, self.name)]
        taken: list[Cause] = []
        rest = self._first
        while chosen := next(filter(None, (self._apart(anomaly, free) for anomaly in rest)), None):
            for cause in chosen:
                self._take(cause)
            free = [cause for cause in free if cause not in chosen]
            taken += chosen
            rest = self._judged()
        return [self._cause(anomaly, free, taken) for anomaly in joined(rest, self._held)]

    def _judged(self) -> list[Anomaly]:
        daily = self._series[self.name]
        found = find_anomalies(daily, minimum_amount=self._least, explained=self._explained)
        return [] if isinstance(found, JudgementUnavailable) else found

    def _cause(self, anomaly: Anomaly, free: Sequence[Cause], taken: Sequence[Cause]) -> Cause:
        made = Cause(self.name, anomaly, is_held=anomaly in self._held)
        beside = [cause for cause in taken if _meet(cause.anomaly, anomaly)]
        for day in anomaly.days:
            others = exact_sum(cause.usual.get(day.day, _NOTHING) for cause in beside)
            made.usual[day.day] = day.expected - self._explained.get(day.day, _NOTHING) - others
        made.beside += beside
        for part in free:
            if _meet(part.anomaly, anomaly) and part.owner is None:
                part.owner = made
                made.parts += [Seen(part.name, part.anomaly), *part.parts]
                made.seen_in += [seen for seen in part.seen_in if seen.name != self.name]
                made.beside += part.beside
        return made

    def _apart(self, anomaly: Anomaly, free: Sequence[Cause]) -> list[Cause]:
        """Narrower anomalies that are to be told in place of this one, or beside it; none where it has them as parts.

        Such are those that are part of another one, those of other days, and few that explain most of it.
        """
        candidates = [cause for cause in free if _meet(cause.anomaly, anomaly)]
        others = [cause for cause in candidates if cause.told is not cause or self._other_days(cause, anomaly)]
        if others:
            return others
        few = FEW if self.name.series is AnomalySeries.TOTAL else 1
        largest = sorted(candidates, key=lambda cause: (-sum(self._amounts(cause, anomaly).values()), cause.name.key))[
            :few
        ]
        return next(
            (some for count in range(1, len(largest) + 1) if self._explain(some := largest[:count], anomaly)), []
        )

    def _explain(self, causes: Sequence[Cause], anomaly: Anomaly, most: Decimal = MOST) -> bool:
        """Whether these are where an anomaly comes from, on the days that they have in common.

        They explain most of it, and what else is in the series changed far less, as a part of what it costs.
        """
        explained: dict[date, Decimal] = {}
        for cause in causes:
            for day, amount in self._amounts(cause, anomaly).items():
                explained[day] = min(explained.get(day, _NOTHING) + amount, abs(self._left[day]))
        out_of_line, part = exact_sum(abs(self._left[day]) for day in explained), exact_sum(explained.values())
        if not out_of_line or part < most * out_of_line:
            return False
        expected = {day.day: day.expected - self._explained.get(day.day, _NOTHING) for day in anomaly.days}
        usual = exact_sum(expected[day] for day in explained)
        theirs = exact_sum(cause.usual.get(day, _NOTHING) for cause in causes for day in explained)
        if theirs <= 0 or usual <= theirs:
            return True
        return (out_of_line - part) * theirs <= FAR_LESS * part * (usual - theirs)

    def _other_days(self, cause: Cause, anomaly: Anomaly) -> bool:
        """Whether most of it lies on days on which this series is not out of line, or it begins at another time.

        The latter only where nothing else changed as much on its days: of a slow rise of everything some is seen late.
        """
        shared = exact_sum(day.excess for day in cause.anomaly.days if anomaly.start <= day.day < anomaly.end)
        if 2 * abs(shared) < abs(cause.anomaly.excess):
            return True
        apart = abs(cause.anomaly.start - anomaly.start) > TOGETHER
        return apart and self._explain([cause], anomaly, most=_NOTHING)

    def _take(self, cause: Cause) -> None:
        """Count what a narrower anomaly explains as explained, and note that it shows here too."""
        for anomaly in self._first:
            if _meet(cause.anomaly, anomaly):
                cause.told.seen_in.append(Seen(self.name, anomaly))
                for day, amount in self._amounts(cause, anomaly).items():
                    signed = amount.copy_sign(self._left[day])
                    self._explained[day] = self._explained.get(day, _NOTHING) + signed
                    self._left[day] -= signed

    def _amounts(self, cause: Cause, anomaly: Anomaly) -> dict[date, Decimal]:
        """How much of what is left of each day of an anomaly another one explains; never more than that.

        A level that the narrower series has got used to is still news here for some days, and is explained by it. So
        are days that are still arriving in the narrower series.
        """
        amounts = {day.day: abs(day.excess) for day in cause.anomaly.days}
        expected = {day.day: day.expected for day in cause.anomaly.days}
        narrow = self._series[cause.name]
        for each in anomaly.days:
            day = each.day
            if narrow.end <= day >= cause.anomaly.start:
                amounts[day] = abs(self._left[day])
            elif day >= cause.anomaly.end and day - _WEEK in expected:
                expected[day] = expected[day - _WEEK]
                excess = narrow.values[(day - narrow.start).days] - expected[day]
                amounts[day] = abs(excess) if (excess > 0) is (anomaly.excess > 0) else _NOTHING
        return {
            each.day: min(amounts[each.day], abs(self._left[each.day]))
            for each in anomaly.days
            if amounts.get(each.day)
        }


def joined(found: Sequence[Anomaly], held: Sequence[Anomaly]) -> list[Anomaly]:
    """The anomalies found, and parts of earlier ones, which begin where one found ends or stand alone."""
    anomalies = list(found)
    for part in held:
        before = next((one for one in anomalies if one.end == part.start and one.direction is part.direction), None)
        if before is None:
            anomalies.append(part)
        else:
            whole = Anomaly.of([*before.days, *part.days], max(before.score, part.score))
            anomalies[anomalies.index(before)] = whole
    return anomalies


def _meet(one: Anomaly, other: Anomaly) -> bool:
    """Whether they have days in common and the same direction."""
    return one.start < other.end and other.start < one.end and one.direction is other.direction
