"""House rules of the graph: everything described, every mutation with its permission, results that fail as data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    validate_schema,
)
from graphql.utilities import build_schema

from app.records import Permission
from app.resolvers.access import Access
from app.resolvers.roots import make_schema, schema_text
from app.schema.checks import MOST_KINDS, list_checks
from app.server.costs.weights import size_of, weight_of

SCHEMA_FILE = Path(__file__).parents[2] / "schema.graphql"
# How often a caller may do what is dear, or worth guessing at; a new one is entered here.
TIMES_A_MINUTE = {
    "addPasskey": 20,
    "beginPasskeyRegistration": 20,
    "acceptInvitation": 20,
    "completeLogIn": 20,
    "completeSingleSignOn": 20,
    "configureSingleSignOn": 20,
    "connectAccount": 30,
    "createApiKey": 60,
    "createOrganization": 10,
    "createUpload": 120,
    "createWebhook": 30,
    "deleteOrganization": 10,
    "eraseMyAccount": 5,
    "exportCosts": 20,
    "exportMyData": 2,
    "keepMyAccount": 5,
    "importCosts": 60,
    "inviteMember": 60,
    "logIn": 20,
    "refreshPrices": 6,
    "refreshSession": 30,
    "register": 10,
    "replayWebhookDelivery": 60,
    "requestPasswordReset": 10,
    "rerunAllocation": 10,
    "resendVerification": 10,
    "resetPassword": 20,
    "rotateWebhookSecret": 10,
    "runCostSource": 20,
    "startExport": 20,
    "startScan": 60,
    "testWebhook": 20,
    "updateWebhook": 60,
    "verifyAccount": 30,
    "verifyEmail": 20,
}
# Who may call what: a new mutation has to be entered here with the permission that it needs.
NEEDS = {
    "acceptInvitation": Access.SIGNED_IN,
    "acknowledgeAnomaly": Permission.COSTS_MANAGE,
    "addNote": Permission.ACTIVITY_WRITE,
    "addPasskey": Access.SIGNED_IN,
    "beginPasskeyRegistration": Access.SIGNED_IN,
    "archiveTeam": Permission.COSTS_MANAGE,
    "bootstrap": Access.ROOT,
    "cancelCostImport": Permission.COSTS_INGEST,
    "cancelExport": Permission.ORGANIZATION_READ,
    "cancelScan": Permission.SCANS_RUN,
    "changeEmail": Access.SIGNED_IN,
    "changeMemberRole": Permission.MEMBERS_MANAGE,
    "changePassword": Access.SIGNED_IN,
    "completeLogIn": Access.ANYONE,
    "completeSingleSignOn": Access.ANYONE,
    "configureSingleSignOn": Permission.SINGLE_SIGN_ON_MANAGE,
    "confirmTotp": Access.SIGNED_IN,
    "connectAccount": Permission.ACCOUNTS_MANAGE,
    "createAccount": Permission.ACCOUNTS_MANAGE,
    "createAllocationRule": Permission.COSTS_MANAGE,
    "createApiKey": Permission.API_KEYS_MANAGE,
    "createBudget": Permission.COSTS_MANAGE,
    "createCostSource": Permission.COSTS_MANAGE,
    "createOrganization": Access.SIGNED_IN,
    "createPlan": Access.ROOT,
    "createTeam": Permission.COSTS_MANAGE,
    "createUpload": Permission.COSTS_INGEST,
    "createWebhook": Permission.WEBHOOKS_MANAGE,
    "deleteAllocationRule": Permission.COSTS_MANAGE,
    "deleteBillingPeriod": Permission.COSTS_MANAGE,
    "deleteBudget": Permission.COSTS_MANAGE,
    "deleteBusinessMetric": Permission.COSTS_MANAGE,
    "deleteCostSource": Permission.COSTS_MANAGE,
    "deleteCurrencyRates": Permission.COSTS_MANAGE,
    "deleteOrganization": Permission.ORGANIZATION_DELETE,
    "deletePriceOverrides": Permission.COSTS_MANAGE,
    "deleteScanSchedule": Permission.SCANS_RUN,
    "deleteUpload": Permission.COSTS_INGEST,
    "deleteWebhook": Permission.WEBHOOKS_MANAGE,
    "disableTotp": Access.SIGNED_IN,
    "disconnectAccount": Permission.ACCOUNTS_MANAGE,
    "enrollTotp": Access.SIGNED_IN,
    "exportCosts": Permission.COSTS_MANAGE,
    "ignoreRecommendations": Permission.RECOMMENDATIONS_MANAGE,
    "importCosts": Permission.COSTS_INGEST,
    "ingestCosts": Permission.COSTS_INGEST,
    "ingestResources": Permission.RESOURCES_INGEST,
    "eraseMyAccount": Access.SIGNED_IN,
    "exportMyData": Access.SIGNED_IN,
    "keepMyAccount": Access.SIGNED_IN,
    "inviteMember": Permission.MEMBERS_MANAGE,
    "logIn": Access.ANYONE,
    "logOut": Access.SIGNED_IN,
    "markAnomalyExpected": Permission.COSTS_MANAGE,
    "markForDeletion": Permission.RECOMMENDATIONS_MANAGE,
    "moveAllocationRule": Permission.COSTS_MANAGE,
    "onboardOrganization": Access.ROOT,
    "recordBusinessMetrics": Permission.COSTS_INGEST,
    "refreshPrices": Access.ROOT,
    "refreshSession": Access.ANYONE,
    "regenerateRecoveryCodes": Access.SIGNED_IN,
    "register": Access.ANYONE,
    "removeMember": Permission.ORGANIZATION_READ,
    "removePasskey": Access.SIGNED_IN,
    "renamePasskey": Access.SIGNED_IN,
    "removeSingleSignOn": Permission.SINGLE_SIGN_ON_MANAGE,
    "reopenAnomaly": Permission.COSTS_MANAGE,
    "reopenRecommendations": Permission.RECOMMENDATIONS_MANAGE,
    "replayWebhookDelivery": Permission.WEBHOOKS_MANAGE,
    "requestPasswordReset": Access.ANYONE,
    "requeueJob": Access.ROOT,
    "rerunAllocation": Permission.COSTS_MANAGE,
    "resendVerification": Access.ANYONE,
    "resetDetectionRule": Permission.RECOMMENDATIONS_MANAGE,
    "resetPassword": Access.ANYONE,
    "resolveRecommendations": Permission.RECOMMENDATIONS_MANAGE,
    "retirePlan": Access.ROOT,
    "revokeApiKey": Permission.API_KEYS_MANAGE,
    "revokeInvitation": Permission.MEMBERS_MANAGE,
    "revokeOtherSessions": Access.SIGNED_IN,
    "revokeSession": Access.SIGNED_IN,
    "rotateWebhookSecret": Permission.WEBHOOKS_MANAGE,
    "runCostSource": Permission.COSTS_MANAGE,
    "scheduleScans": Permission.SCANS_RUN,
    "setCurrencyRates": Permission.COSTS_MANAGE,
    "setPriceOverrides": Permission.COSTS_MANAGE,
    "setPromotedTagKeys": Permission.COSTS_MANAGE,
    "startExport": Permission.ORGANIZATION_READ,
    "startScan": Permission.SCANS_RUN,
    "testWebhook": Permission.WEBHOOKS_MANAGE,
    "updateAccount": Permission.ACCOUNTS_MANAGE,
    "updateAllocationRule": Permission.COSTS_MANAGE,
    "updateBudget": Permission.COSTS_MANAGE,
    "updateCostSource": Permission.COSTS_MANAGE,
    "updateDetectionRule": Permission.RECOMMENDATIONS_MANAGE,
    "updateOrganization": Permission.ORGANIZATION_UPDATE,
    "updatePlan": Access.ROOT,
    "updateScanSchedule": Permission.SCANS_RUN,
    "updateSubscription": Access.ROOT,
    "updateTeam": Permission.COSTS_MANAGE,
    "updateWebhook": Permission.WEBHOOKS_MANAGE,
    "verifyAccount": Permission.ACCOUNTS_MANAGE,
    "verifyEmail": Access.ANYONE,
    "verifyEmailDomain": Access.ROOT,
}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return make_schema()._schema


def mutations(schema: GraphQLSchema) -> dict[str, Any]:
    assert schema.mutation_type is not None
    return dict(schema.mutation_type.fields)


def undescribed(schema: GraphQLSchema) -> Iterator[str]:
    for name, type_ in schema.type_map.items():
        if name.startswith("__"):
            continue
        if not type_.description:
            yield name
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field_name, field in type_.fields.items():
                if not field.description:
                    yield f"{name}.{field_name}"
                for argument_name, argument in getattr(field, "args", {}).items():
                    if not argument.description:
                        yield f"{name}.{field_name}({argument_name}:)"
        if isinstance(type_, GraphQLEnumType):
            yield from (f"{name}.{value}" for value, entry in type_.values.items() if not entry.description)


def test_the_schema_is_valid(schema: GraphQLSchema) -> None:
    assert validate_schema(schema) == []


def test_the_committed_schema_is_current() -> None:
    text = SCHEMA_FILE.read_text()
    assert text == schema_text()
    assert validate_schema(build_schema(text)) == []


def test_everything_is_described(schema: GraphQLSchema) -> None:
    assert list(undescribed(schema)) == []


def test_custom_scalars_say_where_they_are_specified(schema: GraphQLSchema) -> None:
    own = {"Decimal", "DateTime", "JSONObject", "JSON"}
    scalars = {name: type_ for name, type_ in schema.type_map.items() if isinstance(type_, GraphQLScalarType)}
    assert {name for name, type_ in scalars.items() if type_.specified_by_url} >= own & set(scalars)


def test_every_mutation_names_its_permission(schema: GraphQLSchema) -> None:
    found = {
        name: field.extensions["strawberry-definition"].metadata.get("needs")
        for name, field in mutations(schema).items()
    }
    assert found == NEEDS


def test_sensitive_mutations_have_a_limit(schema: GraphQLSchema) -> None:
    limits = {
        name: limit
        for name, field in mutations(schema).items()
        if (limit := field.extensions["strawberry-definition"].metadata["limit"]) is not None
    }
    assert {name: limit.times for name, limit in limits.items()} == TIMES_A_MINUTE
    assert {limit.per for limit in limits.values()} == {60}
    assert {name for name, needs in NEEDS.items() if needs is Access.ANYONE} <= limits.keys()


def test_the_schema_tells_what_operations_cost(schema: GraphQLSchema) -> None:
    """`@cost` and `@listSize` stand in schema.graphql as the server reckons with them."""
    text = SCHEMA_FILE.read_text(encoding="utf-8")
    told = {
        f"{type_.name}.{field.name.value}": [directive.name.value for directive in field.directives or ()]
        for type_ in build_schema(text).type_map.values()
        if isinstance(type_, GraphQLObjectType) and type_.ast_node is not None
        for field in type_.ast_node.fields or ()
    }
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            for name, field in type_.fields.items():
                assert ("listSize" in told[f"{type_.name}.{name}"]) == (size_of(field) is not None), name
                assert ("cost" in told[f"{type_.name}.{name}"]) == (weight_of(field, -1) >= 0), name
    assert len(list_checks(None, None)) <= MOST_KINDS
    assert {"Query.nodes", "Organization.resources", "Resource.recommendations"} <= {
        place for place, names in told.items() if "listSize" in names
    }


def test_every_mutation_takes_one_input_and_fails_as_data(schema: GraphQLSchema) -> None:
    for name, field in mutations(schema).items():
        assert set(field.args) == {"input"}, name
        result = get_named_type(field.type)
        capital = name[0].upper() + name[1:]
        assert isinstance(result, GraphQLUnionType), name
        assert result.name == f"{capital}Result"
        members = {member.name for member in result.types}
        assert f"{capital}Payload" in members
        for member in result.types:
            if member.name != f"{capital}Payload":
                assert "UserError" in {interface.name for interface in member.interfaces}, member.name


def test_every_list_is_bounded(schema: GraphQLSchema) -> None:
    """A field that gives a connection takes Relay's arguments; what gives a bare list belongs to one row or batch."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType):
            for name, field in type_.fields.items():
                if get_named_type(field.type).name.endswith("Connection"):
                    assert {"first", "after", "last", "before"} <= set(field.args), f"{type_.name}.{name}"
