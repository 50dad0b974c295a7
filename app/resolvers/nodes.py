"""`node`, `nodes` and `_entities`: any object again by its global id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import MethodType
from typing import Annotated, Any, NamedTuple, cast

import strawberry

from app.context import Context, Info
from app.errors import BadUserInputError
from app.records import Permission
from app.schema.accounts import Account
from app.schema.activity import ActivityEvent
from app.schema.allocation import AllocationRule, AllocationRun
from app.schema.anomalies import CostAnomaly
from app.schema.api_keys import ApiKey
from app.schema.budgets import Budget
from app.schema.business_metrics import BusinessMetric
from app.schema.charges import Charge
from app.schema.cost_exports import CostExport
from app.schema.cost_imports import CostImport
from app.schema.cost_sources import CostSource, CostSourceRun
from app.schema.exports import Export
from app.schema.federation import Representation, entity_union
from app.schema.invitations import Invitation
from app.schema.node import Node, NodeKey, parse_id
from app.schema.organizations import Organization
from app.schema.people import Member
from app.schema.prices import PriceOverride
from app.schema.recommendations import Recommendation
from app.schema.resources import Resource
from app.schema.scans import Scan, ScanSchedule, ScanStep
from app.schema.teams import Team
from app.schema.uploads import Upload
from app.schema.webhooks import Webhook, WebhookDelivery
from app.server.costs.directives import sized_by

MOST_NODES = 100


class TenantNode(NamedTuple):
    """How a type of node is found: the loader (its keys are (organization, id)), the type, who may see it."""

    loader: str
    from_row: Callable[[Any], Node]
    needs: Permission = Permission.ORGANIZATION_READ

    def type_(self) -> type[Node]:
        """The type whose `from_row` it is."""
        return cast("MethodType", self.from_row).__self__  # type: ignore[return-value]


_TENANT_NODES = {
    "Account": TenantNode("account_by_id", Account.from_row),
    "ActivityEvent": TenantNode("event_by_id", ActivityEvent.from_row),
    "AllocationRule": TenantNode("allocation_rule_by_id", AllocationRule.from_row),
    "AllocationRun": TenantNode("allocation_run_by_id", AllocationRun.from_row),
    "ApiKey": TenantNode("api_key_by_id", ApiKey.from_row, Permission.API_KEYS_MANAGE),
    "Budget": TenantNode("budget_by_id", Budget.from_row),
    "BusinessMetric": TenantNode("business_metric_by_id", BusinessMetric.from_row),
    "Charge": TenantNode("charge_by_id", Charge.from_row),
    "CostAnomaly": TenantNode("cost_anomaly_by_id", CostAnomaly.from_row),
    "CostExport": TenantNode("cost_export_by_id", CostExport.from_row),
    "CostImport": TenantNode("cost_import_by_id", CostImport.from_row),
    "CostSource": TenantNode("cost_source_by_id", CostSource.from_row),
    "CostSourceRun": TenantNode("cost_source_run_by_id", CostSourceRun.from_row),
    "Export": TenantNode("export_by_id", Export.from_row),
    "Invitation": TenantNode("invitation_by_id", Invitation.from_row, Permission.MEMBERS_MANAGE),
    "Member": TenantNode("member_by_id", Member.from_row),
    "PriceOverride": TenantNode("price_override_by_id", PriceOverride.from_row),
    "Recommendation": TenantNode("recommendation_by_id", Recommendation.from_row),
    "Resource": TenantNode("resource_by_id", Resource.from_row),
    "Scan": TenantNode("scan_by_id", Scan.from_row),
    "ScanSchedule": TenantNode("scan_schedule_by_id", ScanSchedule.from_row),
    "ScanStep": TenantNode("scan_step_by_id", ScanStep.from_row),
    "Team": TenantNode("team_by_id", Team.from_row),
    "Upload": TenantNode("upload_by_id", Upload.from_row),
    "Webhook": TenantNode("webhook_by_id", Webhook.from_row, Permission.WEBHOOKS_MANAGE),
    "WebhookDelivery": TenantNode("webhook_delivery_by_id", WebhookDelivery.from_row, Permission.WEBHOOKS_MANAGE),
}
Entity = entity_union([Organization, *(kind.type_() for kind in _TENANT_NODES.values())])


@strawberry.type
class NodeQueries:
    """Relay's entry points."""

    @strawberry.field(description="The object with a global id; null where it is absent or out of the caller's reach.")
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],  # noqa: A002  (Relay's name)
    ) -> Node | None:
        """See find_node."""
        info.context.signed_in()
        return await find_node(info.context, parse_id(id))

    @strawberry.field(
        description="At most 100 objects by their global ids, in the same order; null for each absent one.",
        directives=[sized_by("ids")],
    )
    async def nodes(
        self, info: Info, ids: Annotated[list[strawberry.ID], strawberry.argument(description="Their global ids.")]
    ) -> list[Node | None]:
        """One statement for each type and organization among the ids."""
        info.context.signed_in()
        if len(ids) > MOST_NODES:
            message = f"`ids` has {len(ids)} ids; at most {MOST_NODES} are answered at a time."
            raise BadUserInputError(message, path=("ids",))
        keys = [parse_id(id_, path=("ids",)) for id_ in ids]
        return list(await asyncio.gather(*(find_node(info.context, key) for key in keys)))

    @strawberry.field(
        name="_entities",
        description="For gateways of Apollo Federation: at most 100 objects by `__typename` and `id`, in the same "
        "order; null for each that is absent or out of the caller's reach.",
        graphql_type=list[Entity | None],  # type: ignore[valid-type]
        directives=[sized_by("representations")],
    )
    async def entities(
        self,
        info: Info,
        representations: Annotated[
            list[Representation],
            strawberry.argument(description='What is asked for, each as {"__typename": …, "id": …}.'),
        ],
    ) -> list[Node | None]:
        """The same as `nodes`, asked as gateways ask."""
        info.context.signed_in()
        if len(representations) > MOST_NODES:
            message = (
                f"`representations` has {len(representations)} items; at most {MOST_NODES} are answered at a time."
            )
            raise BadUserInputError(message, path=("representations",))
        keys = [_key_of(given, index) for index, given in enumerate(representations)]
        return list(await asyncio.gather(*(find_node(info.context, key) for key in keys)))


