"""Runs one check on one resource, or on one subject of charges, under the rule in force."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from decimal import Decimal
from pathlib import PurePath
from typing import Final

from app.detection.check import Check
from app.detection.conditions import hold
from app.detection.facts import Facts, NotReadError, UnknownFactError
from app.detection.finding import Clear, Excluded, Finding, Outcome, Unknown
from app.detection.rule import Rule

Convert = Callable[[Decimal, str], Decimal | None]
"""(amount, currency) → the amount in the organization's currency; None without a rate."""
Said = Finding | Unknown | Clear
"""What a check says: it depends on nothing of a rule but the thresholds and how metrics are read."""
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
    except Exception as error:  # noqa: BLE001 - as below
        return Unknown(BROKEN, fault_of(error))
    return Excluded(why) if why is not None else weigh(detect(check, facts), rule, convert)


def detect(check: Check, facts: Facts) -> Said:
    """What a check says, whatever its rule leaves out. Raises NotReadError."""
    return unmet(check, facts) or find(check, facts)


def unmet(check: Check, facts: Facts) -> Unknown | Clear | None:
    """What a check says by what it declares of all its findings; None where it is to look. Raises NotReadError."""
    try:
        return None if hold(check.only_where, facts) else Clear()
    except NotReadError:
        raise
    except UnknownFactError as error:
        return Unknown(str(error))
    except Exception as error:  # noqa: BLE001 - one check of hundreds, whatever is wrong with it
        return Unknown(BROKEN, fault_of(error))


def find(check: Check, facts: Facts) -> Said:
    """What a check finds on a resource of which all holds that it declares. Raises NotReadError."""
    try:
        return check.find(facts) or Clear()
    except NotReadError:
        raise
    except UnknownFactError as error:
        return Unknown(str(error))
    except Exception as error:  # noqa: BLE001 - as above
        return Unknown(BROKEN, fault_of(error))


def weigh(found: Said, rule: Rule, convert: Convert) -> Outcome:
    """What becomes of it under a rule that looks at the resource: one that saves too little is left out."""
    if not isinstance(found, Finding):
        return found
    try:
        is_small = _is_small(found, rule, convert)
    except Exception as error:  # noqa: BLE001 - an amount may be no number
        return Unknown(BROKEN, fault_of(error))
    return Excluded("It would save less than the rule asks for.") if is_small else found


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
