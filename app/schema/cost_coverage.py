"""What is known of a period, as part of what something cost in it."""

from __future__ import annotations

from datetime import date

import strawberry

from app.costs.analysis.coverage import PeriodCoverage


@strawberry.type(description="Days of which a billing account's costs are unknown: nothing was imported for them.")
class CostGap:
    """See app.costs.analysis.coverage.CostGap."""

    dataset: str = strawberry.field(description="The dataset that delivered the billing account last.")
    billing_account_id: str | None = strawberry.field(description="The billing account; null where charges name none.")
    start: date = strawberry.field(description="The first day.")
    end: date = strawberry.field(description="The day after the last one.")


@strawberry.type(
    description="What is known of a period: of which days each billing account was delivered. A billing period that "
    "was delivered after its end is known to its end, one that is open to its last charge. Appended rows, such as "
    "those of `ingestCosts`, say nothing of other days: a billing account that has no others lacks none."
)
class CostCoverage:
    """See app.costs.analysis.coverage.PeriodCoverage."""

    known_from: date | None = strawberry.field(
        description="The first day of the period of which anything was imported; null where nothing was."
    )
    known_until: date | None = strawberry.field(description="The day after the last such day.")
    missing_days: int = strawberry.field(
        description="Of how many days of the period nothing was imported of one of the billing accounts, or of all: "
        "sums over them are too small. A billing account with appended rows alone counts only where there is no other."
    )
    is_complete: bool = strawberry.field(description="Whether no day is missing.")
    gaps: list[CostGap] = strawberry.field(
        description="What is missing, by billing account: the longest 100 in the order of their days. None where no "
        "billing account was ever delivered, and none of those with appended rows alone."
    )
    gap_count: int = strawberry.field(description="How many gaps there are.")

    @classmethod
    def of(cls, found: PeriodCoverage) -> CostCoverage:
        """Make it of what is known."""
        return cls(
            known_from=found.known_from,
            known_until=found.known_until,
            missing_days=found.missing_days,
            is_complete=found.missing_days == 0,
            gaps=[
                CostGap(
                    dataset=gap.dataset,
                    billing_account_id=gap.billing_account_id or None,
                    start=gap.days.start,
                    end=gap.days.end,
                )
                for gap in found.gaps
            ],
            gap_count=found.gap_count,
        )
