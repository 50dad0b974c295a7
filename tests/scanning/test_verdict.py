"""What the steps of a scan amount to."""

from __future__ import annotations

from typing import Any

from app.providers.problems import ProblemCode
from app.records import AccountHealth, ScanState, StepState
from app.scanning.verdict import Ending, judge

API_OFF = "The API cloudasset.googleapis.com is not enabled in the project acme-prod."
SWITCH_ON = "Run `gcloud services enable cloudasset.googleapis.com --project acme-prod`."


def problem(code: ProblemCode, permission: str | None = None, message: str = API_OFF) -> dict[str, Any]:
    """An entry of a step's `problems`."""
    return {
        "resourceTypes": ["compute.googleapis.com/Disk"],
        "code": code.value,
        "message": message,
        "remedy": SWITCH_ON,
        "permission": permission,
    }


def step(number: int, state: StepState, *problems: dict[str, Any], collected: bool | None = None) -> dict[str, Any]:
    """A row of `scan_steps`, as far as it is judged; something was read in it where it has no problem or is PARTIAL."""
    read = not problems or state is StepState.PARTIAL if collected is None else collected
    return {
        "service": f"service-{number}",
        "region": "global",
        "state": state.value,
        "problems": list(problems),
        "collected": ["compute.googleapis.com/Instance"] if read else [],
    }


def state_of(ending: Ending) -> tuple[ScanState, AccountHealth | None]:
    """The state of the scan, and that of its account."""
    return ending.state, ending.health.state if ending.health else None


def test_all_is_read() -> None:
    ending = judge([step(1, StepState.SUCCEEDED), step(2, StepState.SUCCEEDED)])
    assert (ending.failure, ending.remedy) == (None, None)
    assert state_of(ending) == (ScanState.SUCCEEDED, AccountHealth.HEALTHY)


def test_one_service_that_is_not_switched_on_is_no_failure() -> None:
    off = problem(ProblemCode.NOT_ENABLED)
    ending = judge([step(1, StepState.SUCCEEDED), step(2, StepState.SUCCEEDED, off)])
    assert state_of(ending) == (ScanState.SUCCEEDED, AccountHealth.HEALTHY)


def test_an_inventory_that_is_closed_as_a_whole_fails_the_scan() -> None:
    """As GCP tells of Cloud Asset Inventory, and Azure of a disabled subscription."""
    steps = [step(number, StepState.FAILED, problem(ProblemCode.DENIED)) for number in range(13)]
    ending = judge(steps)
    assert (ending.failure, ending.remedy) == (f"Nothing could be read. {API_OFF}", SWITCH_ON)
    state, health = state_of(ending)
    assert (state, health is AccountHealth.HEALTHY) == (ScanState.FAILED, False)


def test_what_is_not_switched_on_is_not_named_as_the_failure() -> None:
    off = problem(ProblemCode.NOT_ENABLED, message="Off.")
    denied = problem(ProblemCode.DENIED, "ec2:DescribeVolumes", "Denied.")
    ending = judge([step(1, StepState.FAILED, off, denied), step(2, StepState.FAILED, denied)])
    assert ending.failure == "Nothing could be read. Denied."
    assert ending.health is not None
    assert ending.health.missing_permissions == ("ec2:DescribeVolumes",)


def test_a_part_that_could_not_be_read_is_named_with_all_that_is_missing() -> None:
    steps = [
        step(1, StepState.SUCCEEDED),
        step(2, StepState.PARTIAL, problem(ProblemCode.DENIED, "b:Read")),
        *(step(number, StepState.FAILED, problem(ProblemCode.DENIED, "a:Read")) for number in range(3, 9)),
    ]
    ending = judge(steps)
    assert state_of(ending) == (ScanState.PARTIAL, AccountHealth.DEGRADED)
    assert ending.failure is not None
    assert ending.failure.startswith("7 of 8 steps could not be read wholly (service-2 in global, ")
    assert "service-6 in global and 2 more)" in ending.failure
    assert ending.health is not None
    assert ending.health.missing_permissions == ("a:Read", "b:Read")


def test_credentials_that_end_are_an_error_of_the_account() -> None:
    ended = step(2, StepState.FAILED, problem(ProblemCode.CREDENTIALS, message="The keys have expired."))
    ending = judge([step(1, StepState.PENDING, collected=False), ended])
    assert (state_of(ending), ending.failure) == ((ScanState.FAILED, AccountHealth.ERROR), "The keys have expired.")
    # What had been read before was swept, so the scan is no failure that leaves everything as it was.
    ending = judge([step(1, StepState.SUCCEEDED), ended])
    assert state_of(ending) == (ScanState.PARTIAL, AccountHealth.ERROR)
    assert ending.failure == "The keys have expired. What had been read until then is kept."


def test_an_account_with_nothing_switched_on_is_not_empty() -> None:
    off = problem(ProblemCode.NOT_ENABLED)
    steps = [step(number, StepState.SUCCEEDED, off, off) for number in range(4)]
    ending = judge(steps)
    assert (ending.failure, ending.remedy) == (f"Nothing could be read. {API_OFF}", SWITCH_ON)
    assert state_of(ending) == (ScanState.FAILED, AccountHealth.ERROR)
    assert state_of(judge(steps, is_full=False)) == (ScanState.FAILED, None)
    # One part of one step that was read is enough to know.
    ending = judge([*steps, step(5, StepState.SUCCEEDED, off, collected=True)])
    assert state_of(ending) == (ScanState.SUCCEEDED, AccountHealth.HEALTHY)


def test_properties_that_could_not_be_read_are_told_with_the_permission() -> None:
    """Of a collector that has told all its resources (`listed`)."""
    denied = problem(ProblemCode.DENIED, "s3:GetBucketTagging", "Tags are denied.")
    ending = judge([step(1, StepState.SUCCEEDED), step(2, StepState.PARTIAL, denied, collected=True)])
    assert state_of(ending) == (ScanState.PARTIAL, AccountHealth.DEGRADED)
    assert ending.health is not None
    assert ending.health.missing_permissions == ("s3:GetBucketTagging",)


def test_regions_that_are_not_there_are_told_and_are_no_fault_of_the_account() -> None:
    ending = judge([step(1, StepState.SUCCEEDED)], {"eu-wset-1"}, is_full=False)
    assert state_of(ending) == (ScanState.PARTIAL, AccountHealth.HEALTHY)
    assert ending.failure is not None
    assert ending.failure.startswith("The account does not have eu-wset-1: not switched on, or left out of")
