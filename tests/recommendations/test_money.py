"""The money of findings rests on charges as they were delivered: through the look and into the graph."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.database import Database
from app.models import Account, Scan, ScanStep, new_id, now
from app.recommendations.jobs import LOOK_JOB, look_for_waste, look_for_waste_in_charges
from app.repositories.resources import ResourceValues
from tests.clients import GraphQL, register
from tests.costs.watch.deliveries import charge, days
from tests.recommendations.looking import lone
from tests.repositories.found import store
from tests.resolvers.cost_caller import TODAY, Caller, Job

THIS = TODAY.replace(day=1)
LAST = (THIS - timedelta(1)).replace(day=1)
BEFORE = (LAST - timedelta(1)).replace(day=1)
"""First days of this month, the last one and the one before."""
A_MONTH = Decimal("30.4375")
UNATTACHED = "aws.ebs.unattached"
LIST = """query ($slug: String!) { organization(slug: $slug) {
  recommendations(where: {state: {eq: OPEN}}) { nodes { checkId subject isCounted resource { nativeId }
    saving { basis reason formula inputs monthly { amount currency } cashSaving { amount currency }
      cashSavingReason } } }
  savingsSummary { potential } } }"""
Node = dict[str, Any]


class Bank:
    """An organization with an account whose resources have charges."""

    def __init__(self, caller: Caller, account_id: UUID) -> None:
        self.caller = caller
        self.account_id = account_id

    async def keep(self, *resources: ResourceValues, seen: date | None = None) -> None:
        """Store resources as if a scan had first seen them on a day, long ago if not told."""
        organization_id = self.caller.organization_id
        await store(self.caller.database, *resources, organization=organization_id)
        moment = datetime.combine(seen or BEFORE - timedelta(90), time(12), UTC)
        async with self.caller.database.write(organization_id) as session:
            await session.execute(
                text("UPDATE resources SET first_seen_at = :moment WHERE native_id = ANY(:names)"),
                {"moment": moment, "names": [one.native_id for one in resources]},
            )

    async def deliver(self, *rows: Sequence[dict[str, Any]]) -> None:
        """Import charges, and look at them as workers do."""
        await self.caller.deliveries.deliver([row for each in rows for row in each])
        await look_for_waste_in_charges(Job(self.caller.organization_id, self.caller.database))

    async def looks_asked(self) -> int:
        """How many looks at the account are waiting."""
        async with self.caller.database.read(self.caller.organization_id) as session:
            found = await session.execute(
                text("SELECT count(*) FROM jobs WHERE kind = :kind AND state = 'QUEUED'"), {"kind": LOOK_JOB}
            )
            return int(found.scalar_one())

    async def look(self) -> tuple[dict[tuple[str, str], Node], Decimal]:
        """Do all looks that wait and one more; what is open, by check and subject, and what it saves together."""
        async with self.caller.database.write(self.caller.organization_id) as session:
            await session.execute(
                text("UPDATE jobs SET state = 'SUCCEEDED' WHERE kind = :kind AND state = 'QUEUED'"), {"kind": LOOK_JOB}
            )
        job = Job(self.caller.organization_id, self.caller.database)
        job.arguments = {"accountId": str(self.account_id)}
        await look_for_waste(job)
        answer = await self.caller.read(LIST)
        nodes = answer["recommendations"]["nodes"]
        potential = Decimal(answer["savingsSummary"]["potential"])
        counted = [node["saving"]["monthly"] for node in nodes if node["isCounted"]]
        assert potential == sum(Decimal(money["amount"]) for money in counted if money), "no money is counted twice"
        return {(node["checkId"], node["subject"]): node for node in nodes}, potential


def paid(name: str, since: date, until: date, cost: str, **columns: Any) -> list[dict[str, Any]]:
    """A resource's charges of the days from `since` to before `until`."""
    return [charge(day, cost, ResourceId=name, **columns) for day in days(since, until)]


def money(node: Node) -> tuple[Decimal, str]:
    return Decimal(node["saving"]["monthly"]["amount"]), node["saving"]["basis"]


def cash(node: Node) -> Decimal | None:
    told = node["saving"]["cashSaving"]
    assert (told is None) is (node["saving"]["cashSavingReason"] is not None)
    return None if told is None else Decimal(told["amount"])


