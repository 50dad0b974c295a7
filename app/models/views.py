"""Views: what is read like a table and never written."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, MetaData, Table, Text

from app.models.costs import (
    Charge,
    CostDim,
    CostImportPeriod,
    DetailDim,
    ResourceDim,
    SkuDim,
    SummaryDim,
    TagSet,
)

_SOURCES = (Charge, SummaryDim, CostDim, SkuDim, ResourceDim, TagSet, DetailDim)
_OF_PERIOD = ("dataset", "import_id")


def _columns() -> list[Column[object]]:
    """The columns of all dimensions beside those of charges; ids of dimensions and `identity` say nothing here."""
    found: dict[str, Column[object]] = {}
    for source in _SOURCES:
        for column in source.__table__.columns:
            if column.name not in {"id", "identity"}:
                found.setdefault(column.name, Column(column.name, column.type))
    for name in _OF_PERIOD:
        found[name] = Column(name, CostImportPeriod.__table__.c[name].type)
    for name in ("ingested_at", "billing_period_start", "billing_period_end"):
        found[name] = Column(name, DateTime(timezone=True))
    found["provider"] = Column("provider", Text)
    return list(found.values())


# Metadata of its own: alembic and the house tests speak of tables only.
FOCUS_CHARGES = Table("focus_charges", MetaData(), *_columns())
