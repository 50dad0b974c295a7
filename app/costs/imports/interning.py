"""Dimensions: what many charges share is kept once, under an id made of its content."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

import orjson
import polars as pl

from app.costs.allocation.tag_keys import allocation_id, allocation_of
from app.costs.content import content_id
from app.costs.imports.content import NUMBERS, content_ids, shortest
from app.costs.providers import provider_of, resource_key
from app.models import CostDim, DetailDim, ResourceDim, SkuDim, SummaryDim
from app.records import Provider

NONE: Final = 0
"""The id of a dimension that a charge does not have."""


def _content_columns(model: type[SummaryDim | CostDim | SkuDim | ResourceDim | DetailDim]) -> tuple[str, ...]:
    keys = {"organization_id", "id", "summary_dim_id", "provider", "resource_key"}
    return tuple(column.name for column in model.__table__.columns if column.name not in keys)


SUMMARY: Final = _content_columns(SummaryDim)
COST: Final = _content_columns(CostDim)
SKU: Final = _content_columns(SkuDim)
RESOURCE: Final = _content_columns(ResourceDim)
DETAIL: Final = _content_columns(DetailDim)

_KEY: Final = "\x00key"
PLACE: Final = "\x00place"


def first_places(keys: pl.Series) -> pl.DataFrame:
    """Distinct keys, under their name, and the row in which each stands first as `PLACE`."""
    places = keys.arg_unique()
    return pl.DataFrame([keys.gather(places), places.alias(PLACE)])


class Interned:
    """Ids of one dimension as a run meets them: `new` are the rows to be stored, each given once."""

    def __init__(self, columns: Sequence[str], describe: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        self.columns = list(columns)
        self._describe = describe
        self._known = pl.DataFrame(schema={_KEY: pl.UInt64, "id": pl.Int64})

    def intern(self, frame: pl.DataFrame) -> tuple[pl.Series, pl.DataFrame]:
        """The id of each row of a frame, and the dimension's rows that this run has not met before."""
        # Within a run polars' own 64-bit hash stands for the content: eight times as fast as comparing 33 columns.
        keys = frame.select(pl.struct(self.columns).hash().alias(_KEY)).to_series()
        fresh = first_places(keys).join(self._known, on=_KEY, how="anti")
        new = self._describe(frame.select(pl.col(self.columns).gather(fresh.get_column(PLACE))))
        known = pl.DataFrame({_KEY: fresh.get_column(_KEY), "id": new.get_column("id")})
        self._known = pl.concat([self._known, known], rechunk=True)
        ids = keys.to_frame().join(self._known, on=_KEY, how="left", maintain_order="left").get_column("id")
        # Contents that differ in nothing that is stored have one id.
        return ids, new.filter(pl.col("id") != NONE).unique(subset="id", keep="any")


