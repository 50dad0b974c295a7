"""Runs one check on one resource under the rule in force."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from app.detection.check import Check
from app.detection.facts import Facts, UnknownFactError
from app.detection.finding import Clear, Excluded, Finding, Outcome, Unknown
from app.detection.rule import Rule

Convert = Callable[[Decimal, str], Decimal | None]
"""(amount, currency) → the amount in the organization's currency; None without a rate."""


def evaluate(check: Check, facts: Facts, rule: Rule, convert: Convert) -> Outcome:
    """A finding, or why there is none.

    A finding without money stays one: unknown is not small. Neither is an amount without a rate. One that saves
    nothing by nature (hygiene) stays too; the least saving is about money that is too little to bother.
    """
    why = rule.leaves_out(facts.subject)
    if why is not None:
        return Excluded(why)
    try:
        finding = check.find(facts)
    except UnknownFactError as error:
        return Unknown(str(error))
    if finding is None:
        return Clear()
    return Excluded("It would save less than the rule asks for.") if _is_small(finding, rule, convert) else finding


def _is_small(finding: Finding, rule: Rule, convert: Convert) -> bool:
    saving = finding.saving
    if saving.amount is None or saving.currency is None or saving.is_hygiene:
        return False
    amount = convert(saving.amount, saving.currency)
    return amount is not None and amount < rule.minimum_saving
