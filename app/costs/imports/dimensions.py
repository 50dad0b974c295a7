"""The columns of the dimensions, in the order in which they make an id."""

from __future__ import annotations

from typing import Final

from app.models import CostDim, DetailDim, ResourceDim, SkuDim, SummaryDim


def _content_columns(model: type[SummaryDim | CostDim | SkuDim | ResourceDim | DetailDim]) -> tuple[str, ...]:
    keys = {"organization_id", "id", "summary_dim_id", "provider", "resource_key"}
    return tuple(column.name for column in model.__table__.columns if column.name not in keys)


SUMMARY: Final = _content_columns(SummaryDim)
COST: Final = _content_columns(CostDim)
SKU: Final = _content_columns(SkuDim)
RESOURCE: Final = _content_columns(ResourceDim)
DETAIL: Final = _content_columns(DetailDim)
