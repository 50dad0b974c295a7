"""Rotating the key of all that is sealed for organizations and people, in small transactions beside all that runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from app.accounts.target import place_of, sealed_of
from app.activity.audit import AuditedAct
from app.auth import second_factor
from app.auth.openid import client_secrets
from app.database import Database, acting
from app.records import Actor, ActorKind
from app.repositories import single_sign_on
from app.repositories.account_credentials import lock_sealed_otherwise, rewrap_credential
from app.repositories.organizations import each_organization
from app.repositories.second_factors import lock_factors_sealed_otherwise, rewrap_factor
from app.repositories.webhooks import change_webhook, lock_webhooks_sealed_otherwise
from app.sealing.vault import Place, Vault, VaultError

BATCH = 100
ACT = "rotateCredentials"
# (organizations done, organizations, credentials put under the active key)
Tell = Callable[[int, int, int], None]


@dataclass
class Rotation:
    """What was done: the key that seals now, whether it is new, and (organization, account, reason) of failures.

    In the place of the account stands the webhook; of a client of single sign-on the organization once more; and of a
    second factor, whose organization is None, the user.

    `resumed` tells that an earlier rotation was finished instead of making a key.
    """

    key_id: str
    renewed: bool = False
    resumed: bool = False
    rewrapped: int = 0
    failures: list[tuple[UUID | None, UUID, str]] = field(default_factory=list)


async def rotate_credentials(database: Database, vault: Vault, tell: Tell) -> Rotation:
    """Put every credential under the active key, which is a new one where the keys are made here.

    Where credentials are found under an earlier key, a rotation was interrupted: then it is finished, without a new
    key. Whoever opens a credential meanwhile sees it under the one key or under the other.
    """
    organizations = [each async for each in each_organization(database)]
    rotation = await _rewrap_all(database, vault, organizations, tell)
    if not vault.makes_keys:
        return rotation
    if rotation.rewrapped:
        rotation.resumed = True
        return rotation
    vault.renew_key()
    rotation = await _rewrap_all(database, vault, organizations, tell)
    rotation.renewed = True
    return rotation


async def _rewrap_all(database: Database, vault: Vault, organizations: list[UUID], tell: Tell) -> Rotation:
    rotation = Rotation(vault.active_key_id)
    for done, organization_id in enumerate(organizations):
        tell(done, len(organizations), rotation.rewrapped)
        await _rewrap(database, vault, organization_id, rotation)
        await _rewrap_webhooks(database, vault, organization_id, rotation)
    await _rewrap_factors(database, vault, rotation)
    tell(len(organizations), len(organizations), rotation.rewrapped)
    return rotation


async def _rewrap(database: Database, vault: Vault, organization_id: UUID, rotation: Rotation) -> None:
    after: UUID | None = None
    while True:
        # One row of the audit for each batch in which something was put under another key.
        with acting(AuditedAct(ACT, Actor(ActorKind.SYSTEM), arguments={"keyId": rotation.key_id})):
            rows = await _rewrap_some(database, vault, organization_id, rotation, after)
        if rows:
            after = rows[-1]
        if len(rows) < BATCH:
            break
    with acting(AuditedAct(ACT, Actor(ActorKind.SYSTEM), arguments={"keyId": rotation.key_id})):
        await _rewrap_client(database, vault, organization_id, rotation)


async def _rewrap_client(database: Database, vault: Vault, organization_id: UUID, rotation: Rotation) -> None:
    """Rewrap the secret of the organization's client of single sign-on, if it has one."""
    async with database.write(organization_id) as session:
        row = await single_sign_on.lock_sealed_otherwise(session, organization_id, rotation.key_id)
        if row is None:
            return
        try:
            sealed = vault.rewrap(client_secrets.place_of(organization_id), client_secrets.sealed_of(row))
        except VaultError as error:
            rotation.failures.append((organization_id, organization_id, str(error)))
            return
        await single_sign_on.rewrap_secret(
            session, organization_id, key_id=sealed.key_id, wrapped_key=sealed.wrapped_key
        )
        rotation.rewrapped += 1


async def _rewrap_some(
    database: Database, vault: Vault, organization_id: UUID, rotation: Rotation, after: UUID | None
) -> list[UUID]:
    """Rewrap the next credentials; the ids of their accounts, in order."""
    async with database.write(organization_id) as session:
        rows = await lock_sealed_otherwise(session, organization_id, rotation.key_id, after, BATCH)
        for row in rows:
            account_id = row["account_id"]
            try:
                sealed = vault.rewrap(place_of(organization_id, account_id), sealed_of(row))
            except VaultError as error:
                rotation.failures.append((organization_id, account_id, str(error)))
                continue
            await rewrap_credential(
                session, organization_id, account_id, key_id=sealed.key_id, wrapped_key=sealed.wrapped_key
            )
            rotation.rewrapped += 1
        return [row["account_id"] for row in rows]


async def _rewrap_webhooks(database: Database, vault: Vault, organization_id: UUID, rotation: Rotation) -> None:
    """The secrets with which an organization's webhooks are signed: 20 of them at most."""
    with acting(AuditedAct(ACT, Actor(ActorKind.SYSTEM), arguments={"keyId": rotation.key_id})):
        async with database.write(organization_id) as session:
            for row in await lock_webhooks_sealed_otherwise(session, organization_id, rotation.key_id):
                place = Place(organization_id, "webhooks", "sealed", row["id"])
                try:
                    sealed = vault.rewrap(place, sealed_of(row))
                except VaultError as error:
                    rotation.failures.append((organization_id, row["id"], str(error)))
                    continue
                values = {"key_id": sealed.key_id, "wrapped_key": sealed.wrapped_key}
                await change_webhook(session, organization_id, row["id"], values)
                rotation.rewrapped += 1


async def _rewrap_factors(database: Database, vault: Vault, rotation: Rotation) -> None:
    after: UUID | None = None
    while True:
        async with database.system() as session:
            rows = await lock_factors_sealed_otherwise(session, rotation.key_id, after, BATCH)
            for row in rows:
                after = row["user_id"]
                try:
                    sealed = vault.rewrap(second_factor.place_of(after), second_factor.sealed_of(row))
                except VaultError as error:
                    rotation.failures.append((None, after, str(error)))
                    continue
                await rewrap_factor(session, after, key_id=sealed.key_id, wrapped_key=sealed.wrapped_key)
                rotation.rewrapped += 1
        if len(rows) < BATCH:
            return