async def account(database: Database, organization_id: UUID, provider: str, native_id: str, *types: str) -> UUID:
    """An account of which a scan has just read some types completely."""
    account_id, scan_id = new_id(), new_id()
    rows = (
        Account(
            id=account_id,
            provider=provider,
            kind="CONNECTED",
            native_id=native_id,
            name="One",
            organization_id=organization_id,
        ),
        Scan(
            id=scan_id,
            account_id=account_id,
            actor_kind="SYSTEM",
            state="SUCCEEDED",
            finished_at=now(),
            organization_id=organization_id,
        ),
        ScanStep(
            scan_id=scan_id,
            service="all",
            region="us-east-1",
            state="SUCCEEDED",
            collected=list(types),
            finished_at=now(),
            organization_id=organization_id,
        ),
    )
    async with database.write(organization_id) as session:
        for row in rows:
            session.add(row)
            await session.flush()
    return account_id


@pytest.fixture
async def bank(graphql: GraphQL, database: Database, tmp_path: Path) -> Bank:
    caller = Caller(graphql, database, await register(graphql), tmp_path)
    return Bank(caller, await account(database, caller.organization_id, "AWS", "111"))


def free(bank: Bank, name: str, made: datetime | None = None, **values: Any) -> ResourceValues:
    """A volume that is attached to nothing."""
    return lone(name, account_id=bank.account_id, provider_created_at=made, **values)


async def test_what_is_younger_than_the_month_is_reckoned_by_its_own_days(bank: Bank) -> None:
    def made(days_before: int) -> datetime:
        return datetime.combine(LAST - timedelta(days_before), time(12), UTC)

    await bank.keep(
        free(bank, "vol-old", made(400)),
        free(bank, "vol-young", made(4)),
        free(bank, "vol-new", made(2)),
        free(bank, "vol-lump", made(10)),
        free(bank, "vol-again", made(5)),
    )
    await bank.keep(free(bank, "vol-seen"), free(bank, "vol-both"), seen=LAST - timedelta(2))
    month = {"ChargePeriodEnd": f"{LAST}T00:00:00Z"}
    await bank.deliver(
        paid("vol-old", BEFORE, LAST, "3"),
        paid("vol-young", LAST - timedelta(4), LAST, "2"),
        paid("vol-new", LAST - timedelta(2), LAST, "2"),
        paid("vol-lump", BEFORE, BEFORE + timedelta(1), "10", **month),
        paid("vol-again", BEFORE, LAST, "1"),
        paid("vol-seen", BEFORE, LAST, "1"),
        paid("vol-both", LAST - timedelta(5), LAST, "2"),
    )
    found, _ = await bank.look()
    assert {node: money(told) for (_, node), told in found.items()} == {
        "vol-old": (3 * A_MONTH, "ACTUAL"),
        "vol-young": (2 * A_MONTH, "ACTUAL"),
        "vol-new": (Decimal(8), "LIST"),  # two days tell too little: 100 GiB at 0.08
        "vol-lump": (A_MONTH, "ACTUAL"),  # ten days for 10
        "vol-again": (A_MONTH, "ACTUAL"),  # an older one of that name was charged all month
        "vol-seen": (A_MONTH, "ACTUAL"),  # the first scan was late
        "vol-both": (2 * A_MONTH, "ACTUAL"),
    }
    assert found[UNATTACHED, "vol-young"]["saving"]["inputs"]["days"] == "4"


async def test_the_newest_complete_month_counts_and_one_that_becomes_complete_is_looked_at(bank: Bank) -> None:
    await bank.keep(free(bank, "vol-1"))
    await bank.deliver(paid("vol-1", BEFORE, LAST, "2"))
    found, _ = await bank.look()
    assert money(found[UNATTACHED, "vol-1"]) == (2 * A_MONTH, "ACTUAL")  # nothing of the last month is there yet
    await bank.deliver(paid("vol-1", THIS, TODAY + timedelta(1), "9"))
    assert await bank.looks_asked() == 0, "a month that goes on tells looks nothing"
    await bank.deliver(paid("vol-1", LAST, THIS, "3"))
    assert await bank.looks_asked() == 1
    await look_for_waste_in_charges(Job(bank.caller.organization_id, bank.caller.database))
    assert await bank.looks_asked() == 1
    found, _ = await bank.look()
    assert money(found[UNATTACHED, "vol-1"]) == (3 * A_MONTH, "ACTUAL")
    await look_for_waste_in_charges(Job(bank.caller.organization_id, bank.caller.database))
    assert await bank.looks_asked() == 0


def attached(bank: Bank, name: str, kind: str, size: int, instance: str) -> ResourceValues:
    properties = {"volumeType": kind, "sizeGiB": size, "iops": 3000, "throughputMiBps": 125}
    properties["attachments"] = [{"instanceId": instance, "state": "attached", "device": "/dev/xvda"}]
    return lone(
        name,
        account_id=bank.account_id,
        provider_created_at=None,
        status="in-use",
        properties=properties,
        relations=(("ATTACHED_TO", instance),),
    )


