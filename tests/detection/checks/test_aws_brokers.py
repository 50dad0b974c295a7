"""Checks of Amazon MQ, MSK, DMS and managed Airflow."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_brokers import AIRFLOW, BROKER, KAFKA, REPLICATION
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "mq.m5.large.activemq": ("0.3", PriceUnit.HOUR),
    "mq.m5.large.rabbitmq": ("0.2", PriceUnit.HOUR),
    "msk.kafka.m5.large": ("0.2", PriceUnit.HOUR),
    "msk.storage": ("0.1", PriceUnit.GIB_MONTH),
    "dms.t3.medium": ("0.1", PriceUnit.HOUR),
    "dms.t3.medium.multiaz": ("0.2", PriceUnit.HOUR),
    "dms.storage": ("0.1", PriceUnit.GIB_MONTH),
    "dms.storage.multiaz": ("0.2", PriceUnit.GIB_MONTH),
    "mwaa.mw1.small.environment": ("0.5", PriceUnit.HOUR),
    "mwaa.mw1.small.worker": ("0.1", PriceUnit.HOUR),
    "mwaa.mw1.small.scheduler": ("0.2", PriceUnit.HOUR),
}


def broker(status: str = "RUNNING", born: float = 300, **properties: Any) -> Subject:
    plain = {"engine": "ACTIVEMQ", "deploymentMode": "ACTIVE_STANDBY_MULTI_AZ", "instanceType": "mq.m5.large"}
    return subject(BROKER, "arn:mq", status=status, created_at=ago(born), properties=plain | properties)


def kafka(status: str = "ACTIVE", born: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {
        "clusterType": "PROVISIONED",
        "brokers": 3,
        "instanceType": "kafka.m5.large",
        "volumeGigabytesPerBroker": 100,
    }
    return subject(KAFKA, "arn:msk", status=status, created_at=ago(born), properties=plain | properties)


def replication(status: str = "available", born: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {
        "taskStates": ["stopped"],
        "instanceClass": "dms.t3.medium",
        "multiAz": False,
        "storageGigabytes": 50,
    }
    return subject(REPLICATION, "arn:dms", status=status, created_at=ago(born), properties=plain | properties)


def airflow(status: str = "AVAILABLE", born: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {"environmentClass": "mw1.small", "minWorkers": 1, "schedulers": 2}
    return subject(AIRFLOW, "arn:mwaa", status=status, created_at=ago(born), properties=plain | properties)


def use(**most: float | None) -> dict[str, Usage | None]:
    return {key: flat(value, 14) for key, value in most.items()}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.{check}.idle", proves, given, expected, amount, **({"prices": PRICES} | values))


RABBIT = broker(engine="RabbitMQ", deploymentMode="CLUSTER_MULTI_AZ")
CASES = (
    case("mq", "found", broker(), FOUND, "438.0000", usages=use(connections=0)),
    case("mq", "clear", broker(), CLEAR, usages=use(connections=1)),
    case("mq", "missing:connections", broker(), UNKNOWN, usages=use(connections=None)),
    case("mq", "RabbitMQ", RABBIT, FOUND, "438.0000", usages=use(rabbitConnections=0)),
    case("mq", "RabbitMQ", RABBIT, CLEAR, usages=use(rabbitConnections=2)),
    case("mq", "missing:rabbitConnections", RABBIT, UNKNOWN, usages=use(rabbitConnections=None)),
    case("mq", "a mode of tomorrow", broker(deploymentMode="GLOBAL"), UNKNOWN, usages=use(connections=0)),
    case("mq", "being made", broker("CREATION_IN_PROGRESS"), CLEAR),
    case("mq", "too new", broker(born=13), CLEAR),
    # 438 for brokers and 30 for volumes.
    case("msk", "found", kafka(), FOUND, "468.0000", usages=use(bytesIn=0, bytesOut=0)),
    case("msk", "clear", kafka(), CLEAR, usages=use(bytesIn=50_000, bytesOut=0)),
    case("msk", "boundary:bytesPerSecond", kafka(), FOUND, usages=use(bytesIn=512, bytesOut=512)),
    case("msk", "boundary:bytesPerSecond", kafka(), CLEAR, usages=use(bytesIn=512, bytesOut=513)),
    case("msk", "missing:bytesIn", kafka(), UNKNOWN, usages=use(bytesIn=None, bytesOut=0)),
    case("msk", "missing:bytesOut", kafka(), UNKNOWN, usages=use(bytesIn=0, bytesOut=None)),
    case("msk", "serverless", kafka(clusterType="SERVERLESS", brokers=None), CLEAR),
    case(
        "msk",
        "express brokers have no volumes",
        kafka(volumeGigabytesPerBroker=None),
        FOUND,
        "438.0000",
        usages=use(bytesIn=0, bytesOut=0),
    ),
    case("dms", "found", replication(), FOUND, "78.0000", usages=use(cpu=1)),
    case("dms", "no task at all", replication(taskStates=[]), FOUND, "78.0000", usages=use(cpu=1)),
    case("dms", "clear", replication(taskStates=["running", "stopped"]), CLEAR, usages=use(cpu=1)),
    case("dms", "boundary:cpuPercent", replication(), CLEAR, usages=use(cpu=5)),
    case("dms", "boundary:cpuPercent", replication(), FOUND, usages=use(cpu=4.9)),
    case("dms", "missing:cpu", replication(), UNKNOWN, usages=use(cpu=None)),
    case("dms", "tasks could not be read", replication(unreadable=["taskStates"]), UNKNOWN, usages=use(cpu=1)),
    case("dms", "two zones", replication(multiAz=True), FOUND, "156.0000", usages=use(cpu=1)),
    case("dms", "being made", replication("creating"), CLEAR),
    case("dms", "too new", replication(born=13), CLEAR),
    case("mwaa", "found", airflow(), FOUND, "365.0000", usages=use(running=0, queued=0)),
    case("mwaa", "clear", airflow(), CLEAR, usages=use(running=1, queued=0)),
    case("mwaa", "missing:running", airflow(), UNKNOWN, usages=use(running=None, queued=0)),
    case("mwaa", "missing:queued", airflow(), UNKNOWN, usages=use(running=0, queued=None)),
    case(
        "mwaa", "more workers", airflow(minWorkers=3, schedulers=3), FOUND, "657.0000", usages=use(running=0, queued=0)
    ),
    case("mwaa", "being made", airflow("CREATING"), CLEAR),
    case(
        "mwaa",
        "charges before prices",
        airflow(),
        FOUND,
        "304.3750",
        usages=use(running=0, queued=0),
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(300), "USD", 30),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
