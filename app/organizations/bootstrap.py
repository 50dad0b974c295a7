"""Makes what a platform begins with, and says of each thing whether it was there; safe to repeat."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.database import Database
from app.organizations.plans import default_plan_in
from app.records.plans import DELIVERED_PLANS
from app.repositories import plans


class BootstrapOutcome(StrEnum):
    """What became of a thing."""

    CREATED = "CREATED"
    EXISTED = "EXISTED"


class BootstrapKind(StrEnum):
    """What kind of thing it is."""

    PLAN = "PLAN"
    DEFAULT_PLAN = "DEFAULT_PLAN"
    SUBSCRIPTIONS = "SUBSCRIPTIONS"


@dataclass(frozen=True)
class Bootstrapped:
    """One thing; `detail` is a sentence for people."""

    kind: BootstrapKind
    name: str
    outcome: BootstrapOutcome
    detail: str


async def bootstrap(database: Database, *, delivered_plans: bool = True) -> list[Bootstrapped]:
    """Make the delivered plans, a default one, and a subscription for every organization that has none.

    What is there is left as it is, however an operator changed it. All in one transaction.
    """
    done: list[Bootstrapped] = []
    async with database.system() as session:
        await plans.lock_plans(session)
        before = await plans.default_plan(session)
        there = {plan["slug"] for plan in await plans.list_plans(session, retired=True)}
        chosen = await default_plan_in(session)
        for plan in DELIVERED_PLANS if delivered_plans else ():
            if plan.slug not in there:
                await plans.deliver_plan(session, plan)
            row = await plans.plan_by_slug(session, plan.slug)
            name = plan.name if row is None else row["name"]
            done.append(_told(BootstrapKind.PLAN, plan.slug, f"The plan {name}.", made=plan.slug not in there))
        told = f"New organizations get the plan {chosen['name']}."
        done.append(_told(BootstrapKind.DEFAULT_PLAN, chosen["slug"], told, made=before is None))
        subscribed = await plans.subscribe_rest(session)
        told = f"{subscribed:,} organizations had no plan and got that one." if subscribed else "All have a plan."
        done.append(_told(BootstrapKind.SUBSCRIPTIONS, "organizations", told, made=subscribed > 0))
    return done


def _told(kind: BootstrapKind, name: str, detail: str, *, made: bool) -> Bootstrapped:
    return Bootstrapped(kind, name, BootstrapOutcome.CREATED if made else BootstrapOutcome.EXISTED, detail)
