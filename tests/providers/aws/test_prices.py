"""AWS's Price List bulk files, against a server that tells them in the documented shape."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.providers.aws import prices
from app.providers.aws.price_services import READERS
from app.providers.aws.prices import AwsPrices
from app.providers.price_lists import PriceClient
from app.providers.problems import ProblemCode, ProviderError
from app.records.detection import PriceUnit
from tests.providers.price_server import PriceServer, price_server

COLUMNS = (
    "SKU", "OfferTermCode", "RateCode", "TermType", "PriceDescription", "EffectiveDate", "StartingRange", "EndingRange",
    "Unit", "PricePerUnit", "Currency", "Product Family", "serviceCode", "Location", "Instance Type", "Tenancy",
    "Operating System", "License Model", "CapacityStatus", "Pre Installed S/W", "Database Engine", "Deployment Option",
    "Storage", "usageType", "operation", "Region Code", "Volume API Name", "Location Type", "Group", "Cache Engine",
    "Volume Type", "Storage Family", "Storage Media", "Broker Engine", "Availability Zone", "Size", "Type",
)  # fmt: skip
ABOUT = (
    '"FormatVersion","v1.0"\n"Disclaimer","This pricing list is for informational purposes only."\n'
    '"Publication Date","2026-10-30T18:00:00Z"\n"Version","20261030180000"\n"OfferCode","AmazonEC2"\n'
)
INDEX = "/offers/v1.0/aws/{}/current/region_index.json"
PATH = "/offers/v1.0/aws/{}/20261030180000/us-east-1/index"
MACHINE = {
    "Product Family": "Compute Instance",
    "Instance Type": "m5.large",
    "Tenancy": "Shared",
    "Operating System": "Linux",
    "License Model": "No License required",
    "CapacityStatus": "Used",
    "Pre Installed S/W": "NA",
    "PricePerUnit": "0.0960000000",
    "usageType": "BoxUsage:m5.large",
    "operation": "RunInstances",
}
DATABASE = {
    "Product Family": "Database Instance",
    "Instance Type": "db.m5.large",
    "Database Engine": "PostgreSQL",
    "Deployment Option": "Single-AZ",
    "License Model": "No license required",
    "PricePerUnit": "0.1780000000",
    "usageType": "InstanceUsage:db.m5.large",
}


def row(**changes: str) -> dict[str, str]:
    usual = {
        "SKU": "ABCDEFGH12345678",
        "TermType": "OnDemand",
        "EffectiveDate": "2026-10-01",
        "StartingRange": "0",
        "EndingRange": "Inf",
        "Unit": "Hrs",
        "Currency": "USD",
        "Region Code": "us-east-1",
    }
    return {**dict.fromkeys(COLUMNS, ""), **usual, **changes}


def of(usage: str, family: str, price: str, unit: str = "GB-Mo", **changes: str) -> dict[str, str]:
    return row(**{"usageType": usage, "Product Family": family, "PricePerUnit": price, "Unit": unit, **changes})


def file_of(*rows: dict[str, str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return ABOUT + out.getvalue()


def lay(server: PriceServer, service: str, *rows: dict[str, str]) -> None:
    index = {"regions": {"us-east-1": {"regionCode": "us-east-1", "currentVersionUrl": PATH.format(service) + ".json"}}}
    server.tell(INDEX.format(service), index)
    server.tell(PATH.format(service) + ".csv", file_of(*rows))


@pytest.fixture
def server() -> Iterator[PriceServer]:
    with price_server() as made:
        yield made


@pytest.fixture
def reader(server: PriceServer) -> Iterator[AwsPrices]:
    made = AwsPrices(server.url, PriceClient(sleep=lambda _: None))
    yield made
    made.close()


def read(reader: AwsPrices, service: str, position: str | None = None) -> dict[str, tuple[Decimal, PriceUnit]]:
    opened = reader.open(f"{service}/us-east-1", None, position)
    assert opened is not None
    return {price.code: (price.amount, price.unit) for batch in opened.batches for price in batch.prices}


def test_machines_are_told_by_type_system_and_tenancy(reader: AwsPrices, server: PriceServer) -> None:
    lay(
        server,
        "AmazonEC2",
        row(**MACHINE),
        row(**{**MACHINE, "Operating System": "Windows", "PricePerUnit": "0.188"}),
        row(**{**MACHINE, "Operating System": "Windows", "License Model": "Bring your own license"}),
        row(**{**MACHINE, "Operating System": "RHEL", "Tenancy": "Dedicated", "PricePerUnit": "0.13"}),
        row(**{**MACHINE, "Tenancy": "Host", "PricePerUnit": "0"}),
        row(**{**MACHINE, "CapacityStatus": "UnusedCapacityReservation", "PricePerUnit": "7"}),
        row(**{**MACHINE, "Pre Installed S/W": "SQL Std", "PricePerUnit": "7"}),
        row(**{**MACHINE, "TermType": "Reserved", "PricePerUnit": "7"}),
        row(**{**MACHINE, "Currency": "CNY", "PricePerUnit": "7"}),
        row(**{**MACHINE, "Instance Type": "", "PricePerUnit": "7"}),
        of(
            "HostUsage:m5",
            "Dedicated Host",
            "5.069",
            "Hrs",
            **{"Instance Type": "m5", "CapacityStatus": "AllocatedHost"},
        ),
    )

    opened = reader.open("AmazonEC2/us-east-1", None, None)

    assert opened is not None
    assert (opened.version or "").startswith(PATH.format("AmazonEC2") + ".json ")
    (batch,) = opened.batches
    first = batch.prices[0]
    assert (first.code, first.amount, first.unit) == ("ec2.m5.large.linux", Decimal("0.096"), PriceUnit.HOUR)
    assert (first.region, first.currency, first.valid_from) == ("us-east-1", "USD", date(2026, 10, 1))
    assert (first.sku, first.source) == ("ABCDEFGH12345678", f"{server.url}{PATH.format('AmazonEC2')}.csv")
    assert [(price.code, price.amount) for price in batch.prices[1:]] == [
        ("ec2.m5.large.windows", Decimal("0.188")),
        ("ec2.m5.large.rhel.dedicated", Decimal("0.13")),
        ("ec2.host.m5", Decimal("5.069")),
    ]


def test_volumes_snapshots_and_gateways(reader: AwsPrices, server: PriceServer) -> None:
    lay(
        server,
        "AmazonEC2",
        of("EUC1-EBS:VolumeUsage.gp3", "Storage", "0.0952"),
        of("EBS:VolumeUsage.piops", "Storage", "0.125"),
        of("EBS:VolumeUsage", "Storage", "0.05"),
        of("EBS:VolumeUsage.gp9", "Storage", "7"),
        of("EBS:VolumeP-IOPS.piops", "System Operation", "0.065", "IOPS-Mo"),
        of("EU-EBS:VolumeP-IOPS.io2.tier3", "System Operation", "0.035", "IOPS-Mo"),
        of("EBS:VolumeIOUsage", "System Operation", "0.00000005", "IOs"),
        of("EBS:VolumeP-Throughput.gp3", "Provisioned Throughput", "40.96", "GiBps-mo"),
        of("EBS:SnapshotUsage", "Storage Snapshot", "0.05"),
        of("EBS:SnapshotArchiveStorage", "Storage Snapshot", "0.0125"),
        of("NatGateway-Hours", "NAT Gateway", "0.045", "Hrs"),
        of("NatGateway-Bytes", "NAT Gateway", "0.045", "GB"),
    )

    assert read(reader, "AmazonEC2") == {
        "ebs.gp3.storage": (Decimal("0.0952"), PriceUnit.GIB_MONTH),
        "ebs.io1.storage": (Decimal("0.125"), PriceUnit.GIB_MONTH),
        "ebs.standard.storage": (Decimal("0.05"), PriceUnit.GIB_MONTH),
        "ebs.io1.iops": (Decimal("0.065"), PriceUnit.IOPS_MONTH),
        "ebs.io2.iops.tier3": (Decimal("0.035"), PriceUnit.IOPS_MONTH),
        "ebs.gp3.throughput": (Decimal("0.04"), PriceUnit.MIBPS_MONTH),
        "ebs.snapshot.storage": (Decimal("0.05"), PriceUnit.GIB_MONTH),
        "ebs.snapshot.archive": (Decimal("0.0125"), PriceUnit.GIB_MONTH),
        "nat.hour": (Decimal("0.045"), PriceUnit.HOUR),
    }


def test_databases(reader: AwsPrices, server: PriceServer) -> None:
    aurora = {**DATABASE, "Database Engine": "Aurora MySQL"}
    lay(
        server,
        "AmazonRDS",
        row(**DATABASE),
        row(**{**DATABASE, "Deployment Option": "Multi-AZ", "PricePerUnit": "0.356"}),
        row(**{**DATABASE, "Database Engine": "SQL Server", "PricePerUnit": "7"}),
        row(**{**aurora, "PricePerUnit": "0.29", "Storage": "EBS Only"}),
        row(**{**aurora, "PricePerUnit": "0.377", "Storage": "Aurora IO Optimization Mode"}),
        of("RDS:GP3-Storage", "Database Storage", "0.115", **{"Database Engine": "Any"}),
        of("USE2-RDS:Multi-AZ-GP2-Storage", "Database Storage", "0.23", **{"Database Engine": "Any"}),
        of("RDS:GP3-Storage", "Database Storage", "7", **{"Database Engine": "SQL Server"}),
        of("RDS:PIOPS", "Provisioned IOPS", "0.10", "IOPS-Mo"),
        of("RDS:ChargedBackupUsage", "Storage Snapshot", "0.095"),
    )

    assert {code: amount for code, (amount, _) in read(reader, "AmazonRDS").items()} == {
        "rds.db.m5.large.postgres": Decimal("0.178"),
        "rds.db.m5.large.postgres.multiaz": Decimal("0.356"),
        "rds.db.m5.large.aurora-mysql": Decimal("0.29"),
        "rds.db.m5.large.aurora-mysql.iopt1": Decimal("0.377"),
        "rds.storage.gp3": Decimal("0.115"),
        "rds.storage.gp2.multiaz": Decimal("0.23"),
        "rds.iops.io1": Decimal("0.10"),
        "rds.backup": Decimal("0.095"),
    }


def test_balancers_and_addresses(reader: AwsPrices, server: PriceServer) -> None:
    lay(
        server,
        "AWSELB",
        of("LoadBalancerUsage", "Load Balancer-Application", "0.0225", "Hrs"),
        of("LCUUsage", "Load Balancer-Application", "0.008", "LCU-Hrs"),
        of("USW2-LoadBalancerUsage", "Load Balancer", "0.025", "Hrs"),
    )
    lay(server, "AmazonVPC", of("PublicIPv4:IdleAddress", "VpcPublicIPv4Address", "0.005", "Hrs"))

    assert set(read(reader, "AWSELB")) == {"elb.alb.hour", "elb.classic.hour"}
    assert set(read(reader, "AmazonVPC")) == {"eip.hour"}


def test_the_first_tier_counts(reader: AwsPrices, server: PriceServer) -> None:
    later = {"StartingRange": "1000", "EndingRange": "Inf"}
    lay(
        server,
        "AmazonEC2",
        of("NatGateway-Hours", "NAT Gateway", "0.01", "Hrs", **later),
        of("NatGateway-Hours", "NAT Gateway", "0.045", "Hrs"),
    )

    assert read(reader, "AmazonEC2")["nat.hour"][0] == Decimal("0.045")


def test_a_version_that_is_known_is_not_read_again(reader: AwsPrices, server: PriceServer) -> None:
    lay(server, "AmazonEC2", row(**MACHINE))
    opened = reader.open("AmazonEC2/us-east-1", None, None)
    assert opened is not None

    assert reader.open("AmazonEC2/us-east-1", opened.version, None) is None
    assert reader.open("AmazonEC2/us-east-1", PATH.format("AmazonEC2") + ".json", None) is not None, "more is read now"
    assert reader.open("AmazonEC2/eu-moon-1", None, None) is None
    assert all(asked.endswith("region_index.json") for asked in server.asked)
    assert reader.open("AmazonEC2/us-east-1", "/offers/v1.0/aws/AmazonEC2/older/index.json", None) is not None


def test_it_goes_on_where_it_was(reader: AwsPrices, server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "BATCH", 1)
    lay(
        server,
        "AmazonEC2",
        of("NatGateway-Hours", "NAT Gateway", "0.045", "Hrs"),
        of("NatGateway-Bytes", "NAT Gateway", "0.045", "GB"),
        of("EBS:SnapshotUsage", "Storage Snapshot", "0.05"),
        row(**MACHINE),
    )
    opened = reader.open("AmazonEC2/us-east-1", None, None)
    assert opened is not None
    positions = [batch.position for batch in opened.batches]
    file = PATH.format("AmazonEC2") + ".json"
    assert positions == [f"{file}#1", f"{file}#3", f"{file}#4", None]

    assert set(read(reader, "AmazonEC2", positions[1])) == {"ec2.m5.large.linux"}
    assert len(read(reader, "AmazonEC2", "/offers/another/index.json#3")) == 3
    # The same version is read on even where it is the one that was begun.
    assert reader.open("AmazonEC2/us-east-1", opened.version, positions[1]) is not None


def test_documents_are_services_in_regions(reader: AwsPrices) -> None:
    documents = reader.documents(["us-east-1", "eastus", "../us-east-1"])

    assert documents[:2] == ["AmazonEC2/us-east-1", "AmazonRDS/us-east-1"], "those with most money first"
    assert set(documents) == {f"{service}/us-east-1" for service in READERS}


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"index": "no json"}, ProblemCode.BAD_ANSWER),
        ({"index": []}, ProblemCode.BAD_ANSWER),
        ({"index": {"regions": {"us-east-1": {"currentVersionUrl": "https://elsewhere/x"}}}}, ProblemCode.BAD_ANSWER),
        ({"csv": "a,b\n1,2\n"}, ProblemCode.BAD_ANSWER),
        ({"csv": file_of(row(**MACHINE)) + '"SKU2","JR"\n'}, ProblemCode.BAD_ANSWER),
        ({"csv": file_of(row(**{**MACHINE, "PricePerUnit": "dear"}))}, ProblemCode.BAD_ANSWER),
        ({"csv": file_of(row(**{**MACHINE, "EffectiveDate": ""}))}, ProblemCode.BAD_ANSWER),
    ],
)
def test_what_cannot_be_understood_is_told(
    reader: AwsPrices, server: PriceServer, answers: dict[str, Any], code: ProblemCode
) -> None:
    if "index" in answers:
        server.tell(INDEX.format("AmazonEC2"), answers["index"])
    else:
        server.tell(PATH.format("AmazonEC2") + ".csv", answers["csv"])
        lay(server, "AmazonEC2")

    with pytest.raises(ProviderError) as caught:
        read(reader, "AmazonEC2")

    assert caught.value.code is code


def test_an_answer_that_breaks_off_is_told(reader: AwsPrices, server: PriceServer) -> None:
    lay(server, "AmazonEC2", *[row(**MACHINE)] * 50)
    server.cut.add(PATH.format("AmazonEC2") + ".csv")

    with pytest.raises(ProviderError) as caught:
        read(reader, "AmazonEC2")

    assert caught.value.code in {ProblemCode.UNREACHABLE, ProblemCode.BAD_ANSWER}


@pytest.mark.parametrize(
    ("status", "code", "asked"),
    [
        (500, ProblemCode.FAILED, 3),
        (429, ProblemCode.THROTTLED, 3),
        (403, ProblemCode.DENIED, 1),
        (404, ProblemCode.BAD_ANSWER, 1),
    ],
)
def test_refusals_are_tried_again_where_that_may_help(
    reader: AwsPrices, server: PriceServer, status: int, code: ProblemCode, asked: int
) -> None:
    server.tell(INDEX.format("AmazonEC2"), {}, status=status)

    with pytest.raises(ProviderError) as caught:
        read(reader, "AmazonEC2")

    assert (caught.value.code, len(server.asked)) == (code, asked)


def test_a_server_that_is_not_there_is_told() -> None:
    reader = AwsPrices("http://127.0.0.1:9", PriceClient(sleep=lambda _: None))

    with pytest.raises(ProviderError) as caught:
        read(reader, "AmazonEC2")

    assert caught.value.code is ProblemCode.UNREACHABLE
    reader.close()
