"""What providers themselves recommend, beside what Skyledger has found, and how reading it went."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

import app.schema.checks  # makes OpinionSource and Remedy enums of the graph
import app.schema.providers  # noqa: F401  (makes ProblemCode one)
from app.context import Info
from app.providers.opinions import OpinionSource
from app.providers.problems import ProblemCode
from app.records.detection import Remedy
from app.schema.cost_words import Money


@strawberry.type(description="What a provider itself recommends of the resource of a recommendation.")
class SecondOpinion:
    """A row of `provider_opinions`."""

    source: OpinionSource = strawberry.field(description="Who says so.")
    kind: str = strawberry.field(description="The provider's own word for what it is about, such as `Rightsize`.")
    title: str = strawberry.field(description="What is to be done, in a few words.")
    remedy: Remedy = strawberry.field(description="What is to be done.")
    agrees: bool = strawberry.field(description="Whether that is what the recommendation says too.")
    target: str | None = strawberry.field(description="What to change to, such as `t4g.medium`.")
    monthly_saving: Money | None = strawberry.field(
        description="What the provider expects a month to cost less; null where it does not say."
    )
    saving_reason: str | None = strawberry.field(description="Why that is not known.")
    lookback_days: int | None = strawberry.field(description="From how many days of use the provider told it.")
    refreshed_at: datetime | None = strawberry.field(description="When the provider last worked it out.")
    link: str | None = strawberry.field(description="A page of the provider about it.")

    @classmethod
    def of(cls, row: Mapping[Any, Any], remedy: Remedy) -> SecondOpinion:
        """Make it of a row, beside a recommendation with a remedy."""
        known = row["monthly_saving"] is not None
        plain = "kind title target saving_reason lookback_days refreshed_at link"
        return cls(
            source=OpinionSource(row["source"]),
            remedy=Remedy(row["remedy"]),
            agrees=row["remedy"] == remedy,
            monthly_saving=Money(amount=row["monthly_saving"], currency=row["currency"]) if known else None,
            **{name: row[name] for name in plain.split()},
        )


@strawberry.type(description="Why not all that an adviser says could be read.")
class AdviceProblem:
    """The column `problem` of `opinion_readings`."""

    code: ProblemCode = strawberry.field(description="What kind of problem it is.")
    message: str = strawberry.field(description="What happened.")
    remedy: str = strawberry.field(description="What to do.")
    permission: str | None = strawberry.field(description="The permission that is missing, by the provider's name.")


@strawberry.type(description="What one adviser of the provider says of an account, and how it was last read.")
class ProviderAdvice:
    """A row of `opinion_readings`."""

    source: OpinionSource = strawberry.field(description="The adviser.")
    count: int = strawberry.field(description="How many recommendations of it are known.")
    read_at: datetime = strawberry.field(description="When it was last asked.")
    completed_at: datetime | None = strawberry.field(
        description="When all that it says was last read; null where it never was. What it said then is kept."
    )
    problem: AdviceProblem | None = strawberry.field(
        description="Why it could not be read, such as that the account has not enrolled; null where it was."
    )

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> ProviderAdvice:
        """Make it of a row."""
        told = row["problem"]
        problem = None if told is None else AdviceProblem(**{**told, "code": ProblemCode(told["code"])})
        plain = ("count", "read_at", "completed_at")
        return cls(source=OpinionSource(row["source"]), problem=problem, **{name: row[name] for name in plain})


@strawberry.type
class AccountAdvice:
    """A base of `Account`."""

    key: strawberry.Private[tuple[UUID, UUID]]

    @strawberry.field(
        description="What the provider's own services that recommend savings say of it, and how they were last read: "
        "after each scan. Empty where none was asked yet."
    )
    async def provider_advice(self, info: Info) -> list[ProviderAdvice]:
        """One statement for all accounts of a page."""
        rows = await info.context.loaders.advice_by_account.load(self.key)
        return [ProviderAdvice.from_row(row) for row in rows]
