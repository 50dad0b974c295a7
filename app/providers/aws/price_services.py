"""What a row of AWS's price lists is for us, service by service; None for the many rows that no check asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from app.providers.aws.price_codes import REFRESHED as PLAIN_CODES
from app.providers.aws.price_codes import WHOLE, Found, Reader, Row, by_family
from app.records.detection import PriceUnit

_PLACE: Final = re.compile(r"(?:AF|AP|CA|CN|EU|IL|ME|MX|SA|UG|US)[A-Z]{0,2}\d{0,2}-")
"""Usage types begin with the region, `EUC1-`, but in us-east-1; `IA-` is none."""
_REGION: Final = "AWS Region"
_SECONDS: Final = Decimal(3600)
_GROUPS: Final = {
    "AWS-Lambda-Duration": "lambda.duration.gib",
    "AWS-Lambda-Duration-ARM": "lambda.duration.arm.gib",
    "AWS-Lambda-Provisioned-Concurrency": "lambda.provisioned.gib",
    "AWS-Lambda-Provisioned-Concurrency-ARM": "lambda.provisioned.arm.gib",
}
_HOUR, _GIB_MONTH = PriceUnit.HOUR, PriceUnit.GIB_MONTH
_BY_USAGE: Final[Mapping[str, Mapping[str, tuple[str, PriceUnit]]]] = {
    "AmazonEFS": {
        "TimedStorage-ByteHrs": ("efs.standard", _GIB_MONTH),
        "IATimedStorage-ByteHrs": ("efs.ia", _GIB_MONTH),
        "TimedStorage-Z-ByteHrs": ("efs.onezone.standard", _GIB_MONTH),
        "IATimedStorage-Z-ByteHrs": ("efs.onezone.ia", _GIB_MONTH),
        "ProvisionedTP-MiBpsHrs": ("efs.throughput", PriceUnit.MIBPS_MONTH),
    },
    "AmazonDynamoDB": {
        "ReadCapacityUnit-Hrs": ("dynamodb.rcu", _HOUR),
        "WriteCapacityUnit-Hrs": ("dynamodb.wcu", _HOUR),
        "IA-ReadCapacityUnit-Hrs": ("dynamodb.rcu.ia", _HOUR),
        "IA-WriteCapacityUnit-Hrs": ("dynamodb.wcu.ia", _HOUR),
        "TimedStorage-ByteHrs": ("dynamodb.storage", _GIB_MONTH),
        "IA-TimedStorage-ByteHrs": ("dynamodb.storage.ia", _GIB_MONTH),
    },
    "AmazonKinesis": {
        "Storage-ShardHour": ("kinesis.shard", _HOUR),
        "OnDemand-StreamHour": ("kinesis.stream", _HOUR),
    },
    "AmazonECS": {
        "Fargate-vCPU-Hours:perCPU": ("fargate.vcpu.hour", _HOUR),
        "Fargate-GB-Hours": ("fargate.gib.hour", _HOUR),
        "Fargate-ARM-vCPU-Hours:perCPU": ("fargate.arm.vcpu.hour", _HOUR),
        "Fargate-ARM-GB-Hours": ("fargate.arm.gib.hour", _HOUR),
    },
    "AmazonCloudWatch": {"TimedStorage-ByteHrs": ("logs.storage", _GIB_MONTH)},
    "AmazonECR": {"TimedStorage-ByteHrs": ("ecr.storage", _GIB_MONTH)},
    "AmazonEKS": {"AmazonEKS-Hours:perCluster": ("eks.cluster.hour", _HOUR)},
    "AWSNetworkFirewall": {"Endpoint-Hour": ("networkfirewall.endpoint", _HOUR)},
}
"""By service and usage type, where that alone tells what it is."""
AFTER_FREE: Final = frozenset({"dynamodb.rcu", "dynamodb.wcu", "dynamodb.storage"})
"""Codes of which the first tier is free, and the second the price of all the rest."""
_STORAGE_OF_S3: Final = {
    "TimedStorage-ByteHrs": "s3.standard.storage",
    "TimedStorage-SIA-ByteHrs": "s3.standard_ia.storage",
}
_SEARCH_VOLUMES: Final = {"GP2": "gp2", "GP3": "gp3", "PIOPS": "io1", "Magnetic": "standard"}
_SEARCH_STORAGE: Final = re.compile(r"ES:(GP2|GP3|PIOPS|Magnetic)-Storage")
_BROKER: Final = re.compile(r"mq\.[a-z0-9]+\.[a-z0-9]+")
_KAFKA: Final = re.compile(r"Kafka\.[a-z0-9]+\.[a-z0-9]+")
_ZONES: Final = {"Single": "", "Multiple": ".multiaz"}


def code_of(service: str, row: Row) -> Found | None:
    """The price that a row of a service's list tells; None where it tells none that checks ask for."""
    if row.get("locationtype", _REGION) not in {"", _REGION}:
        return None  # Local Zones, Wavelength Zones and Outposts have prices of their own
    usage = row.get("usagetype", "")
    place = _PLACE.match(usage)
    return READERS[service](row, usage if place is None else usage[place.end() :])


def _lambda(row: Row, _: str) -> Found | None:
    code = _GROUPS.get(row.get("group", ""))
    return None if code is None else (code, _HOUR, _SECONDS)  # told for a second


