"""Changing an account: its name, and how it is connected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.credentials import REGIONS, Credentials, checked_regions
from app.accounts.endpoints import ENDPOINTS, checked_endpoints, with_sign_in
from app.accounts.health import Health, health_of_verification, in_words, record_health
from app.accounts.manual import checked
from app.accounts.target import no_such_account, open_target, require_connected, seal_secret
from app.accounts.trial import ANCESTORS, InputPlaces, try_credentials
from app.accounts.verify import Threads
from app.activity.record import record
from app.database import Database
from app.errors import BadUserInputError, ConflictError
from app.models import Account, now
from app.providers.base import Target
from app.providers.problems import ProviderError
from app.providers.tagging import TAGGED_CLOUDS
from app.records import UNSET, Actor, ConnectionMethod, EventKind, NewEvent, Provider, Unset
from app.repositories.accounts import find_account, get_account
from app.sealing.vault import Vault


@dataclass(frozen=True)
class AccountChange:
    """What to change; UNSET stays as it is, None empties.

    `regions` and `endpoints` (service, URL) are as they were sent; `hosts` are those that the operator allows besides
    the provider's own.
    """

    name: str | Unset = UNSET
    credentials: Credentials | Unset = UNSET
    regions: Sequence[str] | Unset | None = UNSET
    endpoints: Sequence[tuple[str, str]] | Unset | None = UNSET
    hosts: tuple[str, ...] = ()
    allows_tagging: bool | Unset = UNSET

    @property
    def concerns_connection(self) -> bool:
        """Whether it is about more than the name."""
        return not (self.credentials is UNSET and self.regions is UNSET and self.endpoints is UNSET)


@dataclass(frozen=True)
class _Tried:
    """A new connection, for the row as it was when it was tried."""

    before: RowMapping
    target: Target
    health: Health | None
    secret: Mapping[str, str] | None


async def update_account(
    database: Database,
    vault: Vault,
    threads: Threads,
    organization_id: UUID,
    actor: Actor,
    account_id: UUID,
    change: AccountChange,
) -> RowMapping:
    """Change what is given and return the row; what is the same already is no change and no event.

    New credentials and endpoints are tried first. Raises NotFoundError, BadUserInputError where they do not work,
    ConflictError for the connection of an account that is not connected or was changed meanwhile.
    """
    name = change.name if isinstance(change.name, Unset) else checked(change.name, "name")
    tried = None
    if change.concerns_connection:
        tried = await _try(database, vault, threads, organization_id, account_id, change)
    async with database.write(organization_id) as session:
        account = await get_account(session, organization_id, account_id)
        if account is None:
            raise no_such_account()
        changed = _apply(account, name, tried)
        if _allows(account, change.allows_tagging):
            changed.append("allowsTagging")
        if changed:
            account.updated_at = now()
            await session.flush()
            await _keep(session, vault, actor, account, tried)
            await _record(session, actor, account, changed)
        row = await find_account(session, organization_id, account_id)
        if row is None:
            raise no_such_account()
        return row


async def _try(
    database: Database,
    vault: Vault,
    threads: Threads,
    organization_id: UUID,
    account_id: UUID,
    change: AccountChange,
) -> _Tried:
    async with database.read(organization_id) as session:
        before = await find_account(session, organization_id, account_id)
    if before is None:
        raise no_such_account()
    require_connected(before)
    settings = _settings(before, change)
    new = change.credentials
    if not isinstance(new, Unset):
        target = Target(new.provider, new.method, before["native_id"], settings, new.secret)
        sent = not isinstance(change.endpoints, Unset) and bool(change.endpoints)
        places = InputPlaces(new.path, endpoints_sent=sent)
    else:
        moved = _differs(ENDPOINTS, settings, before)
        if not moved and not (settings.get(REGIONS) and _differs(REGIONS, settings, before)):
            provider, method = Provider(before["provider"]), ConnectionMethod(before["method"])
            return _Tried(before, Target(provider, method, before["native_id"], settings, {}), None, None)
        target = await _with_stored(database, vault, organization_id, before, settings, moved=moved)
        places = InputPlaces(("input", ENDPOINTS if moved else REGIONS))
    answer = await try_credentials(threads, organization_id, target, places, new_credentials=not isinstance(new, Unset))
    health = health_of_verification(answer.verification, answer.seconds)
    return _Tried(before, target, health, None if isinstance(new, Unset) else new.secret)


def _settings(before: RowMapping, change: AccountChange) -> dict[str, Any]:
    """The settings as they are to be."""
    settings = dict(before["settings"])
    new, provider = change.credentials, Provider(before["provider"])
    if not isinstance(new, Unset):
        if new.provider is not provider:
            message = f"The account belongs to {provider}: send the credentials of that provider."
            raise BadUserInputError(message, path=new.path[:2])
        settings = {name: settings[name] for name in (REGIONS, ENDPOINTS, ANCESTORS) if name in settings} | dict(
            new.settings
        )
    if not isinstance(change.regions, Unset):
        settings.pop(REGIONS, None)
        if change.regions is not None:
            settings[REGIONS] = checked_regions(provider, change.regions)
    if not isinstance(change.endpoints, Unset):
        settings.pop(ENDPOINTS, None)
        if change.endpoints:
            settings[ENDPOINTS] = checked_endpoints(provider, change.endpoints, change.hosts)
    method = ConnectionMethod(before["method"]) if isinstance(new, Unset) else new.method
    return with_sign_in(settings, method, change.hosts)


def _differs(part: str, settings: Mapping[str, Any], before: RowMapping) -> bool:
    return (settings.get(part) or None) != (before["settings"].get(part) or None)


async def _with_stored(
    database: Database,
    vault: Vault,
    organization_id: UUID,
    before: RowMapping,
    settings: Mapping[str, Any],
    *,
    moved: bool,
) -> Target:
    """The stored credentials with other settings. A secret goes to no new endpoint unless its sender says so."""
    if moved and before["method"] != ConnectionMethod.AWS_ROLE:
        message = (
            "Send the credentials together with new `endpoints`: those that are stored are not sent to another place."
        )
        raise BadUserInputError(message, path=("input", ENDPOINTS))
    try:
        stored = await open_target(database, vault, organization_id, before["id"])
    except ProviderError as problem:
        raise ConflictError(in_words(problem)) from None
    return replace(stored, settings=settings)


def _apply(account: Account, name: str | Unset, tried: _Tried | None) -> list[str]:
    """Set what differs; returns the names of what was changed, for the event."""
    changed = []
    if not isinstance(name, Unset) and name != account.name:
        account.name = name
        changed.append("name")
    if tried is None:
        return changed
    if account.updated_at != tried.before["updated_at"]:
        message = "The account was changed by somebody else meanwhile. Look at it, then try again."
        raise ConflictError(message)
    settings = dict(tried.target.settings)
    changed += [part for part in (REGIONS, ENDPOINTS) if settings.get(part) != account.settings.get(part)]
    if tried.secret is not None:
        changed.append("credentials")
    account.settings = settings
    account.method = tried.target.method.value
    return changed


def _allows(account: Account, wanted: bool | Unset) -> bool:
    """Set whether Skyledger may tag in the account; whether that is another than before."""
    if isinstance(wanted, Unset) or wanted == account.allows_tagging:
        return False
    if wanted:
        if Provider(account.provider) not in TAGGED_CLOUDS:
            message = f"Resources of {account.provider} carry no tags that Skyledger could write."
            raise BadUserInputError(message, path=("input", "allowsTagging"))
        require_connected({"kind": account.kind, "disconnected_at": account.disconnected_at})
    account.allows_tagging = wanted
    return True


async def _keep(session: AsyncSession, vault: Vault, actor: Actor, account: Account, tried: _Tried | None) -> None:
    if tried is None:
        return
    if tried.secret is not None:
        await seal_secret(session, vault, account.organization_id, account.id, tried.secret)
    if tried.health is not None:
        await record_health(session, account.organization_id, account.id, tried.health, actor)


async def _record(session: AsyncSession, actor: Actor, account: Account, changed: list[str]) -> None:
    data = {
        "provider": account.provider,
        "nativeId": account.native_id,
        "name": account.name,
        "changed": changed,
    }
    event = NewEvent(EventKind.ACCOUNT_UPDATED, actor, subject_type="Account", subject_id=account.id, data=data)
    await record(session, account.organization_id, event)
