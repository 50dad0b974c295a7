"""Whether checks ask for a price that an organization sets, and what its amount has to be for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Final

from app.pricing.book import pattern_of, seed_prices
from app.records import Provider
from app.records.detection import PriceUnit

_HINTS: Final = 3
_MOST_HINTED: Final = 20
"""Looking for what was meant takes a while; a file of other codes is no misspelling."""


@cache
def delivered_units() -> Mapping[tuple[Provider, str], PriceUnit]:
    """What the delivered prices are for, by provider and code."""
    return MappingProxyType({(provider, code): price.unit for (provider, code, _), price in seed_prices().items()})


@dataclass
class AskedPrices:
    """Codes and patterns of codes that checks ask for, and the units of some list prices."""

    patterns: Collection[tuple[Provider, str]]
    listed: Mapping[tuple[Provider, str], PriceUnit]
    _hinted: int = field(default=0, init=False)

    def why_not(self, provider: Provider, pattern: str) -> str | None:
        """Why no check can ever ask for a price of a pattern; None where one does."""
        known = sorted(code for each, code in self.patterns if each is provider)
        if not known:
            return f"is of no use: no check asks for prices of {provider}"
        if any(_meet(pattern, code) for code in known):
            return None
        self._hinted += 1
        near = get_close_matches(pattern, known, _HINTS, 0.5) if self._hinted <= _MOST_HINTED else []
        meant = f"; did you mean {' or '.join(f'`{code}`' for code in near)}?" if near else ""
        return f"is a code that no check asks for{meant or '; `checks` tells those of each check in `prices`'}"

    def other_unit(self, provider: Provider, code: str, unit: PriceUnit) -> PriceUnit | None:
        """What the list price of a code is for, if that is something else."""
        told = self.listed.get((provider, code)) or delivered_units().get((provider, code))
        return told if told is not None and told is not unit else None


def _meet(one: str, other: str) -> bool:
    """Whether there is a code that fits both patterns."""
    if "*" not in one:
        return pattern_of(other).fullmatch(one) is not None
    if "*" not in other:
        return pattern_of(one).fullmatch(other) is not None
    # What stands between is free in both, so that the beginnings and the ends decide.
    heads = sorted((one.partition("*")[0], other.partition("*")[0]), key=len)
    tails = sorted((one.rpartition("*")[2], other.rpartition("*")[2]), key=len)
    return heads[1].startswith(heads[0]) and tails[1].endswith(tails[0])
