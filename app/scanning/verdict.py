"""What the steps of a scan amount to: the scan's final state, its failure in words, the health of its account."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.accounts.health import Health, health_of_problem
from app.providers.problems import ProblemCode, ProviderError
from app.records import AccountHealth, ScanState, StepState

MOST_NAMED = 5  # parts in a message; the steps have them all


@dataclass(frozen=True)
class Ending:
    """How a scan ended, and what that says of its account; without `health` it says nothing."""

    state: ScanState
    failure: str | None = None
    remedy: str | None = None
    health: Health | None = None


def failed(error: ProviderError) -> Ending:
    """A problem with the account as a whole: nothing more can be read."""
    return Ending(ScanState.FAILED, error.message, error.remedy, health_of_problem(error))


def judge(steps: Sequence[Mapping[Any, Any]], absent: Collection[str] = (), *, is_full: bool = True) -> Ending:
    """The ending of a scan all of whose steps have ended; rows of `scan_steps`.

    A scan in which no collector told all it had to tell has failed, also where all of it is merely not switched on, as
    in a suspended account: it must not look like one that has found nothing. `absent` are regions that were asked for
    and that the account does not have: they are told, and say nothing of its health. Neither does a part of it, in a
    scan that is not full, which is merely not switched on.
    """
    problems = [problem for step in steps for problem in step["problems"]]
    serious = [problem for problem in problems if problem["code"] != ProblemCode.NOT_ENABLED]
    ended = [problem for problem in problems if problem["code"] == ProblemCode.CREDENTIALS]
    if not any(step["collected"] for step in steps):
        return _nothing(_error((ended or serious or problems)[0]), is_full=is_full)
    if ended:
        error = _error(ended[0])
        failure = f"{error.message} What had been read until then is kept."
        return Ending(ScanState.PARTIAL, failure, error.remedy, health_of_problem(error))
    bad = [step for step in steps if step["state"] in {StepState.FAILED, StepState.PARTIAL}]
    if bad:
        return _partly(bad, len(steps), serious)
    if absent:
        error = absence(absent)
        return Ending(ScanState.PARTIAL, error.message, error.remedy, Health(AccountHealth.HEALTHY))
    return Ending(ScanState.SUCCEEDED, health=Health(AccountHealth.HEALTHY))


def absence(regions: Collection[str]) -> ProviderError:
    """What is said of regions that were asked for and that cannot be read."""
    named = ", ".join(sorted(regions))
    return ProviderError(
        ProblemCode.NOT_ENABLED,
        f"The account does not have {named}: not switched on, or left out of the account's own `regions`.",
        "Leave such regions out of the scan, switch them on for the account, or add them with `updateAccount`.",
    )


def _nothing(error: ProviderError, *, is_full: bool) -> Ending:
    if error.code is ProblemCode.CREDENTIALS:
        return failed(error)
    health: Health | None = health_of_problem(error)
    if health is not None and error.code is ProblemCode.NOT_ENABLED:
        health = replace(health, state=AccountHealth.ERROR) if is_full else None
    return Ending(ScanState.FAILED, f"Nothing could be read. {error.message}", error.remedy, health)


def _partly(bad: Sequence[Mapping[Any, Any]], steps: int, serious: Sequence[Mapping[str, Any]]) -> Ending:
    missing = sorted({problem["permission"] for problem in serious if problem["permission"]})
    parts = [f"{step['service']} in {step['region']}" for step in bad]
    more = f" and {len(parts) - MOST_NAMED} more" if len(parts) > MOST_NAMED else ""
    failure = (
        f"{len(bad)} of {steps} steps could not be read wholly ({', '.join(parts[:MOST_NAMED])}{more}); what was "
        f"known of the rest is kept. {serious[0]['message']}"
    )
    remedy = serious[0]["remedy"]
    health = Health(AccountHealth.DEGRADED, f"{failure} {remedy}", tuple(missing) if missing else None)
    return Ending(ScanState.PARTIAL, failure, remedy, health)


def _error(problem: Mapping[str, Any]) -> ProviderError:
    code = ProblemCode(problem["code"])
    return ProviderError(code, problem["message"], problem["remedy"], permission=problem["permission"])
