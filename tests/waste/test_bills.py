"""All waste that bills alone tell of is found in an imported file and nothing else, with the right money."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from app.config import Settings
from app.context import Runtime
from app.database import Database
from app.detection.catalogue import ALL_CHECKS
from app.embedded import EngineUrls
from app.models import now
from tests.clients import GraphQL, register
from tests.providers.moto import ACCOUNT, REGION, far_client
from tests.scanning.company import Company, worker
from tests.sourcing.importing import START
from tests.uploads.senders import Sender
from tests.waste.bills import WINDOW, Calendar, Row, as_file, bills, effective
from tests.waste.list_prices import cents
from tests.waste.looking import all_done

PROMOTE = """mutation ($input: SetPromotedTagKeysInput!) { setPromotedTagKeys(input: $input) { __typename
  ... on UserError { message } } }"""
FOUND = """query ($slug: String!) { organization(slug: $slug) {
  recommendations(first: 1000, where: {state: {eq: OPEN}}) { nodes {
    checkId subject check { charges } account { nativeId } isCounted
    saving { monthly { amount currency } basis formula reason } history { kind } } }
  savingsSummary { potential } } }"""
CHECKS = {check.id for check in ALL_CHECKS if check.charges is not None}
TABLES, LOGS = 9, 6
MONTH = Decimal("30.4375")
OF_OTHERS = ("/reservations/waste", "cud-waste", "commit-waste")
Key = tuple[str, str, str]
"""Check, subject, account."""
Money = tuple[Decimal, str] | None


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The emulator is a host that the operator allows."""
    return settings.model_copy(update={"endpoint_hosts": ("127.0.0.1",)})


@pytest.fixture
def tables(moto_url: str) -> list[str]:
    """Tables of an account."""
    client, names = far_client(moto_url, "dynamodb"), [f"table-{number}" for number in range(TABLES)]
    key = {"AttributeName": "id"}
    return [
        client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[key | {"KeyType": "HASH"}],
            AttributeDefinitions=[key | {"AttributeType": "S"}],
        )["TableDescription"]["TableArn"]
        for name in names
    ]


@pytest.fixture
def logs(moto_url: str) -> list[str]:
    """Its log groups."""
    client, names = far_client(moto_url, "logs"), [f"log-{number}" for number in range(LOGS)]
    for name in names:
        client.create_log_group(logGroupName=name)
    return [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}" for name in names]


@pytest.fixture
async def company(
    graphql: GraphQL, runtime: Runtime, moto_url: str, settings: Settings, engine_urls: EngineUrls
) -> AsyncIterator[Company]:
    """A new organization that has connected the account and promoted tag keys, and a worker."""
    person = await register(graphql)
    async with worker(settings, engine_urls):
        made = Company(graphql, runtime, person, moto_url)
        await made.connect()
        keys = {"organizationId": person.organization_id, "keys": ["env", "team"]}
        answer = await graphql.data(PROMOTE, {"input": keys}, token=person.token)
        assert answer["setPromotedTagKeys"]["__typename"] == "SetPromotedTagKeysPayload", answer
        yield made


async def deliver(company: Company, rows: list[Row]) -> None:
    """Send the bills as one file and have them imported."""
    sender, data = Sender(company.graphql.client, company.person), as_file(rows)
    url = await sender.created(data)
    assert (await sender.put(url, data)).status_code == 200
    upload = url.rpartition("/")[2]
    values = {"organizationId": company.person.organization_id, "uploadIds": [upload]}
    answer = await company.graphql.data(START, {"input": values}, token=company.person.token)
    assert answer["importCosts"]["__typename"] == "ImportCostsPayload", answer


