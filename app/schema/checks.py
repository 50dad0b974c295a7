"""Checks: the kinds of waste that Skyledger knows, with what each looks at and what to do about it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Annotated

import strawberry

from app.detection import catalogue, check
from app.detection.check import Area
from app.detection.permissions import needed_permissions
from app.providers.opinions import OpinionSource
from app.records import Provider
from app.records.detection import ChargeSubject, Confidence, Remedy, Severity
from app.schema.enums import graph_enum

graph_enum(
    Severity,
    "How much a finding should worry; each is worse than those after it.",
    HIGH="It should be looked at first.",
    MEDIUM="It should be looked at.",
    LOW="It can wait.",
    INFORMATIONAL="It is worth knowing.",
)
graph_enum(
    Confidence,
    "How sure a finding is.",
    OBVIOUS="The state alone proves it.",
    LIKELY="Two signals say so.",
    POSSIBLE="One signal says so.",
)
graph_enum(
    Remedy,
    "What is to be done about a finding.",
    DELETE="Delete the resource.",
    STOP="Stop it.",
    RESIZE="Make it smaller.",
    CHANGE_TYPE="Change its type or class.",
    CONFIGURE="Change its settings.",
    SCHEDULE="Let it run only when it is needed.",
    UPGRADE="Move to a newer version.",
    REASSIGN="Take a licence or a seat back.",
    REVIEW="Look at it: what is to be done depends.",
)
graph_enum(
    OpinionSource,
    "A service of a provider that recommends savings.",
    COST_OPTIMIZATION_HUB="Cost Optimization Hub of AWS.",
    COMPUTE_OPTIMIZER="Compute Optimizer of AWS.",
    AZURE_ADVISOR="Azure Advisor, of what it says about cost.",
    GCP_RECOMMENDER="The recommenders of Google Cloud that are about cost.",
)
graph_enum(
    ChargeSubject,
    "Of what a check looks at charges.",
    COMMITMENT="Each commitment, whoever uses it.",
    CAPACITY_RESERVATION="Each capacity reservation.",
    TAGGING="Each account's usage with and without tags.",
    CREDIT="Each account's credits.",
    CORRECTION="Each account's corrections of months that were invoiced.",
    TRANSFER="Each account's data transfer.",
    SURCHARGE="Each resource with a surcharge for an old version.",
    SERVICE="Each service of each account, month by month.",
    ENVIRONMENT="Each service of each account with a tag that says it is not for production.",
    UNLISTED_RESOURCE="Each resource with charges that the inventory does not have.",
    UNBILLED_TYPE="Each account's resources of a type.",
)
graph_enum(
    Area,
    "The part of a cloud that a check is about.",
    COMPUTE="Machines.",
    STORAGE="Volumes, files, objects and their copies.",
    NETWORK="Addresses, gateways and load balancers.",
    DATABASE="Databases and caches.",
    CONTAINERS="Containers and functions.",
    ANALYTICS="Streams, warehouses and searches.",
    AI="Models and what trains and serves them.",
    LICENSES="Seats and licences.",
    OPERATIONS="Logs, secrets, backups and other aids.",
    COMMITMENTS="Reservations and savings plans.",
)

MOST_KINDS = 300
"""Of checks; a test counts them."""


@strawberry.type(description="A threshold of a check.")
class CheckParameter:
    """See app.detection.check.Parameter."""

    name: str = strawberry.field(description="Its name, such as `minAgeDays`.")
    default: Decimal = strawberry.field(description="Its value unless a rule says otherwise.")
    unit: str = strawberry.field(description="What it is counted in, such as `days`.")
    description: str = strawberry.field(description="What it does.")
    least: Decimal = strawberry.field(description="The smallest value that is allowed.")
    most: Decimal = strawberry.field(description="The largest value that is allowed.")


@strawberry.type(description="A kind of waste that Skyledger looks for, the same for all organizations.")
class Check:
    """See app.detection.check.Check."""

    id: str = strawberry.field(description="Its name for ever, such as `aws.ebs.unattached`; no global id.")
    title: str = strawberry.field(description="What it finds, in a few words.")
    description: str = strawberry.field(description="What it looks at and why that is waste.")
    provider: Provider | None = strawberry.field(
        description="The provider of what it looks at; null where it looks at the charges of any."
    )
    area: Area = strawberry.field(description="The part of the cloud.")
    resource_types: list[str] = strawberry.field(description="The provider's types that it looks at.")
    charges: ChargeSubject | None = strawberry.field(
        description="Of what it looks at charges; null where it looks at resources."
    )
    advice: OpinionSource | None = strawberry.field(
        description="Whose recommendations it takes over; null where it looks itself."
    )
    severity: Severity = strawberry.field(description="How much its findings should worry.")
    confidence: Confidence = strawberry.field(description="How sure its findings are, unless one says otherwise.")
    remedy: Remedy = strawberry.field(description="What is to be done.")
    remediation: str = strawberry.field(description="How to do it.")
    saving: str = strawberry.field(description="How the money is reckoned, in words.")
    minimum_monthly_saving: Decimal = strawberry.field(
        description="What its findings have to save a month, in the organization's currency, where no rule says "
        "otherwise: 0 for what has a small fee each. Findings whose money is not known, and those of hygiene, for "
        "which nothing is paid, are told whatever it is."
    )
    parameters: list[CheckParameter] = strawberry.field(description="Its thresholds.")
    metrics: list[str] = strawberry.field(description="Metrics that it needs; without them it finds nothing.")
    properties: list[str] = strawberry.field(description="Properties of its resources that it reads.")
    other_resource_types: list[str] = strawberry.field(
        description="Types of other resources that it looks at, such as what uses a volume."
    )
    prices: list[str] = strawberry.field(
        description="Codes of the prices that it asks for, `*` for any part of one; as in `setPriceOverrides`."
    )
    links: list[str] = strawberry.field(description="Where the provider documents it.")

    @classmethod
    def of(cls, found: check.Check) -> Check:
        """Make it of a check."""
        return cls(
            id=found.id,
            title=found.title,
            description=found.description,
            provider=found.provider,
            area=found.area,
            resource_types=list(found.resource_types),
            charges=found.charges,
            advice=found.advice,
            severity=found.severity,
            confidence=found.confidence,
            remedy=found.remedy,
            remediation=found.remediation,
            saving=found.saving,
            minimum_monthly_saving=found.minimum_saving,
            parameters=[
                CheckParameter(
                    name=each.name,
                    default=each.default,
                    unit=each.unit,
                    description=each.description,
                    least=each.least,
                    most=each.most,
                )
                for each in found.parameters
            ],
            metrics=list(dict.fromkeys(each.name for each in found.metrics)),
            properties=list(found.properties),
            other_resource_types=sorted({asked.resource_type for asked in found.neighbours}),
            prices=list(found.prices),
            links=list(found.links),
        )

    @strawberry.field(
        description="What the credentials of an account have to be allowed, in the provider's words; without it the "
        "check finds nothing. Empty for a check of charges."
    )
    async def permissions(self) -> list[str]:
        """In a thread: a provider's SDK takes up to seconds to load, once."""
        return list(await asyncio.to_thread(needed_permissions, self.id))


ProviderArgument = Annotated[Provider | None, strawberry.argument(description="Of this provider; of all if left out.")]
AreaArgument = Annotated[Area | None, strawberry.argument(description="Of this area; of all if left out.")]


def list_checks(provider: Provider | None, area: Area | None) -> list[Check]:
    """The checks of a provider and an area, in the order of their ids."""
    found = [one for one in catalogue.ALL_CHECKS if one.is_for(provider) and (area is None or one.area is area)]
    return [Check.of(one) for one in sorted(found, key=lambda one: one.id)]
