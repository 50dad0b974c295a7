"""Documents of the soak: the known ones, as many different ones as are asked for, and wrong ones with their errors."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.server.graphiql.examples import read_examples
from benchmarks.graph.documents import DOCUMENTS, Question

RESOURCE_FIELDS = [
    "id",
    "name",
    "provider",
    "service",
    "resourceType",
    "nativeId",
    "region",
    "availabilityZone",
    "status",
    "tags",
    "properties",
    "firstSeenAt",
    "lastSeenAt",
    "providerCreatedAt",
    "goneAt",
    "account { id name provider }",
    "monthToDateCost { cost { amount currency } }",
    "history(first: 3) { kind }",
]
CHARGE_FIELDS = [
    "id",
    "billedCost",
    "effectiveCost",
    "listCost",
    "contractedCost",
    "billingCurrency",
    "chargeCategory",
    "chargeClass",
    "chargePeriodStart",
    "chargePeriodEnd",
    "serviceName",
    "serviceCategory",
    "regionId",
    "regionName",
    "resourceId",
    "resourceName",
    "skuId",
    "subAccountId",
    "subAccountName",
    "tags",
    "pricingUnit",
    "pricingQuantity",
    "invoiceId",
    "publisherName",
]
DIMENSIONS = [
    "SERVICE_NAME",
    "SERVICE_CATEGORY",
    "REGION_ID",
    "SUB_ACCOUNT_ID",
    "CHARGE_CATEGORY",
    "RESOURCE_TYPE",
    "RESOURCE_NAME",
    "PUBLISHER_NAME",
    "CHARGE_DESCRIPTION",
    "PRICING_UNIT",
]
PERIODS = ("LAST_MONTH", "THIS_MONTH", "LAST_7_DAYS", "LAST_30_DAYS", "LAST_90_DAYS")
METRICS = ("BILLED_COST", "EFFECTIVE_COST", "LIST_COST")
UNKNOWN_FIELDS = 40
"""Wrong fields of a document that is not valid: what is remembered of it is about as large as of other refused ones."""


@dataclass(frozen=True)
class Wrong:
    """A document that is refused, with the code of its first error."""

    text: str
    code: str


def known_queries(slug: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, document and variables of the benchmark's queries and of all example queries, for an organization."""
    found = [
        (name, question.document, question.variables) for name in DOCUMENTS for question in [Question.of(name, slug)]
    ]
    for example in read_examples():
        if example.operation == "query":
            variables = example.variables.replace("{{organizationSlug}}", slug)
            found.append((example.name, example.query, json.loads(variables) if variables else {}))
    return found


def different(number: int) -> str:
    """The document of a number: no two are equal, and most of them are other statements too."""
    chance = random.Random(number)  # noqa: S311  (chance, not secrecy)
    parts = chance.sample((_resources, _charges, _costs, _inventory), chance.randint(2, 4))
    body = "\n    ".join(f"part{place}: {part(chance)}" for place, part in enumerate(parts))
    return f"query Different{number}($slug: String!) {{\n  organization(slug: $slug) {{\n    name\n    {body}\n  }}\n}}"


def _some(chance: random.Random, names: list[str]) -> str:
    return " ".join(chance.sample(names, chance.randint(3, len(names))))


def _resources(chance: random.Random) -> str:
    where = chance.choice(("", ', where: {region: {eq: "eu-west-1"}}', ', where: {status: {eq: "running"}}'))
    return f"resources(first: {chance.randint(1, 20)}{where}) {{ nodes {{ {_some(chance, RESOURCE_FIELDS)} }} }}"


def _charges(chance: random.Random) -> str:
    where = chance.choice(("", ', where: {chargeCategory: {eq: "Usage"}}'))
    return f"charges(first: {chance.randint(1, 20)}{where}) {{ nodes {{ {_some(chance, CHARGE_FIELDS)} }} }}"


def _costs(chance: random.Random) -> str:
    groups = " ".join(f"{{dimension: {name}}}" for name in chance.sample(DIMENSIONS, chance.randint(1, 2)))
    return (
        f"costs(period: {{name: {chance.choice(PERIODS)}}}, metric: {chance.choice(METRICS)}, groupBy: [{groups}], "
        f"topN: {chance.randint(1, 20)}) {{ total currency groups {{ key total share }} other {{ total }} }}"
    )


def _inventory(chance: random.Random) -> str:
    tallies = " ".join(
        f"{name} {{ key count }}" for name in chance.sample(("byProvider", "byService", "byState", "byType"), 2)
    )
    return f"inventorySummary {{ totalCount {tallies} }}"


def _unreadable(number: int) -> Wrong:
    return Wrong(f"query Unreadable{number} {{ viewer {{ user {{ id ", "GRAPHQL_PARSE_FAILED")


def _unknown(number: int) -> Wrong:
    fields = " ".join(f"unknown{number}x{place}" for place in range(UNKNOWN_FIELDS))
    return Wrong(f"query Unknown{number} {{ viewer {{ user {{ {fields} }} }} }}", "GRAPHQL_VALIDATION_FAILED")


def _deep(number: int) -> Wrong:
    depth = 20 + number % 100
    text = f"query Deep{number} {{ " + "viewer { " * depth + "user { id } " + "} " * depth + "}"
    return Wrong(text, "DOCUMENT_LIMIT_EXCEEDED")


def _many_aliases(number: int) -> Wrong:
    fields = " ".join(f"a{number}x{place}: name" for place in range(60))
    return Wrong(f"query Aliases{number} {{ viewer {{ user {{ {fields} }} }} }}", "DOCUMENT_LIMIT_EXCEEDED")


def _fragment_bomb(number: int) -> Wrong:
    fragments = [
        f"fragment F{place} on User {{ ...F{place + 1} ...F{place + 1} id{number}: id }}" for place in range(12)
    ]
    text = f"query Bomb{number} {{ viewer {{ user {{ ...F0 }} }} }} {' '.join(fragments)} fragment F12 on User {{ id }}"
    return Wrong(text, "DOCUMENT_LIMIT_EXCEEDED")


def _too_long(number: int) -> Wrong:
    return Wrong(f"query Long{number} {{ viewer {{ user {{ {'id ' * 6_000} }} }} }}", "DOCUMENT_LIMIT_EXCEEDED")


_WRONG: tuple[Callable[[int], Wrong], ...] = (
    _unreadable,
    _unknown,
    _deep,
    _many_aliases,
    _fragment_bomb,
    _too_long,
)


def wrong(number: int) -> Wrong:
    """The refused document of a number: hostile ones and mistakes by turns, no two equal."""
    return _WRONG[number % len(_WRONG)](number)
