"""An organization with a member of each role, made through the graph, and the callers of each rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.database import Database
from tests.clients import GraphQL, Person, register

INVITE = """mutation ($input: InviteMemberInput!) { inviteMember(input: $input) {
  __typename ... on InviteMemberPayload { token invitation { id email role } }
  ... on UserError { code message path } } }"""
ACCEPT = """mutation ($input: AcceptInvitationInput!) { acceptInvitation(input: $input) {
  __typename ... on AcceptInvitationPayload { member { id role } organization { id viewerRole } }
  ... on UserError { code message path } } }"""
CREATE_KEY = """mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) {
  __typename ... on CreateApiKeyPayload { key apiKey { id name scopes expiresAt createdBy { email } } }
  ... on UserError { code message path } } }"""


@dataclass
class Company:
    """The people of an organization by role, their membership ids, and somebody of another organization.

    `cloud_url` is where the far side of a cloud answers, `issuer` an OpenID provider, and `database` where rows are
    put, in tests that have them.
    """

    organization_id: str
    slug: str
    people: dict[str, Person]
    members: dict[str, str]
    stranger: Person
    cloud_url: str = ""
    issuer: str = ""
    database: Database | None = None

    def token(self, role: str) -> str:
        """The access token of the member with a role."""
        return self.people[role].token


async def company(graphql: GraphQL) -> Company:
    """Olga owns it; an admin, a member and a viewer have accepted her invitations."""
    olga = await register(graphql, "Olga")
    made = Company(olga.organization_id, olga.slug, {"OWNER": olga}, {}, await register(graphql, "Stranger"))
    for role in ("ADMIN", "MEMBER", "VIEWER"):
        person = await register(graphql, role.title())
        _, token = await invite(graphql, made, person.email, role)
        answer = await graphql.data(ACCEPT, {"input": {"token": token}}, token=person.token)
        made.people[role] = person
        made.members[role] = answer["acceptInvitation"]["member"]["id"]
    query = "query ($slug: String!) { organization(slug: $slug) { members { nodes { id role } } } }"
    answer = await graphql.data(query, {"slug": made.slug}, token=olga.token)
    made.members = {node["role"]: node["id"] for node in answer["organization"]["members"]["nodes"]}
    return made


async def invite(graphql: GraphQL, made: Company, email: str, role: str) -> tuple[str, str]:
    """Invite as the owner: the invitation's id and token."""
    values = {"organizationId": made.organization_id, "email": email, "role": role}
    answer = (await graphql.data(INVITE, {"input": values}, token=made.token("OWNER")))["inviteMember"]
    assert answer["__typename"] == "InviteMemberPayload", answer
    return answer["invitation"]["id"], answer["token"]


async def create_key(graphql: GraphQL, made: Company, *scopes: str, **more: Any) -> tuple[str, str]:
    """Make a key as the owner: its id and text."""
    values = {"organizationId": made.organization_id, "name": "feed", "scopes": scopes, **more}
    answer = (await graphql.data(CREATE_KEY, {"input": values}, token=made.token("OWNER")))["createApiKey"]
    assert answer["__typename"] == "CreateApiKeyPayload", answer
    return answer["apiKey"]["id"], answer["key"]


def code_of(answer: dict[str, Any]) -> str:
    """The code of an answer's only top-level error."""
    (error,) = answer["errors"]
    code: str = error["extensions"]["code"]
    return code
