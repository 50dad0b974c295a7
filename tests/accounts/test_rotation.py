"""Rotating the key of stored credentials: all of them, beside readers and writers, and again after an interruption."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text, update

from app.accounts.rotate import Rotation, rotate_credentials
from app.accounts.target import SealedCredentialsError, open_target, seal_secret
from app.config import Settings, new_credential_key
from app.database import Database
from app.repositories.account_credentials import CREDENTIALS
from app.repositories.accounts import connect_account
from app.sealing.vault import Vault

ACCOUNTS = 130  # more than one batch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault"


def vault_in(folder: Path) -> Vault:
    """The vault of a process of its own."""
    return Vault.from_settings(Settings(data_dir=folder))


async def organizations(owner: Database, count: int) -> list[UUID]:
    """Organizations in the order of their ids; one is deleted and waits to be purged."""
    ids = sorted(uuid4() for _ in range(count))
    async with owner.engine.begin() as connection:
        for number, id_ in enumerate(ids):
            await connection.execute(
                text(
                    "INSERT INTO organizations (id, slug, name, currency, created_at, updated_at, deleted_at) "
                    "VALUES (:id, :slug, 'x', 'USD', now(), now(), :deleted)"
                ),
                {"id": id_, "slug": f"slug-{id_}", "deleted": None},
            )
            if number == 0:
                await connection.execute(
                    text("UPDATE organizations SET deleted_at = now() WHERE id = :id"), {"id": id_}
                )
    return ids


async def fill(database: Database, vault: Vault, organization_id: UUID, count: int, first: int = 0) -> list[UUID]:
    """Connected accounts with credentials, as connecting leaves them."""
    found = []
    async with database.write(organization_id) as session:
        for number in range(first, first + count):
            values = {
                "provider": "AWS",
                "native_id": f"{number:012}",
                "name": "x",
                "method": "AWS_KEYS",
                "settings": {},
            }
            row = await connect_account(session, organization_id, values, name=None)
            assert row is not None
            await seal_secret(session, vault, organization_id, row["id"], {"secretAccessKey": f"secret {number}"})
            found.append(row["id"])
    return found


async def key_ids(database: Database, organization_id: UUID) -> set[str]:
    """The keys under which an organization's credentials are."""
    async with database.read(organization_id) as session:
        return set((await session.execute(select(CREDENTIALS.c.key_id))).scalars())


def tell_nobody(_done: int, _total: int, _rewrapped: int) -> None:
    """No progress line."""


async def test_all_are_put_under_a_new_key_while_they_are_read(
    database: Database, owner: Database, folder: Path
) -> None:
    first, second = (await organizations(owner, 3))[1:]
    vault = vault_in(folder)
    accounts = await fill(database, vault, first, ACCOUNTS)
    await fill(database, vault, second, 3)
    old = vault.active_key_id
    reader, reads = vault_in(folder), 0  # another process, which is not restarted
    done = asyncio.Event()

    async def read() -> None:
        nonlocal reads
        while not done.is_set():
            number = reads % ACCOUNTS
            target = await open_target(database, reader, first, accounts[number])
            assert target.secret == {"secretAccessKey": f"secret {number}"}
            reads += 1

    reading = asyncio.create_task(read())
    told: list[tuple[int, int, int]] = []
    rotation = await rotate_credentials(database, vault_in(folder), lambda *figures: told.append(figures))
    for _ in range(ACCOUNTS):
        await asyncio.sleep(0)
    seen = reads
    while reads < seen + ACCOUNTS:  # each once more, after the rotation
        await asyncio.sleep(0.01)
        assert not reading.done()
    done.set()
    await reading
    assert (rotation.renewed, rotation.resumed, rotation.rewrapped, rotation.failures) == (True, False, 133, [])
    assert rotation.key_id != old
    assert await key_ids(database, first) == await key_ids(database, second) == {rotation.key_id}
    assert told[-1] == (3, 3, 133)
    assert vault.active_key_id == rotation.key_id


