"""The kinds of resources of the demo and in `samples/`, with invented prices of the right order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Meter:
    """What is counted: `rule` is hours, clock, size (GB for a month) or events (with traffic).

    Hours are those of an office outside production; what counts by the clock runs day and night wherever it is.
    """

    rule: str
    unit: str
    price: str
    name: str
    events_a_day: int = 0


@dataclass(frozen=True)
class Kind:
    """One kind of resource: where FOCUS puts it, how many there are, what they are like and what they cost."""

    provider: str
    service: str
    category: str
    subcategory: str
    type: str
    """In the words of the bills, as FOCUS has it."""
    inventory_type: str
    """As a scan of the provider stores it."""
    count: int
    accounts: tuple[str, ...]
    id_template: str
    names: tuple[str, ...]
    statuses: tuple[str, ...]
    variants: tuple[tuple[str, str], ...]
    """Name and unit price of each variant, the price of the first meter."""
    meters: tuple[Meter, ...]
    zonal: bool = False
    daily: bool = False


HOURS = Meter("hours", "Hours", "", "Hours")
DISK = Meter("size", "GB-Months", "", "Capacity")
ARN = "arn:aws:{}:{{region}}:{{account}}:{}{{name}}"
AZURE_ID = "/subscriptions/{account}/resourceGroups/rg-{group}/providers/Microsoft."
GOOGLE_ID = "//{}.googleapis.com/projects/{{account}}/"
RUNNING = ("running",) * 8 + ("stopped",)
COMPUTE = ("Compute", "Virtual Machines")
BLOCKS = ("Storage", "Block Storage")
OBJECTS = ("Storage", "Object Storage")
TABLES = ("Databases", "Relational Databases")
AWS, AZURE, GCP = (
    ("shop", "shop", "shop", "lake", "stage"),
    ("office", "office", "lab"),
    ("analytics", "analytics", "trial"),
)

KINDS = (
    Kind(
        "AWS",
        "Amazon Elastic Compute Cloud",
        *COMPUTE,
        "EC2 instance",
        "AWS::EC2::Instance",
        46,
        AWS,
        "i-0000000{hex10}",
        ("web", "api", "checkout", "worker", "bastion"),
        RUNNING,
        (("t4g.medium", "0.0456"), ("m7g.large", "0.107"), ("m7g.xlarge", "0.214"), ("c7g.2xlarge", "0.3648")),
        (HOURS,),
        zonal=True,
        daily=True,
    ),
    Kind(
        "AWS",
        "Amazon Elastic Compute Cloud",
        *BLOCKS,
        "EBS volume",
        "AWS::EC2::Volume",
        62,
        AWS,
        "vol-0000000{hex10}",
        ("root", "data", "scratch"),
        ("in-use",),
        (("gp3", "0.088"), ("gp2", "0.11"), ("io2", "0.138")),
        (DISK,),
        zonal=True,
    ),
    Kind(
        "AWS",
        "Amazon Relational Database Service",
        *TABLES,
        "RDS database",
        "AWS::RDS::DBInstance",
        9,
        AWS,
        ARN.format("rds", "db:"),
        ("orders", "customers", "ledger", "catalogue"),
        ("available",),
        (("db.t4g.medium", "0.073"), ("db.m6g.large", "0.173"), ("db.r6g.xlarge", "0.504")),
        (HOURS,),
        zonal=True,
        daily=True,
    ),
    Kind(
        "AWS",
        "Amazon Simple Storage Service",
        *OBJECTS,
        "S3 bucket",
        "AWS::S3::Bucket",
        16,
        AWS,
        "kestrel-sample-{name}",
        ("assets", "logs", "backups", "exports", "raw"),
        ("active",),
        (("STANDARD", "0.023"), ("STANDARD_IA", "0.0125"), ("GLACIER_IR", "0.005")),
        (DISK, Meter("events", "Requests", "0.0000054", "Requests", 40_000)),
    ),
    Kind(
        "AWS",
        "Amazon Virtual Private Cloud",
        "Networking",
        "Network Infrastructure",
        "NAT gateway",
        "AWS::EC2::NatGateway",
        4,
        ("shop", "lake"),
        ARN.format("ec2", "natgateway/nat-0000000{hex10}-"),
        ("egress",),
        ("available",),
        (("NatGateway", "0.048"),),
        (HOURS, Meter("events", "GB", "0.048", "Bytes", 180)),
        zonal=True,
        daily=True,
    ),
    Kind(
        "AWS",
        "AWS Lambda",
        "Compute",
        "Serverless Compute",
        "Lambda function",
        "AWS::Lambda::Function",
        18,
        AWS,
        ARN.format("lambda", "function:"),
        ("resize", "notify", "invoice", "sync", "cleanup"),
        ("active",),
        (("arm64", "0.0000133334"), ("x86_64", "0.0000166667")),
        (
            Meter("events", "GB-Seconds", "", "Duration", 9_000),
            Meter("events", "Requests", "0.0000002", "Requests", 90_000),
        ),
    ),
    Kind(
        "AZURE",
        "Virtual Machines",
        *COMPUTE,
        "Virtual machine",
        "microsoft.compute/virtualmachines",
        18,
        AZURE,
        AZURE_ID + "Compute/virtualMachines/{name}",
        ("erp", "files", "desktop", "build"),
        RUNNING,
        (("Standard_B2ms", "0.0912"), ("Standard_D4s_v5", "0.23"), ("Standard_E4s_v5", "0.304")),
        (HOURS,),
        daily=True,
    ),
    Kind(
        "AZURE",
        "Storage",
        *BLOCKS,
        "Managed disk",
        "microsoft.compute/disks",
        26,
        AZURE,
        AZURE_ID + "Compute/disks/{name}",
        ("os", "data"),
        ("attached",),
        (("Standard_LRS", "0.045"), ("StandardSSD_LRS", "0.08"), ("Premium_LRS", "0.14")),
        (DISK,),
    ),
    Kind(
        "AZURE",
        "SQL Database",
        *TABLES,
        "SQL database",
        "microsoft.sql/servers/databases",
        8,
        AZURE,
        AZURE_ID + "Sql/servers/sql-{group}/databases/{name}",
        ("payroll", "stock", "crm"),
        ("online",),
        (("GP_Gen5_2", "0.5044"), ("S3", "0.2016")),
        (HOURS,),
        daily=True,
    ),
    Kind(
        "AZURE",
        "Storage",
        *OBJECTS,
        "Storage account",
        "microsoft.storage/storageaccounts",
        12,
        AZURE,
        AZURE_ID + "Storage/storageAccounts/{name}",
        ("kestrelarchive", "kestrelshare", "kestrelbackup"),
        ("available",),
        (("Hot LRS", "0.0184"), ("Cool LRS", "0.01")),
        (DISK, Meter("events", "Operations", "0.0000044", "Operations", 25_000)),
    ),
    Kind(
        "GCP",
        "Compute Engine",
        *COMPUTE,
        "Compute instance",
        "compute.googleapis.com/Instance",
        22,
        GCP,
        GOOGLE_ID.format("compute") + "zones/{zone}/instances/{name}",
        ("etl", "notebook", "dashboard", "batch"),
        RUNNING,
        (("e2-standard-2", "0.0737"), ("n2-standard-4", "0.2137"), ("n2-highmem-4", "0.2882")),
        (HOURS,),
        zonal=True,
        daily=True,
    ),
    Kind(
        "GCP",
        "Compute Engine",
        *BLOCKS,
        "Persistent disk",
        "compute.googleapis.com/Disk",
        30,
        GCP,
        GOOGLE_ID.format("compute") + "zones/{zone}/disks/{name}",
        ("boot", "data"),
        ("attached",),
        (("pd-standard", "0.04"), ("pd-balanced", "0.1"), ("pd-ssd", "0.17")),
        (DISK,),
        zonal=True,
    ),
    Kind(
        "GCP",
        "Cloud Storage",
        *OBJECTS,
        "Storage bucket",
        "storage.googleapis.com/Bucket",
        20,
        GCP,
        GOOGLE_ID.format("storage") + "buckets/kestrel-sample-{name}",
        ("lake", "models", "landing", "reports"),
        ("active",),
        (("Standard", "0.02"), ("Nearline", "0.01"), ("Coldline", "0.004")),
        (DISK, Meter("events", "Operations", "0.000005", "Operations", 30_000)),
    ),
    Kind(
        "GCP",
        "Cloud SQL",
        *TABLES,
        "Cloud SQL instance",
        "sqladmin.googleapis.com/Instance",
        6,
        GCP,
        GOOGLE_ID.format("sqladmin") + "instances/{name}",
        ("metrics", "features"),
        ("runnable",),
        (("db-custom-2-7680", "0.1386"), ("db-custom-4-15360", "0.2772")),
        (HOURS,),
        zonal=True,
        daily=True,
    ),
)
