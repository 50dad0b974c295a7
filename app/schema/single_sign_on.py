"""Single sign-on of an organization by OpenID Connect."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from app.context import Info
from app.organizations.single_sign_on import StoredSingleSignOn, WantedSingleSignOn
from app.records import Permission, Role
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.organization_part import OrganizationPart
from app.schema.repeatable import Repeatable
from app.server.provider_sign_in import CALLBACK_PATH


@strawberry.type(description="An e-mail domain that an organization says is its own.")
class EmailDomain:
    """One of `single_sign_ons.domains`."""

    domain: str = strawberry.field(description="Such as `example.com`; a domain below it is another one.")
    verified_at: datetime | None = strawberry.field(
        description="When an operator found it to be the organization's; null until then: nobody signs in by it."
    )


@strawberry.type(description="Where the people of an organization sign in: its OpenID provider.")
class SingleSignOn:
    """A row of `single_sign_ons`, never its secret."""

    issuer: str = strawberry.field(description="The URL that the provider names itself by.")
    client_id: str = strawberry.field(description="What Skyledger is called there.")
    redirect_uri: str | None = strawberry.field(
        description="The URL to allow there for this client; null where the operator has not set SKYLEDGER_API_URL."
    )
    domains: list[EmailDomain] = strawberry.field(description="E-mail domains of its people, at most 20.")
    default_role: Role = strawberry.field(description="Role of who comes for the first time.")
    required: bool = strawberry.field(
        description="Whether members of verified domains sign in by it alone; owners may always use their password."
    )
    created_at: datetime = strawberry.field(description="When it was first set.")
    updated_at: datetime = strawberry.field(description="When it was last set.")

    @classmethod
    def of(cls, info: Info, stored: StoredSingleSignOn) -> SingleSignOn:
        """Make it of a row."""
        api_url, row = info.context.runtime.settings.api_url, stored.row
        return cls(
            issuer=row["issuer"],
            client_id=row["client_id"],
            redirect_uri=None if api_url is None else f"{api_url}{CALLBACK_PATH}/{row['organization_id']}",
            domains=[EmailDomain(domain=each, verified_at=stored.verified.get(each)) for each in row["domains"]],
            default_role=Role(row["default_role"]),
            required=row["required"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )


@strawberry.type
class OrganizationSingleSignOn(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(
        description="Where its people sign in; null where they do so here alone. Needs the permission MEMBERS_MANAGE."
    )
    async def single_sign_on(self, info: Info) -> SingleSignOn | None:
        """Two statements."""
        stored = await info.context.loaders.single_sign_on(self.require(Permission.MEMBERS_MANAGE))
        return None if stored is None else SingleSignOn.of(info, stored)


@strawberry.input(description="The OpenID provider of an organization, in the place of the one before.")
class ConfigureSingleSignOnInput(Repeatable):
    """See `configureSingleSignOn`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    issuer: str = strawberry.field(
        description="The URL that the provider names itself by, https: its discovery document is read at once."
    )
    client_id: str = strawberry.field(description="What Skyledger is called there.")
    client_secret: str | None = strawberry.field(
        default=None, description="Secret of that client, sealed and never shown; the stored one stays when left out."
    )
    domains: list[str] = strawberry.field(
        description="E-mail domains of your people, 1 to 20; each counts once an operator has verified it. Those left "
        "out are given up."
    )
    default_role: Role = strawberry.field(
        default=Role.VIEWER, description="Role of who comes for the first time; never OWNER."
    )
    required: bool = strawberry.field(
        default=False,
        description="Whether members of verified domains may no longer sign in by password; owners always may.",
    )

    def wanted(self) -> WantedSingleSignOn:
        """For the room of organizations."""
        return WantedSingleSignOn(
            issuer=self.issuer,
            client_id=self.client_id,
            client_secret=self.client_secret,
            domains=self.domains,
            default_role=self.default_role,
            required=self.required,
        )


@strawberry.type(description="People of verified domains sign in there from now on.")
class ConfigureSingleSignOnPayload:
    """See `configureSingleSignOn`."""

    single_sign_on: SingleSignOn = strawberry.field(description="As it is now.")


ConfigureSingleSignOnResult = Annotated[
    ConfigureSingleSignOnPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("ConfigureSingleSignOnResult", description="What `configureSingleSignOn` answers."),
]


@strawberry.input(description="Whose single sign-on to remove.")
class RemoveSingleSignOnInput:
    """See `removeSingleSignOn`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")


@strawberry.type(
    description="Nobody signs in by the provider any more, and sessions that began there have ended. Members stay; "
    "they set a password by mail."
)
class RemoveSingleSignOnPayload:
    """See `removeSingleSignOn`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")


RemoveSingleSignOnResult = Annotated[
    RemoveSingleSignOnPayload | InvalidInput | NotFound,
    strawberry.union("RemoveSingleSignOnResult", description="What `removeSingleSignOn` answers."),
]


@strawberry.input(description="A domain that an operator found to be an organization's.")
class VerifyEmailDomainInput:
    """See `verifyEmailDomain`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization, which has named the domain.")
    domain: str = strawberry.field(description="The domain.")


@strawberry.type(description="The domain is the organization's: its provider speaks for the addresses in it.")
class VerifyEmailDomainPayload:
    """See `verifyEmailDomain`."""

    single_sign_on: SingleSignOn = strawberry.field(description="As it is now.")


VerifyEmailDomainResult = Annotated[
    VerifyEmailDomainPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("VerifyEmailDomainResult", description="What `verifyEmailDomain` answers."),
]