async def test_an_interrupted_rotation_is_finished_without_another_key(
    database: Database, owner: Database, folder: Path
) -> None:
    ids = await organizations(owner, 3)
    vault = vault_in(folder)
    for id_ in ids:
        await fill(database, vault, id_, 2)

    def interrupt(done: int, _total: int, rewrapped: int) -> None:
        if rewrapped and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rotate_credentials(database, vault_in(folder), interrupt)
    new = vault.active_key_id
    assert [len(await key_ids(database, id_) & {new}) for id_ in ids] == [1, 1, 0]
    rotation = await rotate_credentials(database, vault_in(folder), tell_nobody)
    assert (rotation.key_id, rotation.resumed, rotation.renewed, rotation.rewrapped) == (new, True, False, 2)
    assert [await key_ids(database, id_) for id_ in ids] == [{new}] * 3


async def test_keys_of_the_setting_are_the_operator_s(database: Database, owner: Database) -> None:
    (id_,) = await organizations(owner, 1)
    one, two = new_credential_key(), new_credential_key()
    vault = Vault.from_settings(Settings(credential_keys=SecretStr(f"{one},{two}")))
    (account,) = await fill(database, vault, id_, 1)
    turned = Vault.from_settings(Settings(credential_keys=SecretStr(f"{two},{one}")))
    rotation = await rotate_credentials(database, turned, tell_nobody)
    assert rotation == Rotation(two.partition(":")[0], rewrapped=1)
    alone = Vault.from_settings(Settings(credential_keys=SecretStr(two)))
    assert (await open_target(database, alone, id_, account)).secret == {"secretAccessKey": "secret 0"}
    assert (await rotate_credentials(database, turned, tell_nobody)).rewrapped == 0


async def test_in_two_steps_no_process_meets_a_key_that_it_does_not_know(database: Database, owner: Database) -> None:
    (id_,) = await organizations(owner, 1)
    one, two = new_credential_key(), new_credential_key()

    def vault_with(*keys: str) -> Vault:
        return Vault.from_settings(Settings(credential_keys=SecretStr(",".join(keys))))

    # Processes of both sides of each restart run at the same time: whatever one seals, the other opens.
    first, middle, last = vault_with(one), vault_with(one, two), vault_with(two, one)
    pairs = [(first, middle), (middle, first), (middle, last), (last, middle)]
    for number, (sealing, opening) in enumerate(pairs):
        (account,) = await fill(database, sealing, id_, 1, number)
        assert (await open_target(database, opening, id_, account)).secret == {"secretAccessKey": f"secret {number}"}
    # In one step they meet: that is told as the operator's fault, and the next process opens it.
    (account,) = await fill(database, last, id_, 1, len(pairs))
    with pytest.raises(SealedCredentialsError):
        await open_target(database, first, id_, account)
    assert (await open_target(database, last, id_, account)).secret == {"secretAccessKey": f"secret {len(pairs)}"}


async def test_what_cannot_be_opened_stays_and_is_told(database: Database, owner: Database, folder: Path) -> None:
    (id_,) = await organizations(owner, 1)
    vault = vault_in(folder)
    broken, whole = await fill(database, vault, id_, 2)
    async with database.write(id_) as session:
        await session.execute(
            update(CREDENTIALS).where(CREDENTIALS.c.account_id == broken).values(key_id="lost", wrapped_key=b"x")
        )
    rotation = await rotate_credentials(database, vault, tell_nobody)
    assert (rotation.renewed, rotation.rewrapped) == (True, 1)
    ((organization_id, account_id, reason),) = rotation.failures
    assert (organization_id, account_id) == (id_, broken)
    assert "'lost'" in reason
    assert (await open_target(database, vault, id_, whole)).secret == {"secretAccessKey": "secret 1"}
    assert await key_ids(database, id_) == {"lost", rotation.key_id}
