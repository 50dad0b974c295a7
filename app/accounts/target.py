"""Opening the sealed credentials of an account, to call its provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.errors import ConflictError, NotFoundError, UnavailableError
from app.providers.base import Target
from app.providers.problems import ProblemCode, ProviderError
from app.records import AccountKind, ConnectionMethod, Provider
from app.repositories.account_credentials import get_credential, put_credential
from app.repositories.accounts import find_account
from app.sealing.vault import Place, Sealed, Vault, VaultError

_log = structlog.stdlib.get_logger("skyledger.accounts")


class SealedCredentialsError(UnavailableError):
    """This process cannot open what is stored: a fault of the operator's, of which the account's health tells nothing.

    Another process may have the key, or this one after its next start, so what failed by it is worth another try.
    """


async def open_target(database: Database, vault: Vault, organization_id: UUID, account_id: UUID) -> Target:
    """What a connection to an account is made of, in one read.

    Raises NotFoundError where there is no such account, ConflictError where it is not connected,
    SealedCredentialsError where what is sealed cannot be opened here, ProviderError(CREDENTIALS) where nothing is.
    """
    async with database.read(organization_id) as session:
        account = await find_account(session, organization_id, account_id)
        if account is None:
            raise no_such_account()
        require_connected(account)
        stored = await get_credential(session, organization_id, account_id)
    return target_of(account, stored, vault)


def target_of(account: Mapping[Any, Any], stored: RowMapping | None, vault: Vault) -> Target:
    """The same of rows that have been read."""
    return Target(
        provider=Provider(account["provider"]),
        method=ConnectionMethod(account["method"]),
        native_id=account["native_id"],
        settings=account["settings"],
        secret=_open(account, stored, vault),
    )


async def seal_secret(
    session: AsyncSession, vault: Vault, organization_id: UUID, account_id: UUID, secret: Mapping[str, str]
) -> None:
    """Seal a secret for an account and store it in the place of the one before."""
    sealed = vault.seal(place_of(organization_id, account_id), secret)
    values = {"key_id": sealed.key_id, "wrapped_key": sealed.wrapped_key, "sealed": sealed.sealed}
    await put_credential(session, organization_id, account_id, values)


def place_of(organization_id: UUID, account_id: UUID) -> Place:
    """Where the secret of an account is stored."""
    return Place(organization_id, "account_credentials", "sealed", account_id)


def sealed_of(stored: Mapping[Any, Any]) -> Sealed:
    """What is sealed in a row."""
    return Sealed(stored["key_id"], stored["wrapped_key"], stored["sealed"])


def require_connected(account: Mapping[Any, Any]) -> None:
    """Raise ConflictError unless the account is connected now."""
    if account["kind"] != AccountKind.CONNECTED or account["disconnected_at"] is not None:
        state = "disconnected" if account["kind"] == AccountKind.CONNECTED else "a manual one"
        message = f"The account is {state}. Connect it with `connectAccount` first."
        raise ConflictError(message)


def no_such_account() -> NotFoundError:
    """The same for an absent account and for one of somebody else."""
    return NotFoundError("There is no such account within your reach.")


def _open(account: Mapping[Any, Any], stored: RowMapping | None, vault: Vault) -> Mapping[str, str]:
    if stored is None:
        remedy = "Send the credentials again with `updateAccount`."
        raise ProviderError(ProblemCode.CREDENTIALS, "No credentials are stored for the account.", remedy)
    try:
        return vault.unseal(place_of(account["organization_id"], account["id"]), sealed_of(stored))
    except VaultError as error:
        _log.error("credentials_not_opened", account_id=str(account["id"]), key_id=stored["key_id"], reason=str(error))
        message = (
            "Skyledger cannot open the stored credentials at the moment. Nothing is wrong with the account: the "
            "operator of Skyledger has to see to SKYLEDGER_CREDENTIAL_KEYS; the server's log names the missing key."
        )
        raise SealedCredentialsError(message) from None
