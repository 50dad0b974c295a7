"""What is taken over of what providers recommend: four advisers, one way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.detection.catalogue import CHECKS, checks_of_advice
from app.detection.evaluate import evaluate
from app.detection.facts import Advice, Facts
from app.detection.finding import Finding
from app.detection.rule import default_rule
from app.pricing.book import PriceBook
from app.providers.opinions import FoundOpinion
from app.records.detection import PriceBasis, Remedy
from tests.detection.cases import CLEAR, FOUND, NOW, TOO_LITTLE, UNKNOWN, Case, subject

INSTANCE = subject("AWS::EC2::Instance", "i-1")
SAID = {
    check.id: FoundOpinion(
        source=source,
        native_id="opinion-1",
        kind="Rightsize",
        remedy=Remedy.RESIZE,
        title="Resize i-1: t4g.medium",
        resource_native_id="i-1",
        target="t4g.medium",
        monthly_saving=Decimal("12.5"),
        currency="USD",
        lookback_days=14,
        refreshed_at=datetime(2026, 11, 21, tzinfo=UTC),
    )
    for source, check in checks_of_advice().items()
}
CASES = [
    case
    for check, said in SAID.items()
    for case in (
        Case(check, "found", INSTANCE, FOUND, "12.5", PriceBasis.PROVIDER, target="t4g.medium", advice=Advice(said)),
        Case(check, "clear", INSTANCE, CLEAR),
        Case(check, "saves nothing", INSTANCE, CLEAR, advice=Advice(replace(said, monthly_saving=Decimal(0)))),
        Case(check, "little", INSTANCE, TOO_LITTLE, advice=Advice(replace(said, monthly_saving=Decimal("0.5")))),
        Case(check, "unread", INSTANCE, UNKNOWN, advice=Advice(said, "It is not allowed to be read.")),
        Case(
            check,
            "unknown",
            INSTANCE,
            FOUND,
            "unknown",
            advice=Advice(replace(said, monthly_saving=None, currency=None, saving_reason="It is not told.")),
        ),
    )
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cases(case: Case) -> None:
    case.verify()


def test_what_is_to_be_done_is_the_advisers_word() -> None:
    check = CHECKS["aws.advice.compute_optimizer"]
    facts = Facts(INSTANCE, NOW, {}, PriceBook({}), advice=Advice(SAID[check.id]))
    found = evaluate(check, facts, default_rule(check), lambda amount, _: amount)
    assert isinstance(found, Finding)
    assert found.remedy is Remedy.RESIZE
    assert [(each.label, each.value, each.unit) for each in found.evidence] == [
        ("said", "Resize i-1: t4g.medium", None),
        ("kind", "Rightsize", None),
        ("looked back", "14", "days"),
        ("worked out", "2026-11-21T00:00:00+00:00", None),
        ("recommendation", "opinion-1", None),
    ]
