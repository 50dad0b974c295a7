"""What the demo pays by contract for what is delivered without a list price, or for more than what is charged now."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from app.database import Database
from app.pricing.overrides import SentOverride, set_overrides
from app.recommendations.prices import ASKED_FOR, look_again
from app.records import Actor, Provider
from app.records.detection import PriceUnit

HOURLY = {
    Provider.AWS: {
        "ec2.m4.large.linux": "0.111",
        "ec2.m6a.large.linux": "0.0963",
        "ec2.m7g.medium.linux": "0.0535",
        "ec2.m7g.large.linux": "0.107",
        "ec2.m7g.xlarge.linux": "0.214",
        "ec2.c7g.medium.linux": "0.0456",
        "ec2.c7g.large.linux": "0.0912",
        "ec2.c7g.xlarge.linux": "0.1824",
        "ec2.c7g.2xlarge.linux": "0.3648",
        "rds.extended_support.year3": "0.212",
    },
    Provider.AZURE: {"az.vm.standard_d4s_v3.linux": "0.24", "az.vm.standard_d4ads_v5.linux": "0.216"},
    Provider.GCP: {"gcp.vm.n2.vcpu": "0.0348", "gcp.vm.n2.gib": "0.00466"},
}
"""The prices of machines agree with those that are charged, see app/demo/kinds.py."""
BY_SIZE = {"gcp.disk.pd-standard": "0.04", "gcp.disk.pd-balanced": "0.1", "gcp.disk.pd-ssd": "0.17"}
BY_MONTH = {
    "az.disk.premium_lrs.p4": "4.48",
    "az.disk.standardssd_lrs.e6": "5.12",
    "az.disk.standardssd_lrs.e15": "20.48",
}


async def agree_prices(database: Database, organization_id: UUID, actor: Actor, first_day: date) -> None:
    """Store them, in force since a day, in all regions."""
    rows = [
        *(
            (provider, code, amount, PriceUnit.HOUR)
            for provider, each in HOURLY.items()
            for code, amount in each.items()
        ),
        *((Provider.GCP, code, amount, PriceUnit.GIB_MONTH) for code, amount in BY_SIZE.items()),
        *((Provider.AZURE, code, amount, PriceUnit.MONTH) for code, amount in BY_MONTH.items()),
    ]
    sent = [
        SentOverride(provider, code, "*", first_day, None, None, Decimal(amount), "USD", unit, "Framework contract")
        for provider, code, amount, unit in rows
    ]
    await set_overrides(database, organization_id, actor, sent, look_again, ASKED_FOR)