def machine(bank: Bank, name: str, *volumes: str) -> ResourceValues:
    """An instance that was stopped long ago."""
    properties = {
        "instanceType": "m5.large",
        "platformDetails": "Linux/UNIX",
        "lifecycle": "on-demand",
        "tenancy": "default",
        "stateChangedAt": (now() - timedelta(90)).isoformat(),
        "blockDevices": [{"device": f"/dev/xvd{place}", "volumeId": each} for place, each in enumerate(volumes)],
    }
    return of_type(bank, "AWS::EC2::Instance", name, status="stopped", properties=properties)


def address(bank: Bank, name: str, instance: str) -> ResourceValues:
    properties = {"instanceId": instance, "associationId": f"eipassoc-{name}"}
    return of_type(bank, "AWS::EC2::EIP", name, properties=properties, relations=(("ATTACHED_TO", instance),))


def of_type(bank: Bank, resource_type: str, native_id: str, **values: Any) -> ResourceValues:
    plain: dict[str, Any] = {"status": None, "relations": (), "properties": {}}
    return free(bank, native_id, resource_type=resource_type, **(plain | values))


COMMITTED = {"PricingCategory": "Committed", "CommitmentDiscountId": "plan-1"}
USED, UNUSED = ({"CommitmentDiscountStatus": status} | COMMITTED for status in ("Used", "Unused"))
IDLE_CAPACITY = {"CapacityReservationStatus": "Unused", "ServiceName": "EC2 reserved"}
OVERRIDE = """mutation ($input: SetPriceOverridesInput!) { setPriceOverrides(input: $input) { __typename
  ... on SetPriceOverridesPayload { added } } }"""


def charges_of_the_account() -> list[dict[str, Any]]:
    """The month before the last one was not delivered; this one goes on."""
    until = TODAY + timedelta(1)
    reserved = ("cr-0a", "arn:aws:ec2:us-east-1:111:capacity-reservation/cr-0a")
    return [
        *paid("vol-free", LAST, THIS, "0.2"),  # at list price 8 a month
        *paid("vol-gp2", LAST, THIS, "0.1"),  # half of 0.2 is covered, all of it at list price is 10
        *paid("vol-gp2", LAST, THIS, "0.1", **USED),
        *paid("vol-dear", LAST, THIS, "5"),  # more than its list price: its snapshots stand beside it
        *paid("vol-a", LAST, THIS, "0.4"),
        *paid("vol-b", LAST, THIS, "0.3"),
        *paid("vol-c", LAST, THIS, "0.1", **USED),
        *paid("eipalloc-c", LAST, THIS, "0.12"),
        *(row for name in reserved for row in paid("", LAST, until, "1", CapacityReservationId=name, **IDLE_CAPACITY)),
        *paid("plan-1", LAST, until, "2", **UNUSED),
    ]


