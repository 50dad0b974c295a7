"""Single sign-on of an organization: setting its OpenID provider, removing it, and verifying e-mail domains.

Whoever sets the provider decides who is whom in the verified domains. The attacks that are excluded here:

- A tenant names a domain of somebody else and has a provider of its own assert the addresses in it: only a platform
  admin verifies a domain, and it is one organization's at a time.
- A client secret is sent to another provider than that which it was given for: with another issuer it is asked anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.auth.names import normal_email
from app.auth.notices import reach_changed
from app.auth.openid.client_secrets import place_of
from app.auth.openid.entra import check_issuer
from app.auth.openid.fetch import OpenIdError
from app.auth.openid.providers import Providers
from app.database import Database
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.organizations.standing import standing
from app.outgoing import LONGEST_URL
from app.records import EventKind, NewEvent, Permission, Principal, Role
from app.repositories import single_sign_on
from app.repositories.organizations import beside_tenant, enter_from_system, lock_organization
from app.sealing.vault import Vault

MOST_DOMAINS: Final = 20
LONGEST_CREDENTIAL: Final = 500


@dataclass(frozen=True)
class WantedSingleSignOn:
    """What an owner asks for; without `client_secret` the one that is stored stays."""

    issuer: str
    client_id: str
    domains: Sequence[str]
    default_role: Role
    required: bool
    client_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class StoredSingleSignOn:
    """A row of `single_sign_ons`, and when each domain was verified."""

    row: Mapping[Any, Any]
    verified: Mapping[str, datetime]


async def configure_single_sign_on(
    database: Database,
    vault: Vault,
    providers: Providers,
    organization_id: UUID,
    principal: Principal,
    wanted: WantedSingleSignOn,
) -> StoredSingleSignOn:
    """Set the provider, in the place of the one before, after its discovery document was read.

    Domains that are new wait for a platform admin; those left out are given up. Sessions of domains that were given up,
    and with another issuer all that began by the one before, end. Raises BadUserInputError, also for a provider that
    cannot be used, ForbiddenError for others than owners.
    """
    _check_credentials(wanted)
    domains = checked_domains(wanted.domains)
    if wanted.default_role is Role.OWNER:
        message = "Nobody becomes an owner by signing in: choose another role, and make owners with changeMemberRole."
        raise BadUserInputError(message, path=("input", "defaultRole"))
    try:
        check_issuer(wanted.issuer)
        await providers.endpoints(wanted.issuer)
    except OpenIdError as error:
        raise BadUserInputError(str(error), path=("input", "issuer")) from None
    async with database.write(organization_id, user_id=principal.user_id) as session:
        await single_sign_on.hold_still(session, organization_id, to_change=True)
        (await standing(session, organization_id, principal)).require(Permission.SINGLE_SIGN_ON_MANAGE)
        before = await single_sign_on.get_provider(session, organization_id)
        values = {
            "issuer": wanted.issuer,
            "client_id": wanted.client_id,
            "domains": domains,
            "default_role": wanted.default_role.value,
            "required": wanted.required,
            **_sealed(vault, organization_id, wanted, before),
        }
        row = await single_sign_on.put_provider(session, organization_id, values)
        await single_sign_on.give_up_domains(session, organization_id, domains)
        await single_sign_on.end_flows(session, organization_id)
        await end_unspoken_sessions(session, organization_id)
        data = {"issuer": wanted.issuer, "domains": domains, "required": wanted.required}
        await record(session, organization_id, _event(EventKind.SINGLE_SIGN_ON_CONFIGURED, principal, data))
        return StoredSingleSignOn(row, await single_sign_on.verified_domains(session, organization_id))


async def remove_single_sign_on(database: Database, organization_id: UUID, principal: Principal) -> None:
    """Forget the provider, its domains and who came from there; members stay, and the sessions that began there end.

    Raises NotFoundError without one.
    """
    async with database.write(organization_id, user_id=principal.user_id) as session:
        await single_sign_on.hold_still(session, organization_id, to_change=True)
        (await standing(session, organization_id, principal)).require(Permission.SINGLE_SIGN_ON_MANAGE)
        if not await single_sign_on.delete_provider(session, organization_id):
            message = "The organization has no single sign-on."
            raise NotFoundError(message)
        await end_unspoken_sessions(session, organization_id)
        await record(session, organization_id, _event(EventKind.SINGLE_SIGN_ON_REMOVED, principal, {}))


async def end_unspoken_sessions(session: AsyncSession, organization_id: UUID) -> None:
    """End what began by the organization's provider of users whom it may no longer sign in, within a transaction."""
    async with beside_tenant(session):
        ended = await single_sign_on.end_unspoken_sessions(session, organization_id, "SINGLE_SIGN_ON_ENDED")
    reach_changed(session, *ended)


