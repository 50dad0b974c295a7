"""What a check found on one resource, and what became of looking at it."""

from __future__ import annotations

from dataclasses import dataclass

from app.records.detection import Confidence, Remedy, Saving


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact that a finding rests on, such as ("stopped since", "2026-09-01T00:00:00+00:00")."""

    label: str
    value: str
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Waste on one resource.

    `part_of` is the native id of the resource whose bill this one is part of, where it is another: the instance of a
    volume. A finding that `covers_parts` saves the money of its parts too, so theirs does not count beside it.
    """

    saving: Saving
    evidence: tuple[Evidence, ...]
    confidence: Confidence | None = None
    """Where it differs from the check's own."""
    part_of: str | None = None
    covers_parts: bool = False
    target: str | None = None
    """What to change to, such as `gp3` or `m7g.large`."""
    remedy: Remedy | None = None
    """Where it differs from the check's own."""


class Excluded:
    """The rule leaves this resource out, or the saving is below the least that is asked for."""

    def __init__(self, why: str) -> None:
        self.why = why


class Unknown:
    """It cannot be told whether this is waste: what was found before stays as it is.

    `fault` says which error and where in the code, if that is because the check broke.
    """

    def __init__(self, why: str, fault: str | None = None) -> None:
        self.why = why
        self.fault = fault


class Clear:
    """No waste of this kind."""


Outcome = Finding | Excluded | Unknown | Clear
