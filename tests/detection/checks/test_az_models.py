"""Checks of machine learning endpoints and provisioned throughput."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.az_models import ACCOUNT, DEPLOYMENT, ENDPOINT
from app.detection.facts import ActualCost, Subject
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "az.openai.ptu.regional": ("2", PriceUnit.HOUR),
    "az.openai.ptu.global": ("1", PriceUnit.HOUR),
}
READ = frozenset({DEPLOYMENT})
Near = dict[tuple[RelationshipKind, str], list[Subject]]


def endpoint(status: str = "Succeeded", age: float = 90) -> Subject:
    return subject(ENDPOINT, "/endpoints/e", status=status, created_at=ago(age))


def account(age: float = 90) -> Subject:
    return subject(ACCOUNT, "/accounts/a", status="Succeeded", created_at=ago(age))


def deployed(**units: int | None) -> Near:
    """Deployments by the name of their kind."""
    found = [
        subject(DEPLOYMENT, f"/deployments/{kind}", properties={"sku": {"name": kind, "capacity": count}})
        for kind, count in units.items()
    ]
    return {(RelationshipKind.MEMBER_OF, DEPLOYMENT): found}


def unasked(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"subject": endpoint(), "usages": {"requests": flat(0, 30)}}
    return Case("az.ml.endpoint_idle", proves, expected=expected, amount=amount, **(plain | values))


def spare(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {
        "subject": account(),
        "prices": PRICES,
        "complete_types": READ,
        "neighbours": deployed(ProvisionedManaged=100),
        "usages": {"used": flat(values.pop("used", 10), 7)},
    }
    return Case("az.openai.ptu_idle", proves, expected=expected, amount=amount, **(plain | values))


CASES = (
    unasked("found", FOUND, "304.3750", basis=PriceBasis.ACTUAL, cost=ActualCost(Decimal(300), "USD", 30)),
    unasked("no charges", FOUND, "unknown"),
    unasked("clear", CLEAR, usages={"requests": flat(0.5, 30)}),
    unasked("missing:requests", UNKNOWN, usages={"requests": None}),
    unasked("being made", CLEAR, subject=endpoint("Creating")),
    unasked("younger than the window", CLEAR, subject=endpoint(age=10)),
    # 12 of 100 units are needed: 15 is the least there is.
    spare("found", FOUND, "124100.0000"),
    spare("clear", CLEAR, used=80),
    spare("boundary:usedPercent", CLEAR, used=30),
    spare("boundary:usedPercent", FOUND, "87600.0000", used=29.9),
    spare("missing:used", UNKNOWN, usages={"used": None}),
    spare("does nothing", FOUND, "146000.0000", used=0),
    spare(
        "several",
        FOUND,
        "186150.0000",
        neighbours=deployed(ProvisionedManaged=100, GlobalProvisionedManaged=100, Standard=50),
    ),
    spare("the least already", CLEAR, neighbours=deployed(GlobalProvisionedManaged=15)),
    spare("paid by tokens", CLEAR, neighbours=deployed(Standard=50)),
    spare("no deployments", CLEAR, neighbours={}),
    spare("deployments that were not read", UNKNOWN, complete_types=frozenset()),
    spare("units that are not told", UNKNOWN, neighbours=deployed(ProvisionedManaged=None)),
    spare("younger than the window", CLEAR, subject=account(3)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