class Dimensions:
    """All dimensions of one run: hand in frames of charges, get their ids and what is new of each table."""

    def __init__(self, organization_id: UUID, promoted: Sequence[str]) -> None:
        self._organization_id = organization_id
        self._promoted = tuple(promoted)
        self.summaries: dict[int, tuple[str | None, ...]] = {}
        self._summary_of: dict[int, int] = {}
        self._allocation_of: dict[int, int] = {NONE: NONE}
        self._new: dict[str, list[pl.DataFrame]] = {}
        self._cost = Interned([*SUMMARY, *COST], self._costs)
        self._sku = Interned(SKU, _skus)
        self._resource = Interned(RESOURCE, self._resources)
        self._tags = Interned(["tags"], self._tag_sets)
        self._detail = Interned(DETAIL, _details)

    def intern(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with `cost_dim_id` and the like in place of the columns that they stand for."""
        ids: dict[str, pl.Series] = {}
        for name, table, dimension in (
            ("cost_dim_id", "cost_dims", self._cost),
            ("sku_dim_id", "sku_dims", self._sku),
            ("resource_dim_id", "resource_dims", self._resource),
            ("tag_set_id", "tag_sets", self._tags),
            ("detail_dim_id", "detail_dims", self._detail),
        ):
            ids[name], new = dimension.intern(frame)
            if new.height:
                self._new.setdefault(table, []).append(new)
        ids["allocation_id"] = _mapped(ids["tag_set_id"], self._allocation_of)
        ids["summary_dim_id"] = _mapped(ids["cost_dim_id"], self._summary_of)
        return frame.with_columns(series.alias(name) for name, series in ids.items())

    def take_new(self) -> dict[str, pl.DataFrame]:
        """By table, the rows that have not been taken yet."""
        taken, self._new = self._new, {}
        return {table: pl.concat(frames) for table, frames in taken.items()}

    def _costs(self, distinct: pl.DataFrame) -> pl.DataFrame:
        providers = [_provider(*names) for names in distinct.select(_NAMES_OF_PROVIDER).iter_rows()]
        described = distinct.with_columns(pl.Series("provider", providers, dtype=pl.String))
        columns = ["provider", *SUMMARY]
        summary_ids = content_ids(described, columns)
        described = described.with_columns(summary_ids.alias("summary_dim_id"))
        ids = content_ids(described, ["summary_dim_id", *COST])
        described = described.with_columns(ids)
        fresh = described.unique(subset="summary_dim_id").filter(~pl.col("summary_dim_id").is_in(list(self.summaries)))
        if fresh.height:
            rows = fresh.select(pl.col("summary_dim_id").alias("id"), *columns)
            self.summaries.update({row[0]: row[1:] for row in rows.iter_rows()})
            self._new.setdefault("summary_dims", []).append(rows)
        self._summary_of.update(zip(ids, summary_ids, strict=True))
        return described.select("id", "summary_dim_id", *COST)

    def _resources(self, distinct: pl.DataFrame) -> pl.DataFrame:
        """Resources under ids of the organization's own: an index of charges begins with them.

        Whoever is billed for a resource of the same name must not make look-ups of others longer.
        """
        keys = [None if id_ is None else resource_key(id_) for id_ in distinct.get_column("resource_id")]
        described = _with_ids(distinct, RESOURCE, self._organization_id.bytes)
        return described.with_columns(pl.Series("resource_key", keys, dtype=pl.String))

    def _tag_sets(self, distinct: pl.DataFrame) -> pl.DataFrame:
        texts = distinct.get_column("tags").to_list()
        ids = [NONE if text in {None, "{}"} else content_id([text]) for text in texts]
        allocations = {id_: self._allocation(text) for id_, text in zip(ids, texts, strict=True) if id_ != NONE}
        self._allocation_of.update(allocations)
        described = {"id": ids, "tags": texts, "allocation_id": [self._allocation_of[id_] for id_ in ids]}
        return pl.DataFrame(described, schema={"id": pl.Int64, "tags": pl.String, "allocation_id": pl.Int64})

    def _allocation(self, tags: str) -> int:
        found = allocation_of(orjson.loads(tags), self._promoted) if self._promoted else {}
        if not found:
            return NONE
        id_ = allocation_id(found)
        text = orjson.dumps(found, option=orjson.OPT_SORT_KEYS).decode()
        rows = pl.DataFrame({"id": [id_], "tags": [text]}, schema={"id": pl.Int64, "tags": pl.String})
        self._new.setdefault("allocation_sets", []).append(rows)
        return id_


_NAMES_OF_PROVIDER: Final = ("host_provider_name", "service_provider_name", "provider_name")


def _provider(*names: str | None) -> str:
    return provider_of(*names) or Provider.OTHER


def _mapped(ids: pl.Series, to: Mapping[int, int]) -> pl.Series:
    distinct = ids.unique()
    values = pl.Series([to[id_] for id_ in distinct], dtype=pl.Int64)
    return ids.replace_strict(distinct, values, return_dtype=pl.Int64)


def _skus(distinct: pl.DataFrame) -> pl.DataFrame:
    return _with_ids(distinct.with_columns(shortest(column) for column in SKU if column in NUMBERS), SKU)


def _details(distinct: pl.DataFrame) -> pl.DataFrame:
    return _with_ids(distinct, DETAIL).with_columns(pl.col("extra").fill_null("{}"))


def _with_ids(distinct: pl.DataFrame, columns: Sequence[str], salt: bytes = b"") -> pl.DataFrame:
    """The rows with their ids in front; a row of nulls is none."""
    empty = distinct.select(pl.all_horizontal(pl.col(list(columns)).is_null())).to_series()
    ids = content_ids(distinct, columns, salt)
    return distinct.select(pl.when(empty).then(pl.lit(NONE)).otherwise(ids).alias("id"), *columns)
