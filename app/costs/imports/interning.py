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
from app.costs.imports.dimensions import COST, DETAIL, RESOURCE, SKU, SUMMARY
from app.costs.imports.keys import JSON, KEY, GroupKeys
from app.costs.providers import account_key, provider_of, resource_key
from app.records import Provider

NONE: Final = 0
"""The id of a dimension that a charge does not have."""

_AGE: Final = -1
"""Of keys made here: no age of `RowKeys`."""


class Interned:
    """Ids of one dimension as a run meets them: `new` are the rows to be stored, each given once for an age of keys."""

    def __init__(self, columns: Sequence[str], describe: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        self.columns = list(columns)
        self._describe = describe
        self._age = _AGE
        self._known = pl.DataFrame(schema={KEY: pl.UInt64, "id": pl.Int64})

    def intern(self, frame: pl.DataFrame, key: pl.Expr, age: int) -> tuple[pl.Series, pl.DataFrame | None]:
        """The id of each row of a frame, and the dimension's rows that this run has not met before.

        `key` gives a number for each row, the same for the same content among those of one `age`.
        """
        if age != self._age:
            self._age, self._known = age, self._known.clear()
        keys = frame.select(key.alias(KEY)).to_series()
        ids, new = self._ids(keys), None
        if ids.null_count():
            unknown = ids.is_null().arg_true()
            rows = unknown.gather(keys.gather(unknown).arg_unique())
            new = self._describe(frame.select(pl.col(self.columns).gather(rows)))
            known = pl.DataFrame({KEY: keys.gather(rows), "id": new.get_column("id")})
            self._known = pl.concat([self._known, known], rechunk=True)
            ids = self._ids(keys)
            # Contents that differ in nothing that is stored have one id.
            new = new.filter(pl.col("id") != NONE).unique(subset="id", keep="any")
        return ids, new

    def _ids(self, keys: pl.Series) -> pl.Series:
        return keys.to_frame().join(self._known, on=KEY, how="left", maintain_order="left").get_column("id")


class Dimensions:
    """All dimensions of one run: hand in frames of charges, get their ids and what is new of each table."""

    def __init__(self, organization_id: UUID, promoted: Sequence[str]) -> None:
        self._organization_id = organization_id
        self._promoted = tuple(promoted)
        self.keys = GroupKeys()
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
        """The frame with `cost_dim_id` and the like in place of the columns that they stand for.

        Rows that came one by one have no `keys` yet.
        """
        if self.keys.cost.name not in frame.columns:
            self.keys.begin(frame.columns)
            frame = self.keys.added_to(frame)
        ids: dict[str, pl.Series] = {}
        sku = pl.struct(self.keys.sku.name, *(name for name in SKU if name in JSON)).hash()
        for name, table, dimension, key, age in (
            ("cost_dim_id", "cost_dims", self._cost, pl.col(self.keys.cost.name), self.keys.cost.age),
            ("sku_dim_id", "sku_dims", self._sku, sku, self.keys.sku.age),
            (
                "resource_dim_id",
                "resource_dims",
                self._resource,
                pl.col(self.keys.resource.name),
                self.keys.resource.age,
            ),
            ("tag_set_id", "tag_sets", self._tags, pl.col("tags").hash(), 0),
            ("detail_dim_id", "detail_dims", self._detail, pl.struct(DETAIL).hash(), 0),
        ):
            ids[name], new = dimension.intern(frame, key, age)
            if new is not None and new.height:
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
        accounts = [None if id_ is None else account_key(id_) for id_ in distinct.get_column("sub_account_id")]
        described = distinct.with_columns(
            pl.Series("provider", providers, dtype=pl.String), pl.Series("sub_account_id", accounts, dtype=pl.String)
        )
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
