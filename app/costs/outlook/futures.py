"""Possible futures of a daily series: many simulated courses, whose quantiles are the intervals of days and of sums.

The regular part is a structural time series model of statsmodels: a local level, the weekday, and a drift where the
data speak for one. What is bought on the first of a month, and rare single days, are taken out before the fit (the
Kalman filter copes with missing days) and drawn again from what was seen. A drift that few days leave open is drawn
as well: without it the bounds of a month ahead of 14 days held 57 % of what they were to hold 80 % of. Courses, not
bounds, are summed: the error of a month is neither 30 errors of a day nor their root. Loads numpy and statsmodels:
imported only when needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
from scipy.stats import norm, t  # type: ignore[import-untyped]  # scipy has no types of its own
from statsmodels.tsa.seasonal import STL  # type: ignore[import-untyped]  # nor has statsmodels
from statsmodels.tsa.statespace.structural import UnobservedComponents  # type: ignore[import-untyped]

from app.costs.outlook.baseline import BoolArray, FloatArray, as_floats, month_starts
from app.costs.outlook.series import DailySeries

FITTED_DAYS: Final = 112
"""Sixteen weeks tell level, weekday and drift; more only takes longer."""
DRIFT_DAYS: Final = 28
"""In less than four weeks no drift can be told from noise."""

TOLD_DAYS: Final = 56
"""In less than eight weeks a model without a drift leaves out one that the days cannot exclude."""

_LEVEL: Final = "local level, weekday"
_USUAL_DRIFT: Final = 0.003
"""How fast costs drift: by 0.3 % a day, 10 % a month, in two thirds of cases less. Noisy days alone would say more."""
_SEED: Final = 20260101
_WEEK: Final = 7
_BURN: Final = 9
"""Days that no candidate's likelihood counts, so that those with fewer unknowns at the start are not favoured."""
_STEADY_SEASON: Final = 35
"""Weeks over which STL smooths a weekday: its default of 7 follows noise and makes the residuals too small."""
_OUTLIER: Final = 6.0
_ABOVE_USUAL: Final = 1.5
_GAUSSIAN: Final = 1.4826
_SMALLEST_OUTLIER: Final = 0.05
_LONGEST_OUTLIER: Final = 2
_RARE: Final = 0.05
_RECURRING: Final = 3
_MONTHS: Final = 6
_EVEN: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Futures:
    """What is expected of each coming day, and one row for each simulated course of them.

    `lowest` and `highest`: 0 where no past day was negative, or none positive. Courses may cross them (cutting each
    would shift their sums), what is said of them may not.
    """

    expected: FloatArray
    courses: FloatArray
    lowest: float
    highest: float
    method: str


@dataclass(frozen=True, slots=True)
class _Events:
    """Which past days are left out of the fit, and the amounts that may come again."""

    left_out: BoolArray
    purchases: FloatArray
    purchase_chance: float
    single: FloatArray
    single_chance: float


def simulate(series: DailySeries, days: int, *, courses: int, widened: float = 1.0) -> Futures:
    """The courses of the `days` after the series, which has at least two weeks; equal input gives equal output.

    `widened` stretches the courses about what is expected of each day: the back-test's verdict on the intervals.
    """
    values = as_floats(series.values)[-FITTED_DAYS:]
    starts = month_starts(series.end - timedelta(len(values)), len(values))
    ahead = month_starts(series.end, days)
    chance = np.random.default_rng(_SEED)
    events = _events(values, starts)
    expected, drawn, method = _regular(np.where(events.left_out, np.nan, values), days, courses, chance)
    expected = expected.copy()
    if len(events.purchases):
        expected += ahead * events.purchase_chance * events.purchases.mean()
        method += ", month-start purchases"
    if len(events.single) >= _RECURRING:
        expected += events.single_chance * events.single.mean()
        method += ", single days"
    drawn = drawn + _drawn(chance, drawn.shape, events.purchases, events.purchase_chance) * ahead
    drawn = drawn + _drawn(chance, drawn.shape, events.single, events.single_chance)
    drawn = expected + (drawn - expected) * widened
    lowest = 0.0 if values.min() >= 0 else -np.inf
    highest = 0.0 if values.max() <= 0 else np.inf
    return Futures(np.clip(expected, lowest, highest), drawn, lowest, highest, method)


def _drawn(chance: np.random.Generator, shape: tuple[int, ...], seen: FloatArray, probability: float) -> FloatArray:
    """For each day of each course one of the amounts seen, with a probability, else 0."""
    if not len(seen):
        return np.zeros(shape)
    return np.asarray(chance.choice(seen, size=shape) * (chance.random(shape) < probability), dtype=np.float64)


def _events(values: FloatArray, starts: BoolArray) -> _Events:
    """Tell purchases at month starts and rare single days from the regular course, by their residual from robust STL.

    Deviations of three days and more stay: they may be a new level. So do deviations that are not rare. A purchase
    seen at the only month start there is comes again in half of the courses.
    """
    residuals = values - _smooth(values)
    limit = np.maximum(_OUTLIER * _GAUSSIAN * np.median(np.abs(residuals)), _SMALLEST_OUTLIER * np.median(abs(values)))
    outlying = np.abs(residuals) > limit
    months = np.flatnonzero(starts)[-_MONTHS:]
    usual = _ABOVE_USUAL * np.quantile(np.abs(residuals[~starts]), 0.95)
    bought = [int(day) for day in months if outlying[day] and abs(residuals[day]) > usual]
    probability = len(bought) / len(months) if len(months) > 1 else 0.5
    left_out = np.zeros(len(values), dtype=np.bool_)
    left_out[bought] = True
    single = _short_runs(outlying & ~starts)
    if np.count_nonzero(single) > _RARE * len(values):
        single[:] = False
    return _Events(
        left_out=left_out | single,
        purchases=residuals[bought],
        purchase_chance=probability,
        single=residuals[single],
        single_chance=float(np.count_nonzero(single)) / len(values),
    )


