"""How often one cause is told: costs of services in accounts, with causes of different breadth put into them.

Causes: an organization has six services in five accounts, each pair a series of its own level. A cause raises (or
lowers) one pair, one service in all accounts, one account in all services, or everything; or two pairs at once that
have nothing in common. A row is right when its days, direction and charges overlap those of a cause, else it is
false. "Each series" tells what each of them has by itself, "each cause" is what the watch tells
(app/costs/anomalies/merge.py). Precision falls as several right rows become one; there are not more false ones. "Told
of the money" is the excess of right rows as a part of what was injected: below 1 where a new level becomes the normal
one, far above 1 where money is told more than once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import product
from typing import Final

import numpy as np

from app.costs.anomalies.look import MATERIAL_PART
from app.costs.anomalies.merge import Seen, find_causes
from app.costs.anomalies.series import SeriesName
from app.costs.outlook.anomalies import JudgementUnavailable, find_anomalies
from app.costs.outlook.series import DailySeries, exact_sum
from app.records.budgets import AnomalySeries
from app.records.costs import CostMetric
from benchmarks.cost_series import FIRST_DAY, Background, FloatArray, background, exact_series

DAYS: Final = 120
SERVICES: Final = 6
ACCOUNTS: Final = 5
NOISES: Final = (0.03, 0.08)
Pair = tuple[int, int]
Told = list[Seen]


class Breadth(StrEnum):
    """Which of the pairs of a service and an account a cause changes."""

    NOTHING = "nothing"
    ONE = "a service in an account"
    TWO = "two of those, same days, nothing in common"
    SERVICE = "a service in all accounts"
    ACCOUNT = "an account in all services"
    ALL = "everything"


class Shape(StrEnum):
    """How a cause changes costs, from its first day on."""

    SPIKE = "spike"
    STEP = "step"
    RAMP = "slow ramp"
    DROP = "drop"


@dataclass(frozen=True)
class Injected:
    """The series of an organization; its causes are pairs, and all have the same days and direction."""

    series: Mapping[SeriesName, DailySeries]
    causes: tuple[frozenset[Pair], ...]
    start: date
    end: date
    sign: int
    amount: Decimal


def case(seed: int, number: int, breadth: Breadth, shape: Shape, noise: float) -> Injected:
    """One organization; the same arguments give the same."""
    kinds = (list(Breadth).index(breadth), list(Shape).index(shape))
    chance = np.random.default_rng([seed, number, *kinds, round(noise * 1000)])
    start = FIRST_DAY + timedelta(int(chance.integers(0, 365)))
    levels = np.exp(chance.normal(0, 1, (SERVICES, ACCOUNTS)))
    plain = {
        (service, account): background(chance, Background.STEADY, DAYS, start, noise) * levels[service, account]
        for service, account in product(range(SERVICES), range(ACCOUNTS))
    }
    causes = tuple(_pairs(chance, breadth))
    first = int(chance.integers(90, DAYS - 14))
    factor, last = _factor(chance, shape, first)
    if breadth in {Breadth.ONE, Breadth.TWO}:  # enough to be seen in the service and the account as well
        factor = np.maximum(1 + 3 * (factor - 1), 0)
    changed = dict(plain)
    for pair in (pair for cause in causes for pair in cause):
        changed[pair] = plain[pair] * factor
    amount = sum(float(np.abs(changed[pair] - plain[pair]).sum()) for pair in plain)
    sign = -1 if shape is Shape.DROP else 1
    return Injected(
        _cut(start, changed), causes, start + timedelta(first), start + timedelta(last), sign, Decimal(f"{amount:.2f}")
    )


def _pairs(chance: np.random.Generator, breadth: Breadth) -> Iterator[frozenset[Pair]]:
    services, accounts = chance.permutation(SERVICES), chance.permutation(ACCOUNTS)
    if breadth in {Breadth.ONE, Breadth.TWO}:
        yield frozenset({(int(services[0]), int(accounts[0]))})
    if breadth is Breadth.TWO:
        yield frozenset({(int(services[1]), int(accounts[1]))})
    if breadth is Breadth.SERVICE:
        yield frozenset((int(services[0]), account) for account in range(ACCOUNTS))
    if breadth is Breadth.ACCOUNT:
        yield frozenset((service, int(accounts[0])) for service in range(SERVICES))
    if breadth is Breadth.ALL:
        yield frozenset(product(range(SERVICES), range(ACCOUNTS)))


def _factor(chance: np.random.Generator, shape: Shape, first: int) -> tuple[FloatArray, int]:
    """What costs are multiplied by on each day, and the day after the last one that it changes."""
    factor, last = np.ones(DAYS), DAYS
    if shape is Shape.SPIKE:
        last = first + int(chance.integers(1, 4))
        factor[first:last] += chance.uniform(0.5, 2.0)
    elif shape is Shape.STEP:
        factor[first:] += chance.uniform(0.3, 1.0)
    elif shape is Shape.RAMP:
        factor[first:] += chance.uniform(0.02, 0.05) * np.minimum(np.arange(1, DAYS - first + 1), 14)
    else:
        last = first + int(chance.integers(2, 6))
        factor[first:last] *= chance.uniform(0.2, 0.5)
    return factor, last


def _cut(start: date, pairs: Mapping[Pair, FloatArray]) -> dict[SeriesName, DailySeries]:
    """The series by pair, service, account and in all."""
    sums: dict[SeriesName, list[FloatArray]] = {}
    for (service, account), values in pairs.items():
        for name in _names((service, account)):
            sums.setdefault(name, []).append(np.round(values, 2))
    return {name: exact_series(start, np.sum(values, axis=0)) for name, values in sums.items()}


def _names(pair: Pair) -> list[SeriesName]:
    service, account = f"service {pair[0]}", f"account {pair[1]}"

    def name(series: AnomalySeries, *, by_service: bool, by_account: bool) -> SeriesName:
        values = service if by_service else None, account if by_account else None
        return SeriesName(series, CostMetric.EFFECTIVE_COST, "USD", *values)

    return [
        name(AnomalySeries.SERVICE_ACCOUNT, by_service=True, by_account=True),
        name(AnomalySeries.SERVICE, by_service=True, by_account=False),
        name(AnomalySeries.ACCOUNT, by_service=False, by_account=True),
        name(AnomalySeries.TOTAL, by_service=False, by_account=False),
    ]


def least_of(series: Mapping[SeriesName, DailySeries]) -> Decimal:
    """The smallest excess that counts, as the watch has it."""
    (total,) = (daily for name, daily in series.items() if name.series is AnomalySeries.TOTAL)
    return exact_sum(total.values) / total.days * MATERIAL_PART


def each_series(injected: Injected) -> Told:
    """What each series tells by itself."""
    told = []
    for name, daily in injected.series.items():
        found = find_anomalies(daily, minimum_amount=least_of(injected.series))
        told += [] if isinstance(found, JudgementUnavailable) else [Seen(name, anomaly) for anomaly in found]
    return told


def each_cause(injected: Injected) -> Told:
    """What the watch tells."""
    found = find_causes(injected.series, {"USD": least_of(injected.series)}, {})
    return [Seen(cause.name, cause.anomaly) for cause in found]


@dataclass(slots=True)
class Counts:
    """What became of causes and rows; `told` and `injected` are amounts."""

    organizations: int = 0
    causes: int = 0
    found: int = 0
    right: int = 0
    false: int = 0
    told: Decimal = Decimal(0)
    injected: Decimal = Decimal(0)

    def add(self, injected: Injected, rows: Told) -> None:
        """Count one organization."""
        right = [[row for row in rows if _is_right(injected, cause, row)] for cause in injected.causes]
        all_right = [row for row in rows if any(row in of_cause for of_cause in right)]
        self.organizations += 1
        self.causes += len(injected.causes)
        self.found += sum(1 for of_cause in right if of_cause)
        self.right += len(all_right)
        self.false += len(rows) - len(all_right)
        if right and all(right):
            self.told += exact_sum(abs(row.anomaly.excess) for row in all_right)
            self.injected += injected.amount


def _is_right(injected: Injected, cause: frozenset[Pair], row: Seen) -> bool:
    return (
        row.anomaly.start < injected.end
        and row.anomaly.end > injected.start
        and (row.anomaly.excess > 0) is (injected.sign > 0)
        and any(row.name in _names(pair) for pair in cause)
    )


def counts(seed: int, repeats: int, tell: Callable[[Injected], Told], breadth: Breadth) -> Counts:
    """Count what is told of all organizations with causes of this breadth."""
    found = Counts()
    for shape, noise, number in product(Shape, NOISES, range(repeats)):
        one = case(seed, number, breadth, shape, noise)
        found.add(one, tell(one))
    return found


def causes_rows(seed: int, repeats: int) -> list[list[str]]:
    """Rows told of each cause, by its breadth: each series by itself, and each cause once."""
    heads = ["cause", "told by", "rows a cause", "precision", "recall", "false an organization", "told of the money"]
    rows = [heads]
    for breadth, (word, tell) in product(Breadth, {"each series": each_series, "each cause": each_cause}.items()):
        found = counts(seed, repeats, tell, breadth)
        if not found.causes:
            rows.append([breadth.value, word, "-", "-", "-", f"{found.false / found.organizations:.3f}", "-"])
            continue
        rows.append(
            [
                breadth.value,
                word,
                f"{found.right / max(found.found, 1):.2f}",
                f"{found.right / max(found.right + found.false, 1):.3f}",
                f"{found.found / found.causes:.2f}",
                f"{found.false / found.organizations:.3f}",
                f"{found.told / found.injected:.2f}" if found.injected else "-",
            ]
        )
    return rows