def _cache(row: Row, usage: str) -> Found | None:
    kind, engine = row.get("instancetype", ""), row.get("cacheengine", "").lower()
    if usage != f"NodeUsage:{kind}" or engine not in {"redis", "memcached", "valkey"}:
        return None
    return f"elasticache.{kind}.{engine}", _HOUR, WHOLE


def _instance(name: str, prefix: str) -> Reader:
    """A reader of instances whose usage type is a word and their type, such as `InstanceUsage:db.r5.large`."""

    def read(_: Row, usage: str) -> Found | None:
        word, _colon, kind = usage.partition(":")
        return (f"{name}.{kind}", _HOUR, WHOLE) if word == prefix and kind else None

    return read


def _bucket(row: Row, usage: str) -> Found | None:
    code = _STORAGE_OF_S3.get(usage)
    if code is None or (code == "s3.standard.storage" and row.get("volumetype") != "Standard"):
        return None
    return code, _GIB_MONTH, WHOLE


def _search(row: Row, usage: str) -> Found | None:
    kind = row.get("instancetype", "").removesuffix(".search")
    if usage.startswith("ESInstance:") and kind:
        return f"opensearch.{kind}", _HOUR, WHOLE
    found = _SEARCH_STORAGE.fullmatch(usage)
    return None if found is None else (f"opensearch.storage.{_SEARCH_VOLUMES[found[1]]}", _GIB_MONTH, WHOLE)


def _kafka(row: Row, usage: str) -> Found | None:
    if row.get("storagefamily"):
        return ("msk.storage", _GIB_MONTH, WHOLE) if row["storagefamily"] == "GP2" else None
    return (f"msk.{usage.lower()}", _HOUR, WHOLE) if _KAFKA.fullmatch(usage) else None


def _broker(row: Row, usage: str) -> Found | None:
    """One instance of a broker; a broker of several zones is so many instances."""
    found, engine = _BROKER.search(usage), row.get("brokerengine", "").lower()
    if found is None or engine not in {"activemq", "rabbitmq"} or row.get("deploymentoption") != "Single-AZ":
        return None
    return f"{found[0]}.{engine}", _HOUR, WHOLE


def _replication(row: Row, _: str) -> Found | None:
    end = _ZONES.get(row.get("availabilityzone", ""))
    if end is None:
        return None
    if row.get("instancetype"):
        return f"dms.{row['instancetype']}{end}", _HOUR, WHOLE
    return (f"dms.storage{end}", _GIB_MONTH, WHOLE) if row.get("storagemedia") == "SSD" else None


def _airflow(row: Row, _: str) -> Found | None:
    size, thing = row.get("size", "").lower(), row.get("type", "").lower()
    if size not in {"small", "medium", "large"} or thing not in {"environment", "worker", "scheduler"}:
        return None
    return f"mwaa.mw1.{size}.{thing}", _HOUR, WHOLE


def _transfer(row: Row, usage: str) -> Found | None:
    """All protocols cost the same."""
    is_told = usage == "ProtocolHours" and row.get("operation", "") == "SFTP:S3"
    return ("transfer.protocol", _HOUR, WHOLE) if is_told else None


def _learning(_: Row, usage: str) -> Found | None:
    word, _colon, kind = usage.partition(":")
    thing = {"Host": "endpoint", "Notebk": "notebook"}.get(word)
    return None if thing is None or not kind.startswith("ml.") else (f"sagemaker.{thing}.{kind}", _HOUR, WHOLE)


def _by_usage(service: str) -> Reader:
    codes = _BY_USAGE[service]

    def read(_: Row, usage: str) -> Found | None:
        found = codes.get(usage)
        return None if found is None else (*found, WHOLE)

    return read


READERS: Final[Mapping[str, Reader]] = {
    "AmazonEC2": by_family,
    "AmazonRDS": by_family,
    "AWSELB": by_family,
    "AmazonVPC": by_family,
    "AmazonElastiCache": _cache,
    "AmazonRedshift": _instance("redshift", "Node"),
    "AmazonES": _search,
    "AmazonDocDB": _instance("docdb", "InstanceUsage"),
    "AmazonNeptune": _instance("neptune", "InstanceUsage"),
    "AmazonS3": _bucket,
    "AWSLambda": _lambda,
    "AmazonMSK": _kafka,
    "AmazonMQ": _broker,
    "AWSDatabaseMigrationSvc": _replication,
    "AmazonMWAA": _airflow,
    "AWSTransfer": _transfer,
    "AmazonSageMaker": _learning,
    "ElasticMapReduce": _instance("emr", "BoxUsage"),
    **{service: _by_usage(service) for service in _BY_USAGE},
}
"""By the name of the service's price list; those with most money first, as they are read in this order."""
REFRESHED: Final = (
    *PLAIN_CODES, *_GROUPS.values(), *_STORAGE_OF_S3.values(), "elasticache.cache.*", "redshift.*", "docdb.db.*",
    "neptune.db.*", "msk.kafka.*", "msk.storage", "mq.*", "dms.*", "mwaa.mw1.*", "transfer.protocol",
    "sagemaker.endpoint.*", "sagemaker.notebook.*", "emr.*", "opensearch.*.*",
    *(code for codes in _BY_USAGE.values() for code, _ in codes.values()),
)  # fmt: skip
"""Patterns of all codes that AWS's price lists tell us."""
