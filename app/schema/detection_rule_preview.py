"""What another rule of a check would find and no longer find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.errors import BadUserInputError
from app.recommendations.preview import Preview, PreviewAsked
from app.recommendations.preview_sums import Line, Side
from app.recommendations.rules import reset
from app.records import Permission
from app.records.detection import PriceBasis, Severity
from app.schema.accounts import Account
from app.schema.cost_words import Money
from app.schema.detection_rule_changes import DetectionRuleChanges
from app.schema.node import parse_id
from app.schema.organization_part import OrganizationPart
from app.schema.recommendations import Evidence
from app.schema.resources import Resource
from app.server.costs.directives import at_most, weighs

MOST_ACCOUNTS = 200


@strawberry.input(description="A change of a detection rule to try.")
class PreviewDetectionRuleInput:
    """See `previewDetectionRule`."""

    check_id: str = strawberry.field(description="Name of the check, such as `aws.ebs.unattached`.")
    changes: DetectionRuleChanges | None = strawberry.field(
        default=None, description="What is to be other; left out, the check as it is delivered is tried."
    )
    account_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="On these accounts, at most 200; on all of the check's provider when left out."
    )

    def wanted(self, organization_id: UUID) -> PreviewAsked:
        """What is asked of the room of recommendations. Raises BadUserInputError."""
        change = reset if self.changes is None else self.changes.change(organization_id)
        ids = None if self.account_ids is None else _accounts(self.account_ids, organization_id)
        return PreviewAsked(self.check_id, change, ids)


def _accounts(ids: Sequence[strawberry.ID], organization_id: UUID) -> list[UUID]:
    if len(ids) > MOST_ACCOUNTS:
        message = f"`accountIds` has {len(ids)} ids; give at most {MOST_ACCOUNTS}."
        raise BadUserInputError(message, path=("input", "accountIds"))
    keys = [parse_id(id_, "Account", path=("input", "accountIds", str(place))) for place, id_ in enumerate(ids)]
    for place, key in enumerate(keys):
        if key.organization_id != organization_id:
            message = "There is no such account within your reach."
            raise BadUserInputError(message, path=("input", "accountIds", str(place)))
    return [key.id for key in keys]


@strawberry.type(description="A finding that would come or go.")
class PreviewedFinding:
    """See app.recommendations.preview_sums.Line."""

    monthly_saving: Money | None = strawberry.field(
        description="What it would save, in the organization's currency; null where that is not known."
    )
    basis: PriceBasis = strawberry.field(description="What the amount rests on.")
    severity: Severity = strawberry.field(description="How much it should worry.")
    evidence: list[Evidence] = strawberry.field(description="What it rests on; empty where that was told before only.")
    is_counted: bool = strawberry.field(
        description="Whether its saving counts in totals; not where another finding would save the same money."
    )
    why: str | None = strawberry.field(description="Why it would be left out; null where it would not be waste at all.")
    subject: str = strawberry.field(description="What it is about, as the provider names it.")
    resource_key: strawberry.Private[tuple[UUID, UUID]]
    account_key: strawberry.Private[tuple[UUID, UUID]]

    @classmethod
    def of(cls, line: Line, organization_id: UUID, currency: str) -> PreviewedFinding:
        """Make it of a line."""
        subject, found = line.judged.subject, line.found
        row: Mapping[Any, Any] = line.judged.row or {}
        return cls(
            monthly_saving=None if line.amount is None else Money(amount=line.amount, currency=currency),
            basis=PriceBasis(row["price_basis"]) if found is None else found.saving.basis,
            severity=Severity(row["severity"]) if found is None else found.severity,
            evidence=[] if found is None else [Evidence(label=a, value=b, unit=c) for a, b, c in found.evidence],
            is_counted=line.is_counted,
            why=line.why,
            subject=subject.native_id,
            resource_key=(organization_id, subject.id),
            account_key=(organization_id, subject.account_id),
        )

    @strawberry.field(description="The resource.")
    async def resource(self, info: Info) -> Resource | None:
        """One statement for all findings."""
        row = await info.context.loaders.resource_by_id.load(self.resource_key)
        return None if row is None else Resource.from_row(row)

    @strawberry.field(description="Its account.")
    async def account(self, info: Info) -> Account | None:
        """One statement for all findings."""
        row = await info.context.loaders.account_by_id.load(self.account_key)
        return None if row is None else Account.from_row(row)


@strawberry.type(description="All findings that would come, or all that would go.")
class PreviewedFindings:
    """See app.recommendations.preview_sums.Side."""

    count: int = strawberry.field(description="How many.")
    unknown_count: int = strawberry.field(description="Those of them whose saving is not known.")
    potential: Decimal = strawberry.field(
        description="What they save a month, in the organization's currency, no money twice."
    )
    findings: list[PreviewedFinding] = strawberry.field(
        description="The dearest of them; at most 100.", directives=[at_most(100)]
    )

    @classmethod
    def of(cls, side: Side, organization_id: UUID, currency: str) -> PreviewedFindings:
        """Make it of a side."""
        return cls(
            count=side.count,
            unknown_count=side.unknown,
            potential=side.potential,
            findings=[PreviewedFinding.of(line, organization_id, currency) for line in side.lines],
        )


@strawberry.type(description="What another rule would find and no longer find. Nothing is stored.")
class DetectionRulePreview:
    """See app.recommendations.preview.Preview."""

    check_id: str = strawberry.field(description="Name of the check.")
    currency: str = strawberry.field(description="The organization's currency.")
    resource_count: int = strawberry.field(
        description="Resources of the check's types in the accounts for which the rule would be another."
    )
    undecided_count: int = strawberry.field(
        description="Resources of which it could not be told under the other rule: what was found of them stays."
    )
    gained: PreviewedFindings = strawberry.field(description="What would be found that is not found now.")
    lost: PreviewedFindings = strawberry.field(description="What is found now and would no longer be found.")
    potential_change: Decimal = strawberry.field(
        description="By how much more could be saved a month: with amounts that change, and with findings of other "
        "checks that come to count, or cease to, because they would save the same money."
    )

    @classmethod
    def of(cls, preview: Preview, organization_id: UUID) -> DetectionRulePreview:
        """Make it of a preview."""
        currency, totals = preview.currency, preview.totals
        return cls(
            check_id=preview.check.id,
            currency=currency,
            resource_count=preview.resources,
            undecided_count=preview.unknown,
            gained=PreviewedFindings.of(totals.gained, organization_id, currency),
            lost=PreviewedFindings.of(totals.lost, organization_id, currency),
            potential_change=totals.change,
        )


@strawberry.type
class OrganizationDetectionRulePreview(OrganizationPart):
    """The part of `Organization` that this file adds; `Organization` inherits it."""

    @strawberry.field(
        description="What a check would find and no longer find if it were tuned in another way, from what is stored "
        "and without a call to any cloud. Needs the permission RECOMMENDATIONS_MANAGE; null without it.",
        directives=[weighs(10_000)],  # it may look at 100,000 resources
    )
    async def preview_detection_rule(
        self,
        info: Info,
        input: Annotated[PreviewDetectionRuleInput, strawberry.argument(description="What to try.")],  # noqa: A002  (as mutations have it)
    ) -> DetectionRulePreview | None:
        """A number of statements that grows by thousands of resources, none of which writes."""
        key = self.require(Permission.RECOMMENDATIONS_MANAGE)
        info.context.count_previews()
        return DetectionRulePreview.of(await info.context.loaders.detection_rule_preview(key, input.wanted(key)), key)