def _smooth(values: FloatArray) -> FloatArray:
    """Trend and weekday of a series by robust STL."""
    if np.ptp(values) == 0:
        return values
    found = STL(values, period=_WEEK, seasonal=_STEADY_SEASON, robust=True).fit()
    return np.asarray(found.trend + found.seasonal, dtype=np.float64)


def _short_runs(marked: BoolArray) -> BoolArray:
    """The marked days in runs of at most two."""
    kept = marked.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marked.astype(np.int8), [0]])))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if last - first > _LONGEST_OUTLIER:
            kept[first:last] = False
    return kept


def _regular(
    values: FloatArray, days: int, courses: int, chance: np.random.Generator
) -> tuple[FloatArray, FloatArray, str]:
    """What is expected and the courses of the regular part; days that are not a number are missing."""
    known = values[~np.isnan(values)]
    middle, spread = float(np.mean(known)), float(np.std(known))
    if spread <= _EVEN * np.max(np.abs(known)):
        level = np.full(days, float(np.median(known)))
        return level, np.tile(level, (courses, 1)), "constant"
    scaled = (values - middle) / spread
    models = {_LEVEL: _fitted(scaled, "llevel")}
    if len(values) >= DRIFT_DAYS:
        models["local level, drift, weekday"] = _fitted(scaled, "lldtrend")
    weights = _weights([float(model.aicc) for model in models.values()])
    expected, drawn = np.zeros(days), []
    for model, weight in zip(models.values(), weights, strict=True):
        course = np.asarray(model.forecast(days), dtype=np.float64)
        share = round(courses * weight)
        expected += weight * course
        if share:
            states = _states(model, share, chance)
            some = model.simulate(days, anchor="end", repetitions=share, initial_state=states, rng=chance)[:, 0, :].T
            some = course + (some - course) * _small_sample(len(known), model.model.k_states)
            if len(values) < TOLD_DAYS and model is models[_LEVEL]:
                drifts = chance.normal(0, _untold_drift(scaled, middle / spread), (share, 1))
                some = some + drifts * (_age(model, len(values)) + np.arange(1, days + 1))
            drawn.append(some)
    method = max(zip(weights, models, strict=True))[1]
    return middle + spread * expected, middle + spread * np.concatenate(drawn), method


def _untold_drift(values: FloatArray, level: float) -> float:
    """The standard deviation of a drift that these days may have and a model without one does not know, per day.

    What a straight line through them (weekdays apart) leaves open, less what drifts usually are, and how steep it is.
    """
    day = np.flatnonzero(~np.isnan(values))
    weekdays = [day % _WEEK == weekday for weekday in range(_WEEK)]
    lines = np.column_stack([day - day.mean(), *weekdays]).astype(np.float64)
    found, _, rank, _ = np.linalg.lstsq(lines, values[day])
    noise = float(np.sum((values[day] - lines @ found) ** 2)) / max(len(day) - int(rank), 1)
    open_ = noise * float(np.linalg.pinv(lines.T @ lines)[0, 0])
    usual = (_USUAL_DRIFT * level) ** 2
    believed = usual / (usual + open_) if open_ else 1.0
    return float(np.sqrt(believed * open_ + (believed * found[0]) ** 2))


def _age(model: Any, days: int) -> float:
    """How many days old the level is on average that a model without a drift has: by so much it lags behind one.

    The level is an exponentially weighted mean of past days. The less it moves by itself, the more of them count.
    """
    irregular, level = (max(float(variance), 0.0) for variance in model.params[:2])
    oldest = (days - 1) / 2
    if level <= _EVEN * irregular:
        return oldest
    ratio = level / irregular if irregular else np.inf
    gain = (np.sqrt(ratio**2 + 4 * ratio) - ratio) / 2 if np.isfinite(ratio) else 1.0
    return float(min((1 - gain) / gain, oldest))


def _states(model: Any, count: int, chance: np.random.Generator) -> FloatArray:
    """Where the courses may begin, one column each: draws from what the filter knows of level, drift and weekdays.

    The library's own draw warns of covariances that rounding has left with a negative eigenvalue of almost 0.
    """
    mean, covariance = model.predicted_state[:, -1], model.predicted_state_cov[:, :, -1]
    sizes, directions = np.linalg.eigh((covariance + covariance.T) / 2)
    drawn = directions * np.sqrt(np.maximum(sizes, 0)) @ chance.standard_normal((len(mean), count))
    return np.asarray(mean[:, None] + drawn, dtype=np.float64)


def _weights(criteria: list[float]) -> list[float]:
    """Akaike weights: how far the data speak for each candidate, adding up to 1."""
    likelihoods = np.exp((min(criteria) - np.array(criteria)) / 2)
    return [float(weight) for weight in likelihoods / likelihoods.sum()]


def _fitted(values: FloatArray, level: str) -> Any:
    """A structural model fitted by maximum likelihood; a search that stops early is good enough, so it says nothing."""
    model = UnobservedComponents(values, level, seasonal=_WEEK, stochastic_seasonal=False, loglikelihood_burn=_BURN)
    return model.fit(disp=0, maxiter=50, warn_convergence=False, cov_type="none")


def _small_sample(days: int, states: int) -> float:
    """How much wider a few days make an interval: Student's quantile over the Gaussian one."""
    freedom = max(days - states, 1)
    return float(t.ppf(0.9, freedom) / norm.ppf(0.9))
