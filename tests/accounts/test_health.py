"""Health: what a provider tells becomes a state, a history and, when it changed, an event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, func, select, update
from structlog.testing import capture_logs

from app.accounts.connect import NewConnection, connect_accounts
from app.accounts.credentials import AwsCredentials
from app.accounts.health import Health, health_of_problem, health_of_verification, record_health
from app.accounts.target import SealedCredentialsError, open_target
from app.accounts.verify import verify_account
from app.config import Settings
from app.database import Database
from app.errors import ConflictError, ErrorCode, NotFoundError
from app.models import AccountCheck, ActivityEvent, now
from app.providers.base import Verification
from app.providers.calls import ProviderPool
from app.providers.problems import ProblemCode, ProviderError
from app.records import AccountHealth, Actor, ActorKind
from app.repositories.account_checks import CHECKS, add_check, newest_checks
from app.repositories.account_credentials import CREDENTIALS
from app.repositories.accounts import find_account
from app.sealing.vault import Vault
from tests.providers.aws.answering import Answering, Refusal, answering

ORGANIZATION = UUID("00000000-0000-7000-8000-00000000000a")
SYSTEM = Actor(ActorKind.SYSTEM)
IDENTITY = (
    "<R><GetCallerIdentityResult><Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/reader</Arn>"
    "</GetCallerIdentityResult></R>"
)
NO_ALIAS = "<R><ListAccountAliasesResult><AccountAliases/></ListAccountAliasesResult></R>"


def simulated(denied: str) -> str:
    """IAM's answer to SimulatePrincipalPolicy: one action that is not allowed."""
    member = f"<member><EvalActionName>{denied}</EvalActionName><EvalDecision>implicitDeny</EvalDecision></member>"
    results = f"<EvaluationResults>{member}</EvaluationResults><IsTruncated>false</IsTruncated>"
    return f"<R><SimulatePrincipalPolicyResult>{results}</SimulatePrincipalPolicyResult></R>"


NOTHING_DENIED = "<R><SimulatePrincipalPolicyResult><EvaluationResults/></SimulatePrincipalPolicyResult></R>"


@pytest.fixture
def far_side() -> Iterator[Answering]:
    """An AWS that answers as told, and at first allows all."""
    answers = {
        "GetCallerIdentity": IDENTITY,
        "ListAccountAliases": NO_ALIAS,
        "SimulatePrincipalPolicy": NOTHING_DENIED,
    }
    with answering(**answers) as found:
        yield found


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """A vault of this test's own."""
    return Vault.from_settings(Settings(data_dir=tmp_path / "vault"))


@pytest.fixture
async def pool() -> AsyncIterator[ProviderPool]:
    """Threads for calls."""
    found = ProviderPool(2)
    yield found
    found.close()


@pytest.fixture
async def account_id(database: Database, vault: Vault, pool: ProviderPool, far_side: Answering) -> UUID:
    """An account that is connected to the far side by keys."""
    keys = AwsCredentials(access_key_id="A" * 16, secret_access_key="secret").check(ORGANIZATION)
    new = NewConnection(keys, endpoints=[("*", far_side.url)], hosts=("127.0.0.1",))
    (row,) = await connect_accounts(database, vault, pool, ORGANIZATION, SYSTEM, new)
    found: UUID = row["id"]
    return found


async def changes(database: Database) -> list[tuple[str | None, str]]:
    """From and to of all changes of health that were told."""
    statement = select(ActivityEvent.data).where(ActivityEvent.kind == "ACCOUNT_HEALTH_CHANGED")
    async with database.read(ORGANIZATION) as session:
        told = (await session.execute(statement.order_by(ActivityEvent.sequence))).scalars()
        return [(data["from"], data["to"]) for data in told]


async def test_the_states_of_an_account(
    database: Database, vault: Vault, pool: ProviderPool, far_side: Answering, account_id: UUID
) -> None:
    async def verify() -> tuple[str, str | None, list[str] | None]:
        row = await verify_account(database, vault, pool, ORGANIZATION, SYSTEM, account_id)
        return row["health"], row["health_message"], row["missing_permissions"]

    assert await verify() == ("HEALTHY", None, [])
    assert await changes(database) == []
    far_side.answers["SimulatePrincipalPolicy"] = simulated("ec2:DescribeVolumes")
    message = "It lacks the permissions ec2:DescribeVolumes."
    assert await verify() == ("DEGRADED", message, ["ec2:DescribeVolumes"])
    far_side.answers["GetCallerIdentity"] = Refusal("InvalidClientTokenId", 403)
    state, told, missing = await verify()
    assert (state, missing) == ("ERROR", None)
    assert told
    assert await verify() == (state, told, missing)
    far_side.answers |= {"GetCallerIdentity": IDENTITY, "SimulatePrincipalPolicy": NOTHING_DENIED}
    assert (await verify())[0] == "HEALTHY"
    assert await changes(database) == [("HEALTHY", "DEGRADED"), ("DEGRADED", "ERROR"), ("ERROR", "HEALTHY")]
    async with database.read(ORGANIZATION) as session:
        history = await newest_checks(session, ORGANIZATION, [account_id], 10)
    assert [check["health"] for check in history] == ["HEALTHY", "ERROR", "ERROR", "DEGRADED", "HEALTHY", "HEALTHY"]
    assert [check["response_milliseconds"] is None for check in history] == [False, True, True, False, False, False]