def _key_of(representation: dict[str, Any], index: int) -> NodeKey:
    """What a representation names; BadUserInputError where that is no type with a key, or no id of it."""
    path = ("representations", str(index))
    type_name, id_ = representation.get("__typename"), representation.get("id")
    if not isinstance(type_name, str) or (type_name != "Organization" and type_name not in _TENANT_NODES):
        wanted = "the name of a type with `@key`, such as Organization"
        message = f"`{'.'.join(path)}.__typename` must be {wanted}; this is {type_name!r}."
        raise BadUserInputError(message, path=(*path, "__typename"))
    if not isinstance(id_, str):
        message = f"`{'.'.join(path)}.id` is missing, or no text: it is the key of {type_name}."
        raise BadUserInputError(message, path=(*path, "id"))
    return parse_id(id_, type_name, path=(*path, "id"))


async def find_node(context: Context, key: NodeKey) -> Node | None:
    """The object of a key, or None where there is none that the caller may see."""
    principal = context.signed_in()
    if key.type_name == "Organization":
        row = await context.loaders.organizations.by_id(key.id)
        grant = principal.grants.get(key.id)
        if row is None or grant is None or Permission.ORGANIZATION_READ not in grant.permissions:
            return None
        return Organization.from_row(row, grant)
    grant = principal.grants.get(key.organization_id) if key.organization_id else None
    kind = _TENANT_NODES.get(key.type_name)
    if grant is None or kind is None or kind.needs not in grant.permissions:
        return None
    row = await getattr(context.loaders, kind.loader).load((key.organization_id, key.id))
    return None if row is None else kind.from_row(row)