async def test_all_money_of_an_account_is_as_its_charges_prices_and_contracts_say(bank: Bank) -> None:
    await bank.keep(
        free(bank, "vol-free"),
        free(bank, "vol-priced", size=200),
        attached(bank, "vol-gp2", "gp2", 100, "i-runs"),
        attached(bank, "vol-dear", "gp2", 100, "i-runs"),
        attached(bank, "vol-unbilled", "gp2", 100, "i-runs"),
        of_type(bank, "AWS::EC2::Instance", "i-runs", status="running"),
        *(attached(bank, name, "gp3", 100, "i-mixed") for name in ("vol-a", "vol-b")),
        machine(bank, "i-mixed", "vol-a", "vol-b"),
        address(bank, "eipalloc-m", "i-mixed"),
        attached(bank, "vol-c", "gp3", 100, "i-billed"),
        machine(bank, "i-billed", "vol-c"),
        address(bank, "eipalloc-c", "i-billed"),
        of_type(bank, "AWS::EC2::CapacityReservation", "cr-0a"),
    )
    discount = {"provider": "AWS", "pattern": "ebs.gp3.*", "validFrom": f"{BEFORE}", "discountPercent": "25"}
    answer = await bank.caller.act(OVERRIDE, organizationId=bank.caller.person.organization_id, overrides=[discount])
    assert answer["added"] == 1
    await bank.deliver(charges_of_the_account())
    found, potential = await bank.look()
    bill = {name: rounded(Decimal(cost) * A_MONTH) for name, cost in DAILY.items()}
    gp2, gp3, eip = Decimal(10), Decimal("6.0"), Decimal("3.65")  # 100 GiB: 0.10, 0.08 less 25 %; 730 h at 0.005
    scaled = (gp2 - gp3) * Decimal(DAILY["vol-gp2"]) * A_MONTH / gp2
    expected = {
        (UNATTACHED, "vol-free"): (bill["vol-free"], "ACTUAL", bill["vol-free"]),
        (UNATTACHED, "vol-priced"): (2 * gp3, "CONTRACTED", None),
        ("aws.ebs.gp2_to_gp3", "vol-gp2"): (scaled, "ACTUAL", scaled / 2),
        ("aws.ebs.gp2_to_gp3", "vol-dear"): (gp2 - gp3, "LIST", gp2 - gp3),
        ("aws.ebs.gp2_to_gp3", "vol-unbilled"): (gp2 - gp3, "LIST", None),
        ("aws.ec2.stopped_long", "i-mixed"): (bill["vol-a"] + bill["vol-b"] + eip, "LIST", None),
        ("aws.ebs.on_stopped_instance", "vol-a"): (bill["vol-a"], "ACTUAL", bill["vol-a"]),
        ("aws.ebs.on_stopped_instance", "vol-b"): (bill["vol-b"], "ACTUAL", bill["vol-b"]),
        ("aws.ec2.stopped_long", "i-billed"): (bill["vol-c"] + bill["eipalloc-c"], "ACTUAL", bill["eipalloc-c"]),
        ("aws.ebs.on_stopped_instance", "vol-c"): (bill["vol-c"], "ACTUAL", Decimal(0)),
        ("aws.eip.idle", "eipalloc-m"): (eip, "LIST", None),
        ("aws.eip.idle", "eipalloc-c"): (bill["eipalloc-c"], "ACTUAL", bill["eipalloc-c"]),
        ("focus.capacity.unused", "cr-0a"): (2 * A_MONTH, "ACTUAL", None),
        ("aws.commitment.underused", "plan-1"): (2 * A_MONTH, "ACTUAL", None),
    }
    told = {key: (*money(node), cash(node)) for key, node in found.items()}
    assert told == {
        key: (rounded(amount), basis, None if own is None else rounded(own))
        for key, (amount, basis, own) in expected.items()
    }
    # What is left behind by an instance is as much as its parts, found by themselves, so either counts.
    once = [key for key in expected if key[0] not in {"aws.ebs.on_stopped_instance", "aws.eip.idle"}]
    assert {key for key, node in found.items() if node["isCounted"]} == set(once)
    assert potential == sum(rounded(expected[key][0]) for key in once)
    assert found["focus.capacity.unused", "cr-0a"]["resource"] == {"nativeId": "cr-0a"}


DAILY = {
    "vol-free": "0.2",
    "vol-gp2": "0.2",
    "vol-a": "0.4",
    "vol-b": "0.3",
    "vol-c": "0.1",
    "eipalloc-c": "0.12",
}
"""What a day of them costs."""


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.0001"))


async def test_the_capacity_of_an_empty_group_in_azure_counts_once(bank: Bank) -> None:
    caller, place = bank.caller, "/subscriptions/sub-1/resourcegroups/web/providers/microsoft.compute"
    group = f"{place}/capacityreservationgroups/group"
    kinds = ("virtualmachines", "virtualmachinescalesets", "capacityreservationgroups/capacityreservations")
    types = [f"microsoft.compute/{kind}" for kind in kinds]
    bank = Bank(caller, await account(caller.database, caller.organization_id, "AZURE", "sub-1", *types))
    reservation = f"{group}/capacityreservations/d2"
    azure = {"provider": "AZURE", "region": "us-east-1"}
    await bank.keep(
        of_type(bank, "microsoft.compute/capacityreservationgroups", group, **azure),
        of_type(
            bank,
            types[-1],
            reservation,
            properties={"sku": {"name": "Standard_D2s_v5", "capacity": 2}},
            relations=(("MEMBER_OF", group),),
            **azure,
        ),
    )
    name = reservation.replace("resourcegroups", "resourceGroups").replace("/d2", "/D2")
    usual = {"ServiceProviderName": "Microsoft", "SubAccountId": "sub-1", "CapacityReservationId": name}
    await bank.deliver(paid(name, LAST, TODAY + timedelta(1), "4", **usual, CapacityReservationStatus="Unused"))
    found, potential = await bank.look()
    assert {key: (money(node), node["isCounted"]) for key, node in found.items()} == {
        ("az.capacity_reservation_empty", group): ((4 * A_MONTH, "ACTUAL"), True),
        ("focus.capacity.unused", reservation): ((4 * A_MONTH, "ACTUAL"), False),
    }
    assert potential == 4 * A_MONTH
    assert found["focus.capacity.unused", reservation]["resource"] == {"nativeId": reservation}
