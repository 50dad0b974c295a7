"""What an organization owns in the clouds: its accounts, resources and charges, as fields of `Organization`."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.context import Info
from app.execution import gives_rows
from app.records import Permission
from app.schema.accounts import Account, AccountFilter, AccountOrder, account_page
from app.schema.charge_pages import ChargeOrder, charge_page
from app.schema.charges import Charge
from app.schema.cost_filters import CostFilter
from app.schema.organization_part import OrganizationPart
from app.schema.paging import After, Before, Connection, First, Last, PageArguments
from app.schema.resources import (
    InventorySummary,
    Resource,
    ResourceFilter,
    ResourceOrder,
    inventory_summary,
    resource_page,
)
from app.server.costs.directives import weighs


@strawberry.type
class OrganizationInventory(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(description="Its accounts at providers.", metadata=gives_rows())
    async def accounts(
        self,
        info: Info,
        where: Annotated[AccountFilter | None, strawberry.argument(description="Which accounts.")] = None,
        order_by: Annotated[AccountOrder | None, strawberry.argument(description="By name when left out.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Account]:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        return await account_page(info, key, where, order_by, PageArguments(first, after, last, before))

    @strawberry.field(description="Its resources in all clouds.", metadata=gives_rows(beside=True))
    async def resources(
        self,
        info: Info,
        where: Annotated[ResourceFilter | None, strawberry.argument(description="Which resources.")] = None,
        order_by: Annotated[ResourceOrder | None, strawberry.argument(description="By name when left out.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        include_gone: Annotated[bool, strawberry.argument(description="Also those that scans no longer find.")] = False,
    ) -> Connection[Resource]:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        page = PageArguments(first, after, last, before)
        return await resource_page(info, key, where, order_by, page, include_gone=include_gone)

    @strawberry.field(
        description="How many resources there are, by provider, service, type, region and state.",
        directives=[weighs(10)],
    )
    async def inventory_summary(
        self,
        info: Info,
        where: Annotated[ResourceFilter | None, strawberry.argument(description="Which resources.")] = None,
    ) -> InventorySummary:
        """One statement."""
        return await inventory_summary(info, self.require(Permission.ORGANIZATION_READ), where)

    @strawberry.field(
        description="Its charges: the FOCUS rows. `where` is that of `costs`, but for `team`: charges are shared out "
        "to teams by day, not one by one."
    )
    async def charges(
        self,
        info: Info,
        where: Annotated[CostFilter | None, strawberry.argument(description="Which charges.")] = None,
        order_by: Annotated[
            ChargeOrder | None, strawberry.argument(description="The latest period first when left out.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Charge] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        return await charge_page(info, key, where, order_by, PageArguments(first, after, last, before))
