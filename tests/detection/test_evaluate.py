"""A check that breaks is unknown on the resource on which it broke: with a reason, and without anybody's values."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.detection.catalogue import CHECKS
from app.detection.evaluate import BROKEN, evaluate
from app.detection.facts import Facts, NotReadError, UnknownFactError
from app.detection.finding import Evidence, Excluded, Finding, Unknown
from app.detection.rule import Settings, Tuning, default_rule, rule_by
from app.detection.savings import unknown
from app.records.detection import PriceBasis, Saving
from tests.detection.cases import NOW, subject

CHECK = replace(CHECKS["aws.ebs.unattached"], only_where=())
RULE = default_rule(CHECK)


class _Priceless:
    """No prices."""

    def price(self, *_: object) -> None:
        """See app.detection.facts.Prices."""


FACTS = Facts(subject("AWS::EC2::Volume", "vol-1"), NOW, RULE.parameters, _Priceless())


def _look(_: Facts) -> Finding | None:
    values: dict[str, int] = {}
    values.pop("name of a customer")
    return None


def _raise_unknown(_: Facts) -> Finding | None:
    message = "It is not known."
    raise UnknownFactError(message)


def _raise_unread(_: Facts) -> Finding | None:
    raise NotReadError


def _odd_amount(_: Facts) -> Finding | None:
    return Finding(Saving(Decimal("NaN"), "USD", PriceBasis.LIST, ""), (Evidence("state", "odd"),))


def test_a_check_that_breaks_is_unknown() -> None:
    outcome = evaluate(replace(CHECK, find=_look), FACTS, RULE, lambda amount, _: amount)
    assert isinstance(outcome, Unknown)
    assert outcome.why == BROKEN
    assert outcome.fault is not None
    assert outcome.fault.startswith("KeyError at evaluate.py:")
    assert outcome.fault.endswith(" _look")
    assert "customer" not in outcome.fault


def test_an_amount_that_is_none_is_unknown() -> None:
    outcome = evaluate(replace(CHECK, find=_odd_amount), FACTS, RULE, lambda amount, _: amount)
    assert isinstance(outcome, Unknown)
    assert outcome.why == BROKEN


def test_a_missing_fact_is_no_fault() -> None:
    outcome = evaluate(replace(CHECK, find=_raise_unknown), FACTS, RULE, lambda amount, _: amount)
    assert isinstance(outcome, Unknown)
    assert (outcome.why, outcome.fault) == ("It is not known.", None)


def test_what_was_not_read_yet_is_no_answer() -> None:
    with pytest.raises(NotReadError):
        evaluate(replace(CHECK, find=_raise_unread), FACTS, RULE, lambda amount, _: amount)


def _saves(amount: str | None, *, hygiene: bool = False) -> Finding:
    known = None if amount is None else Decimal(amount)
    saving = unknown("No price.") if known is None else Saving(known, "USD", PriceBasis.LIST, "", is_hygiene=hygiene)
    return Finding(saving, (Evidence("state", "odd"),))


@pytest.mark.parametrize(
    ("check_id", "minimum", "finding", "is_told"),
    [
        ("aws.ebs.unattached", None, _saves("1.00"), True),
        ("aws.ebs.unattached", None, _saves("0.99"), False),
        ("aws.ebs.unattached", "0.50", _saves("0.99"), True),
        ("aws.secrets.unused", None, _saves("0.40"), True),
        ("aws.secrets.unused", "0.50", _saves("0.40"), False),
        ("aws.ebs.unattached", "100", _saves("0", hygiene=True), True),
        ("aws.ebs.unattached", "100", _saves(None), True),
    ],
)
def test_too_little_is_left_out_unless_it_is_hygiene_or_unknown(
    check_id: str, minimum: str | None, finding: Finding, is_told: bool
) -> None:
    check = replace(CHECKS[check_id], only_where=(), find=lambda _: finding)
    rule = rule_by(check, Tuning(), Settings(minimum_saving=None if minimum is None else Decimal(minimum)))
    outcome = evaluate(check, FACTS, rule, lambda amount, _: amount)
    assert outcome == finding if is_told else isinstance(outcome, Excluded)
