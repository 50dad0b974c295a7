"""What the steps of a scan amount to: the scan's final state, its failure in words, the health of its account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


def judge(steps: Sequence[Mapping[Any, Any]]) -> Ending:
    """The ending of a scan all of whose steps have ended; rows of `scan_steps`."""
    problems = [problem for step in steps for problem in step["problems"]]
    for problem in problems:
        if problem["code"] == ProblemCode.CREDENTIALS:
            return failed(_error(problem))
    bad = [step for step in steps if step["state"] in {StepState.FAILED, StepState.PARTIAL}]
    if not bad:
        return Ending(ScanState.SUCCEEDED, health=Health(AccountHealth.HEALTHY))
    serious = [problem for problem in problems if problem["code"] != ProblemCode.NOT_ENABLED]
    if all(step["state"] == StepState.FAILED for step in steps):
        first = _error(serious[0])
        failure = f"Nothing could be read. {first.message}"
        return Ending(ScanState.FAILED, failure, first.remedy, health_of_problem(first))
    missing = sorted({problem["permission"] for problem in serious if problem["permission"]})
    parts = [f"{step['service']} in {step['region']}" for step in bad]
    more = f" and {len(parts) - MOST_NAMED} more" if len(parts) > MOST_NAMED else ""
    failure = (
        f"{len(bad)} of {len(steps)} steps could not be read wholly ({', '.join(parts[:MOST_NAMED])}{more}); what was "
        f"known of the rest is kept. {serious[0]['message']}"
    )
    remedy = serious[0]["remedy"]
    health = Health(AccountHealth.DEGRADED, f"{failure} {remedy}", tuple(missing) if missing else None)
    return Ending(ScanState.PARTIAL, failure, remedy, health)


def _error(problem: Mapping[str, Any]) -> ProviderError:
    code = ProblemCode(problem["code"])
    return ProviderError(code, problem["message"], problem["remedy"], permission=problem["permission"])
