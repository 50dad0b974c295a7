"""From Microsoft Graph to findings: what the checks read is what the collectors tell, no more is found and no less."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.detection.catalogue import ALL_CHECKS
from app.detection.check import Check, Neighbours
from app.detection.evaluate import evaluate
from app.detection.facts import Facts, Subject
from app.detection.finding import Finding
from app.detection.rule import default_rule
from app.providers.base import FoundResource
from app.providers.m365.cloud import M365Cloud
from app.providers.m365.connection import M365Connection
from app.providers.problems import ProviderError
from app.records import Provider, RelationshipKind
from app.records.detection import Price, PriceBasis, PriceUnit
from tests.detection.cases import NOW, ago
from tests.providers.azure.arm_server import SUBSCRIPTION as OTHER_ID
from tests.providers.m365.conftest import Connect
from tests.providers.m365.graph_server import GraphServer
from tests.providers.m365.tenant import E3, TEAM, user

CHECKS = [check for check in ALL_CHECKS if check.provider is Provider.MICROSOFT_365]
AMOUNTS = {
    "m365.seat.spe_e3": ("10", PriceUnit.SEAT_MONTH),
    "m365.seat.microsoft_365_copilot": ("30", PriceUnit.SEAT_MONTH),
    "m365.archive.storage": ("0.05", PriceUnit.GIB_MONTH),
}
Found = dict[tuple[str, str], Decimal | None]


class Book:
    """Prices of the test, the same in all regions."""

    def price(self, provider: Provider, code: str, region: str | None) -> Price | None:
        """See app.detection.facts.Prices."""
        assert (provider, region) == (Provider.MICROSOFT_365, "global")
        if code not in AMOUNTS:
            return None
        amount, unit = AMOUNTS[code]
        return Price(Decimal(amount), "USD", unit, PriceBasis.CONTRACTED, date(2026, 11, 1), "a test")


def waste(connection: M365Connection) -> Found:
    """All findings by check and name of the resource, with the amount; only of what was read completely."""
    told: list[FoundResource] = []
    complete: set[str] = set()
    for service in M365Cloud().services():
        for collector in service.collectors:
            try:
                for page in collector.pages(connection, "global"):
                    told += page
            except ProviderError as problem:
                if not problem.listed:
                    continue
            complete.update(collector.resource_types)
    return {
        (check.id, one.name): outcome.saving.amount
        for one in told
        for check in CHECKS
        if one.resource_type in check.resource_types
        and isinstance(outcome := _outcome(check, one, told, frozenset(complete)), Finding)
    }


def _outcome(check: Check, one: FoundResource, told: Sequence[FoundResource], complete: frozenset[str]) -> object:
    rule = default_rule(check)
    facts = Facts(
        subject=_subject(one, check.properties),
        now=NOW,
        parameters=rule.parameters,
        prices=Book(),
        neighbours={(asked.kind, asked.resource_type): _near(asked, one, told) for asked in check.neighbours},
        complete_types=complete,
    )
    return evaluate(check, facts, rule, lambda amount, _: amount)


def _near(asked: Neighbours, one: FoundResource, told: Sequence[FoundResource]) -> list[Subject]:
    links: Mapping[str, set[str]] = defaultdict(set)
    for each in told:
        links[each.native_id].update(link.target for link in each.relations if link.kind is asked.kind)
    own = links[one.native_id]

    def is_near(other: FoundResource) -> bool:
        if asked.peers:
            return other is not one
        if asked.siblings:
            return other is not one and bool(own & links[other.native_id])
        return other.native_id in own if asked.outgoing else one.native_id in links[other.native_id]

    assert asked.kind is RelationshipKind.MEMBER_OF
    near = [other for other in told if other.resource_type == asked.resource_type and is_near(other)]
    return [_subject(other, asked.properties) for other in near]


def _subject(one: FoundResource, names: Sequence[str]) -> Subject:
    """The resource as it is stored: JSON, of which a check is given what it has declared."""
    stored = json.loads(json.dumps(one.properties))
    return Subject(
        id=UUID(int=1),
        account_id=UUID(int=2),
        provider=Provider.MICROSOFT_365,
        resource_type=one.resource_type,
        native_id=one.native_id,
        name=one.name,
        region=one.region,
        status=one.status,
        first_seen_at=ago(1),
        properties={name: value for name, value in stored.items() if name in {*names, "unreadable"}},
        created_at=one.created_at,
        last_used_at=one.last_used_at,
    )


ALWAYS: dict[tuple[str, str], Any] = {
    ("m365.licence.unassigned", "SPE_E3"): Decimal(220),
    ("m365.licence.unassigned", "Microsoft_365_Copilot"): Decimal(660),
    ("m365.subscription.expiring", "SPE_E3"): Decimal(220),
    ("m365.user.inactive_licensed", "bea@contoso.com"): Decimal(10),
    ("m365.group.ownerless", "Stale"): Decimal(0),
    ("m365.device.stale", "LAPTOP-1"): Decimal(0),
}
BY_REPORTS: dict[tuple[str, str], Any] = {
    ("m365.apps.not_activated", "bea@contoso.com"): None,
    ("m365.mailbox.shared_licensed", "info@contoso.com"): Decimal(10),
    ("m365.group.inactive", "Stale"): Decimal(0),
    ("m365.sharepoint.inactive_site", "https://contoso.sharepoint.com/sites/old"): Decimal(0),
    ("m365.onedrive.departed", "https://contoso-my.sharepoint.com/personal/left"): Decimal(5),
}


def test_all_waste_is_found_and_nothing_else(connect: Connect) -> None:
    assert waste(connect()) == ALWAYS | BY_REPORTS


def test_concealed_names_find_less_and_nothing_false(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.conceals = True
    # The group's report is joined by ids, which are not concealed here.
    quiet = {key: amount for key, amount in BY_REPORTS.items() if key[0] == "m365.group.inactive"}
    assert waste(connect()) == ALWAYS | quiet


def test_without_sign_ins_nobody_is_inactive(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.roles = tuple(role for role in microsoft.roles if role != "AuditLog.Read.All")
    inactive = ("m365.user.inactive_licensed", "bea@contoso.com")
    assert waste(connect()) == {key: amount for key, amount in (ALWAYS | BY_REPORTS).items() if key != inactive}


def test_what_is_new_is_found_too(microsoft: GraphServer, connect: Connect) -> None:
    signs = {"lastSignInDateTime": "2026-11-20T08:00:00Z"}
    lists = microsoft.lists
    lists["/users"] += [
        user(OTHER_ID, "dan@contoso.com", E3, accountEnabled=False, signInActivity=signs),
        user(TEAM, "eve_fabrikam.com#EXT#@contoso.com", E3, userType="Guest", signInActivity=signs),
    ]
    microsoft.purposes[OTHER_ID] = "user"
    for sku in lists["/subscribedSkus"]:
        sku["consumedUnits"] = 6  # one more than the users that are there have
    more: dict[tuple[str, str], Any] = {
        ("m365.user.disabled_licensed", "dan@contoso.com"): Decimal(10),
        ("m365.guest.licensed", "eve_fabrikam.com#EXT#@contoso.com"): Decimal(10),
        ("m365.user.deleted_licensed", "gone@contoso.com"): Decimal(10),
        ("m365.licence.unassigned", "SPE_E3"): Decimal(190),
        ("m365.licence.unassigned", "Microsoft_365_Copilot"): Decimal(570),
        ("m365.subscription.expiring", "SPE_E3"): Decimal(190),
    }
    assert waste(connect()) == ALWAYS | BY_REPORTS | more
