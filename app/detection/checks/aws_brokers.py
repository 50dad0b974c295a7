"""Amazon MQ, MSK, DMS and managed Airflow: paid by the hour, whether there is work or not."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Parameter, days, percent
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import exact, has_lived, required, unused
from app.detection.savings import Part, hours, whole
from app.records import Provider
from app.records.detection import Confidence, PriceUnit, Remedy, Severity

BROKER: Final = "AWS::AmazonMQ::Broker"
KAFKA: Final = "AWS::MSK::Cluster"
REPLICATION: Final = "AWS::DMS::ReplicationInstance"
AIRFLOW: Final = "AWS::MWAA::Environment"
_MQ: Final = (("Broker", "properties.metricNames"),)
_KAFKA_BROKER: Final = (("Cluster Name", "name"), ("Broker ID", "properties.brokerIds"))
_EXECUTOR: Final = (("Function", "=Executor"), ("Environment", "name"))
_INSTANCES: Final = {
    "SINGLE_INSTANCE": Decimal(1),
    "ACTIVE_STANDBY_MULTI_AZ": Decimal(2),
    "CLUSTER_MULTI_AZ": Decimal(3),
}
_AT_WORK: Final = frozenset({"running", "starting", "testing", "modifying", "moving"})


def _broker_idle(facts: Facts) -> Finding | None:
    broker = facts.subject
    if broker.status != "RUNNING":
        return None
    engine = required(broker, "engine").lower()
    shown = unused(facts, "connections" if engine == "activemq" else "rabbitConnections", unit="connections")
    if shown is None:
        return None
    mode = required(broker, "deploymentMode")
    if mode not in _INSTANCES:
        message = f"How many instances a broker of the mode {mode} has is not known."
        raise UnknownFactError(message)
    code = f"{required(broker, 'instanceType')}.{engine}"
    return Finding(whole(facts, hours(code, "hours", _INSTANCES[mode])), shown)


def _kafka_parts(cluster: Subject) -> list[Part]:
    brokers = cluster.number("brokers")
    parts = [hours(f"msk.{required(cluster, 'instanceType')}", "broker hours", brokers)]
    if cluster.text("volumeGigabytesPerBroker") is not None:
        size = cluster.number("volumeGigabytesPerBroker") * brokers
        parts.append(Part("msk.storage", size, PriceUnit.GIB_MONTH, "GiB"))
    return parts


def _kafka_idle(facts: Facts) -> Finding | None:
    cluster = facts.subject
    if cluster.status != "ACTIVE" or cluster.text("clusterType") != "PROVISIONED":
        return None
    shown = unused(facts, "bytesIn", "bytesOut", unit="bytes a second", upto=facts.threshold("bytesPerSecond"))
    return None if shown is None else Finding(whole(facts, *_kafka_parts(cluster)), shown)


def _replication_idle(facts: Facts) -> Finding | None:
    instance = facts.subject
    if instance.status != "available" or not has_lived(facts):
        return None
    states = [str(state) for state in instance.items("taskStates")]
    if _AT_WORK.intersection(states) or (cpu := exact(facts.usage("cpu").maximum)) >= facts.threshold("cpuPercent"):
        return None
    end = ".multiaz" if instance.flag("multiAz") else ""
    parts = [
        hours(f"{required(instance, 'instanceClass')}{end}", "hours"),
        Part(f"dms.storage{end}", instance.number("storageGigabytes"), PriceUnit.GIB_MONTH, "GiB"),
    ]
    evidence = (
        Evidence("tasks", ", ".join(states) or "none"),
        Evidence("busiest day's average CPU", f"{cpu:.1f}", "percent"),
    )
    return Finding(whole(facts, *parts), evidence)


def _airflow_parts(environment: Subject) -> list[Part]:
    """An environment includes one worker and two schedulers."""
    name = required(environment, "environmentClass")
    parts = [hours(f"mwaa.{name}.environment", "environment hours")]
    for thing, count in (
        ("worker", environment.number("minWorkers") - 1),
        ("scheduler", environment.number("schedulers") - 2),
    ):
        if count > 0:
            parts.append(hours(f"mwaa.{name}.{thing}", f"hours of further {thing}s", count))
    return parts


def _airflow_idle(facts: Facts) -> Finding | None:
    environment = facts.subject
    if environment.status != "AVAILABLE":
        return None
    shown = unused(facts, "running", "queued", unit="tasks")
    return None if shown is None else Finding(whole(facts, *_airflow_parts(environment)), shown)


_check = partial(
    Check, provider=Provider.AWS, severity=Severity.MEDIUM, confidence=Confidence.LIKELY, remedy=Remedy.DELETE
)
_fortnight = days(LOOKBACK_DAYS, 14, "How many days have to pass without work.", most=90)

CHECKS: Final = (
    _check(
        id="aws.mq.idle",
        title="Message broker that nobody connects to",
        description="The instances of a broker are paid by the hour, with messages or without.",
        area=Area.OPERATIONS,
        resource_types=(BROKER,),
        remediation="Find out whether an application still means to use it, then delete the broker.",
        find=_broker_idle,
        properties=("engine", "deploymentMode", "instanceType", "metricNames"),
        prices=("mq.*",),
        saving="The hours of its instances; storage, which is billed by use, comes on top.",
        parameters=(_fortnight,),
        metrics=(
            Metric("connections", "CurrentConnectionsCount", Daily.MAXIMUM, "AWS/AmazonMQ", _MQ, silent_at_zero=True),
            Metric("rabbitConnections", "ConnectionCount", Daily.MAXIMUM, "AWS/AmazonMQ", _MQ),
        ),
        links=(
            "https://docs.aws.amazon.com/amazon-mq/latest/developer-guide/security-logging-monitoring-cloudwatch.html",
            "https://aws.amazon.com/amazon-mq/pricing/",
        ),
    ),
    _check(
        id="aws.msk.idle",
        title="Kafka cluster without traffic",
        description="Brokers and their volumes are paid by the hour; what MSK itself sends to watch them is little.",
        area=Area.ANALYTICS,
        resource_types=(KAFKA,),
        remediation="Find out whether an application still means to use it, then delete the cluster.",
        find=_kafka_idle,
        properties=("clusterType", "brokers", "brokerIds", "instanceType", "volumeGigabytesPerBroker"),
        prices=("msk.*",),
        saving="The hours of its brokers, and their volumes.",
        parameters=(
            Parameter("bytesPerSecond", Decimal(1024), "bytes", "On no day may more come in and go out on average."),
            _fortnight,
        ),
        metrics=(
            Metric("bytesIn", "BytesInPerSec", Daily.AVERAGE, "AWS/Kafka", _KAFKA_BROKER),
            Metric("bytesOut", "BytesOutPerSec", Daily.AVERAGE, "AWS/Kafka", _KAFKA_BROKER),
        ),
        links=(
            "https://docs.aws.amazon.com/msk/latest/developerguide/metrics-details.html",
            "https://aws.amazon.com/msk/pricing/",
        ),
    ),
    _check(
        id="aws.dms.idle",
        title="Replication instance without a task at work",
        description="When a migration is done its instance stays, and is paid by the hour.",
        area=Area.DATABASE,
        resource_types=(REPLICATION,),
        remediation="Delete its tasks and then the instance; keep the endpoints, they cost nothing.",
        find=_replication_idle,
        properties=("taskStates", "instanceClass", "multiAz", "storageGigabytes"),
        prices=("dms.*",),
        saving="The hours of the instance, and its storage.",
        parameters=(
            percent("cpuPercent", 5, "CPU has to stay below this on the average of each day."),
            _fortnight,
        ),
        metrics=(
            Metric("cpu", "CPUUtilization", Daily.AVERAGE, "AWS/DMS", (("ReplicationInstanceIdentifier", "name"),)),
        ),
        links=(
            "https://docs.aws.amazon.com/dms/latest/userguide/CHAP_ReplicationInstance.html",
            "https://aws.amazon.com/dms/pricing/",
        ),
    ),
    _check(
        id="aws.mwaa.idle",
        title="Airflow environment that runs no task",
        description="An environment is paid by the hour, with its workers and schedulers, and cannot be paused.",
        area=Area.ANALYTICS,
        resource_types=(AIRFLOW,),
        remediation="Keep the DAGs in S3 and delete the environment; it can be made again from them.",
        find=_airflow_idle,
        properties=("environmentClass", "minWorkers", "schedulers"),
        prices=("mwaa.*",),
        saving="The hours of the environment, and of further workers and schedulers.",
        parameters=(_fortnight,),
        metrics=(
            Metric("running", "RunningTasks", Daily.MAXIMUM, "AmazonMWAA", _EXECUTOR),
            Metric("queued", "QueuedTasks", Daily.MAXIMUM, "AmazonMWAA", _EXECUTOR),
        ),
        links=(
            "https://docs.aws.amazon.com/mwaa/latest/userguide/access-metrics-cw.html",
            "https://aws.amazon.com/managed-workflows-for-apache-airflow/pricing/",
        ),
    ),
)