async def found(company: Company, owner: Database) -> dict[Key, dict[str, Any]]:
    """What checks of charges have found, when all has been looked at."""
    await all_done(owner)
    person = company.person
    answer = await company.graphql.data(FOUND, {"slug": person.slug}, token=person.token)
    nodes = answer["organization"]["recommendations"]["nodes"]
    once = [node["saving"]["monthly"] for node in nodes if node["isCounted"]]
    told = Decimal(answer["organization"]["savingsSummary"]["potential"])
    dollars = [Decimal(money["amount"]) for money in once if money and money["currency"] == "USD"]
    assert told == sum(dollars), "no money is counted twice"
    of_charges = [node for node in nodes if node["check"]["charges"]]
    by_key = {(node["checkId"], node["subject"], node["account"]["nativeId"]): node for node in of_charges}
    assert len(by_key) == len(of_charges)
    return by_key


async def seen_for_long(owner: Database) -> None:
    """As if what the account has had been there when the bills begin."""
    async with owner.write(None) as session:
        then = text("UPDATE resources SET first_seen_at = :then, provider_created_at = :then")
        await session.execute(then, {"then": now() - timedelta(120)})


def expected(when: Calendar, rows: list[Row]) -> dict[Key, Money]:
    """What each finding is to tell, summed over the file; everything else that it holds is a decoy."""

    def monthly(currency: str = "USD", **wanted: str) -> Money:
        amount = effective(rows, when.back(WINDOW), when.settled, **wanted)
        return cents(amount * MONTH / WINDOW), currency

    def unused(plan: str, currency: str = "USD") -> Money:
        return monthly(currency, CommitmentDiscountId=plan, CommitmentDiscountStatus="Unused")

    nothing = (Decimal(0), "USD")
    ghost = effective(rows, when.last_month, when.this_month, ResourceId="table-waste")
    month = (when.this_month - when.last_month).days
    return {
        ("aws.commitment.underused", "sp-waste", "aws-1"): unused("sp-waste"),
        ("az.reservation.underused", "/reservations/waste", "azure-1"): unused("/reservations/waste"),
        ("gcp.cud.underused", "cud-waste", "google-1"): unused("cud-waste", "EUR"),
        ("focus.commitment.unused", "commit-waste", "oracle-1"): unused("commit-waste"),
        ("focus.capacity.unused", "cr-waste", "aws-2"): monthly(
            CapacityReservationId="cr-waste", CapacityReservationStatus="Unused"
        ),
        ("focus.spend.untagged", "tag-waste", "tag-waste"): nothing,
        ("focus.credits.expiring", "credit-waste", "credit-waste"): nothing,
        ("focus.charges.corrected", "late-waste", "late-waste"): nothing,
        ("focus.transfer.share", "transfer-waste", "transfer-waste"): None,
        ("focus.support.extended", "db-waste", "support-1"): monthly(ResourceId="db-waste"),
        ("focus.service.growth", "Waste Search", "growth-1"): nothing,
        ("focus.nonprod.always_on", "Waste Machines env=dev", "always-1"): None,
        ("focus.resource.unlisted", "table-waste", ACCOUNT): (cents(ghost * MONTH / month), "USD"),
        ("focus.resource.unbilled", "AWS::DynamoDB::Table", ACCOUNT): nothing,
    }


async def test_all_waste_of_bills_is_found_and_nothing_else(
    company: Company, owner: Database, tables: list[str], logs: list[str]
) -> None:
    when = Calendar(now().date())
    rows = bills(when, tables, logs)
    wanted = expected(when, rows)
    assert {check for check, _, _ in wanted} == CHECKS, "each check finds something"
    await company.scan("dynamodb", "logs")
    assert await found(company, owner) == {}, "without bills nothing is told of them"
    await seen_for_long(owner)

    await deliver(company, rows)
    told = await found(company, owner)
    assert {key: money_of(node) for key, node in told.items()} == wanted

    # The same again, with all commitments used up and nothing else changed.
    used = [row for row in rows if row.get("CommitmentDiscountStatus") != "Unused"]
    await deliver(company, used)
    less = {key: node for key, node in told.items() if key[1] not in {"sp-waste", *OF_OTHERS}}
    assert await found(company, owner) == less, "nothing is told anew, and what is used up is waste no longer"


def money_of(node: dict[str, Any]) -> Money:
    """What a finding would save."""
    money = node["saving"]["monthly"]
    return None if money is None else (Decimal(money["amount"]), money["currency"])
