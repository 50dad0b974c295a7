"""Runs one check on one resource, or on one subject of charges, under the rule in force."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from decimal import Decimal
from pathlib import PurePath
from typing import Final

from app.detection.check import Check
from app.detection.facts import Facts, NotReadError, UnknownFactError
from app.detection.finding import Clear, Excluded, Finding, Outcome, Unknown
from app.detection.rule import Rule

Convert = Callable[[Decimal, str], Decimal | None]
"""(amount, currency) → the amount in the organization's currency; None without a rate."""


BROKEN: Final = "The check broke on what it was told, so nothing is known; the error is in the server's log."
"""Said of a resource and of charges alike."""


def evaluate(check: Check, facts: Facts, rule: Rule, convert: Convert) -> Outcome:
    """A finding, or why there is none. Raises NotReadError where the facts have not been read yet that decide.

    A finding without money stays one: unknown is not small. Neither is an amount without a rate. One that saves
    nothing by nature (hygiene) stays too; the least saving is about money that is too little to bother.
    A check that breaks is unknown on this resource or these charges, and takes nothing else along.
    """
    try:
        why = rule.leaves_out(facts.subject)
        if why is not None:
            return Excluded(why)
        finding = check.find(facts)
        if finding is None:
            return Clear()
        return Excluded("It would save less than the rule asks for.") if _is_small(finding, rule, convert) else finding
    except NotReadError:
        raise
    except UnknownFactError as error:
        return Unknown(str(error))
    except Exception as error:  # noqa: BLE001 - one check of hundreds, whatever is wrong with it
        return Unknown(BROKEN, fault_of(error))


def fault_of(error: Exception) -> str:
    """The kind of an error and where it was raised, without its message: that may tell values of a customer."""
    steps = traceback.extract_tb(error.__traceback__)[-3:]
    places = " > ".join(f"{PurePath(step.filename).name}:{step.lineno} {step.name}" for step in steps)
    return f"{type(error).__name__} at {places}"


def _is_small(finding: Finding, rule: Rule, convert: Convert) -> bool:
    saving = finding.saving
    if saving.amount is None or saving.currency is None or saving.is_hygiene:
        return False
    amount = convert(saving.amount, saving.currency)
    return amount is not None and amount < rule.minimum_saving