async def verify_email_domain(
    database: Database, principal: Principal, organization_id: UUID, *, domain: str
) -> StoredSingleSignOn:
    """Note that a domain, which the organization has named, is its own. For platform admins, who have made sure.

    Raises NotFoundError where the organization does not name it, ConflictError where it is another's.
    """
    (name,) = checked_domains([domain], ("input", "domain"))
    async with database.system() as session:
        is_ours = await single_sign_on.verify_domain(session, organization_id, name)
        if not is_ours:
            message = f"The domain {name} is verified for another organization; have that one give it up first."
            raise ConflictError(message)
        await enter_from_system(session, organization_id)
        living = await lock_organization(session, organization_id)
        row = await single_sign_on.get_provider(session, organization_id)
        if living is None or row is None or name not in row["domains"]:
            message = "The organization does not name this domain; have its owner send it with configureSingleSignOn."
            raise NotFoundError(message)
        await record(session, organization_id, _event(EventKind.EMAIL_DOMAIN_VERIFIED, principal, {"domain": name}))
        return StoredSingleSignOn(row, await single_sign_on.verified_domains(session, organization_id))


async def stored_single_sign_on(database: Database, organization_id: UUID) -> StoredSingleSignOn | None:
    """The provider of an organization; None where it has none."""
    async with database.read(organization_id) as session:
        row = await single_sign_on.get_provider(session, organization_id)
        if row is None:
            return None
        return StoredSingleSignOn(row, await single_sign_on.verified_domains(session, organization_id))


def checked_domains(domains: Sequence[str], path: tuple[str, ...] = ("input", "domains")) -> list[str]:
    """Domains in the form in which those of addresses are compared, in order. Raises BadUserInputError."""
    if not 1 <= len(domains) <= MOST_DOMAINS:
        message = f"Name 1 to {MOST_DOMAINS} e-mail domains."
        raise BadUserInputError(message, path=path)
    found = []
    for domain in domains:
        try:
            found.append(single_sign_on.domain_of(normal_email(f"a@{domain.strip()}")))
        except BadUserInputError:
            message = "An e-mail domain must be such as example.com."
            raise BadUserInputError(message, path=path) from None
    return sorted(set(found))


def _sealed(
    vault: Vault, organization_id: UUID, wanted: WantedSingleSignOn, before: RowMapping | None
) -> dict[str, Any]:
    """What is to be stored of the client's secret."""
    if wanted.client_secret is None:
        if before is None or before["issuer"] != wanted.issuer:
            message = "Send the client's secret: none is stored for this provider."
            raise BadUserInputError(message, path=("input", "clientSecret"))
        return {name: before[name] for name in ("key_id", "wrapped_key", "sealed")}
    sealed = vault.seal(place_of(organization_id), {"clientSecret": wanted.client_secret})
    return {"key_id": sealed.key_id, "wrapped_key": sealed.wrapped_key, "sealed": sealed.sealed}


def _check_credentials(wanted: WantedSingleSignOn) -> None:
    if not 1 <= len(wanted.issuer) <= LONGEST_URL or "?" in wanted.issuer or not _is_plain(wanted.issuer):
        message = "`issuer` must be the URL that the provider names itself by, without a query."
        raise BadUserInputError(message, path=("input", "issuer"))
    for name, value in (("clientId", wanted.client_id), ("clientSecret", wanted.client_secret)):
        if value is not None and not (1 <= len(value) <= LONGEST_CREDENTIAL and _is_plain(value)):
            message = f"`{name}` must have 1 to {LONGEST_CREDENTIAL} printable characters of ASCII."
            raise BadUserInputError(message, path=("input", name))


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _event(kind: EventKind, principal: Principal, data: dict[str, Any]) -> NewEvent:
    return NewEvent(kind, principal.actor, data=data)