async def test_a_key_that_is_not_here_says_nothing_of_the_account(
    database: Database, vault: Vault, pool: ProviderPool, account_id: UUID
) -> None:
    async with database.write(ORGANIZATION) as session:
        await session.execute(update(CREDENTIALS).values(key_id="lost"))
    for _ in range(2):
        with (
            capture_logs() as logs,
            pytest.raises(SealedCredentialsError, match="Nothing is wrong with the account") as told,
        ):
            await verify_account(database, vault, pool, ORGANIZATION, SYSTEM, account_id)
    assert told.value.code is ErrorCode.SERVICE_UNAVAILABLE
    assert "SKYLEDGER_CREDENTIAL_KEYS" in told.value.message
    assert "under the key 'lost'" in str(logs), "the operator is told which one"
    assert "lost" not in told.value.message
    async with database.read(ORGANIZATION) as session:
        row = await find_account(session, ORGANIZATION, account_id)
        checks = await newest_checks(session, ORGANIZATION, [account_id], 10)
    assert row is not None
    assert (row["health"], len(checks)) == ("HEALTHY", 1)


async def test_an_account_without_stored_credentials_wants_new_ones(
    database: Database, vault: Vault, pool: ProviderPool, account_id: UUID
) -> None:
    async with database.write(ORGANIZATION) as session:
        await session.execute(delete(CREDENTIALS))
    with pytest.raises(ProviderError) as told:
        await open_target(database, vault, ORGANIZATION, account_id)
    assert told.value.code is ProblemCode.CREDENTIALS
    row = await verify_account(database, vault, pool, ORGANIZATION, SYSTEM, account_id)
    assert row["health"] == "ERROR"
    assert "`updateAccount`" in row["health_message"]


async def test_a_row_of_another_organization_is_not_there(database: Database, vault: Vault, account_id: UUID) -> None:
    other = uuid4()
    with pytest.raises(NotFoundError):
        await open_target(database, vault, other, account_id)
    async with database.write(other) as session:
        with pytest.raises(NotFoundError):
            await record_health(session, other, account_id, Health(AccountHealth.ERROR), SYSTEM)


async def test_what_was_sealed_is_what_is_opened(
    database: Database, vault: Vault, far_side: Answering, account_id: UUID
) -> None:
    target = await open_target(database, vault, ORGANIZATION, account_id)
    assert target.secret == {"accessKeyId": "A" * 16, "secretAccessKey": "secret"}
    assert (target.native_id, target.endpoints) == ("123456789012", {"*": far_side.url})


async def test_two_connections_at_a_time_make_one_account(
    database: Database, vault: Vault, pool: ProviderPool, far_side: Answering
) -> None:
    keys = AwsCredentials(access_key_id="A" * 16, secret_access_key="secret").check(ORGANIZATION)
    new = NewConnection(keys, endpoints=[("*", far_side.url)], hosts=("127.0.0.1",))
    acts = [connect_accounts(database, vault, pool, ORGANIZATION, SYSTEM, new) for _ in range(4)]
    results = await asyncio.gather(*acts, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["ConflictError"] * 3 + ["list"]
    assert any(isinstance(result, ConflictError) for result in results)


async def test_the_newest_thousand_checks_are_kept(database: Database, account_id: UUID) -> None:
    rows: list[dict[str, Any]] = [
        {
            "organization_id": ORGANIZATION,
            "account_id": account_id,
            "health": "HEALTHY",
            "message": str(number),
            "missing_permissions": None,
            "response_milliseconds": 1,
        }
        for number in range(1_005)
    ]
    async with database.write(ORGANIZATION) as session:
        session.add_all([AccountCheck(**row) for row in rows])
    last = {**rows[0], "message": "last", "checked_at": now()}
    async with database.write(ORGANIZATION) as session:
        await add_check(session, ORGANIZATION, last)
    async with database.read(ORGANIZATION) as session:
        count = (await session.execute(select(func.count()).select_from(CHECKS))).scalar_one()
        newest = await newest_checks(session, ORGANIZATION, [account_id], 1_100)
    assert (count, len(newest)) == (1_000, 1_000)
    assert [check["message"] for check in (newest[0], newest[1], newest[-1])] == ["last", "1004", "6"]


def verification(*missing: str, note: str | None = None) -> Verification:
    """What a provider told."""
    return Verification("1", "me", missing, note=note)


def test_slowness_and_missing_permissions_are_told_together() -> None:
    found = health_of_verification(verification(*"abcdefg"), 6.04)
    assert found == Health(
        AccountHealth.DEGRADED,
        "It lacks the permissions a, b, c, d, e and 2 more. It took 6.0 s to answer; up to 5 s is healthy.",
        tuple("abcdefg"),
        6040,
    )
    off = health_of_verification(verification(), 1.0, ["eu-west-1"])
    assert (off.state, off.message) == (AccountHealth.DEGRADED, "These of its regions are not switched on: eu-west-1.")
    assert health_of_verification(verification(note="n"), 5.0) == Health(AccountHealth.HEALTHY, "n", (), 5000)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (ProblemCode.CREDENTIALS, "ERROR"),
        (ProblemCode.UNREACHABLE, "ERROR"),
        (ProblemCode.DENIED, "DEGRADED"),
        (ProblemCode.THROTTLED, "DEGRADED"),
        (ProblemCode.FAILED, "DEGRADED"),
    ],
)
def test_problems(code: ProblemCode, state: str) -> None:
    found = health_of_problem(ProviderError(code, "It broke", "Mend it.", permission="ec2:X"))
    assert found == Health(AccountHealth(state), "It broke. The missing permission is ec2:X. Mend it.", ("ec2:X",))
