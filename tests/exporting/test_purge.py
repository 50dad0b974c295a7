"""What is taken away of exports: files whose time is over, bytes without a row, what dead jobs left."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.context import Runtime
from app.costs.exports.purge import purge_expired_exports, recovery_of
from app.database import Database
from app.dead_jobs import recover
from app.exporting.purge import OF_ROWS
from app.schema.node import parse_id
from app.workers.jobs import purge_organization
from tests.clients import GraphQL, register
from tests.resolvers.test_exports import asked, fill, found, tools_of, work


async def test_what_is_over_is_taken_away(graphql: GraphQL, runtime: Runtime, owner: Database) -> None:
    person = await register(graphql)
    await fill(graphql, person, 5)
    kept, over = await asked(graphql, person), await asked(graphql, person)
    await work(runtime)
    url = (await found(graphql, person, over))["url"]
    organization_id = parse_id(person.organization_id).id
    folder = runtime.settings.data_dir / "uploads" / "bulk-exports" / str(organization_id)
    assert len(list(folder.iterdir())) == 2
    (folder / str(UUID(int=99))).touch()
    database, files = runtime.database, runtime.bulk_exports
    purged = await purge_expired_exports(database, files, OF_ROWS)
    assert (purged.expired, purged.forgotten, purged.stray) == (0, 0, 0)
    async with owner.engine.begin() as connection:
        past = "UPDATE exports SET expires_at = now() - interval '1 second' WHERE id = :id"
        await connection.execute(text(past), {"id": parse_id(over["id"]).id})
    assert (await graphql.client.get(url)).status_code == 404
    purged = await purge_expired_exports(database, files, OF_ROWS, grace=timedelta(0))
    assert (purged.expired, purged.forgotten, purged.stray) == (1, 0, 1)
    assert len(list(folder.iterdir())) == 1
    assert (await found(graphql, person, over))["state"] == "EXPIRED"
    assert (await graphql.client.get((await found(graphql, person, kept))["url"])).status_code == 200
    purged = await purge_expired_exports(database, files, OF_ROWS, kept=timedelta(0))
    assert (purged.expired, purged.forgotten, purged.stray) == (0, 1, 0)


async def test_a_dead_job_ends_its_export_with_the_reason(graphql: GraphQL, owner: Database, runtime: Runtime) -> None:
    person = await register(graphql)
    export = await asked(graphql, person)
    async with owner.engine.begin() as connection:
        dead = "UPDATE jobs SET state = 'DEAD', failure = 'the disk is full', attempts = 5 WHERE kind = 'run_export'"
        await connection.execute(text(dead))
    assert await recover(runtime.database, [recovery_of(OF_ROWS)]) == 1
    assert await recover(runtime.database, [recovery_of(OF_ROWS)]) == 0
    export = await found(graphql, person, export)
    assert export["state"] == "FAILED"
    assert export["error"] == "The export was given up; ask for it again. the disk is full"


async def test_a_deleted_organization_leaves_no_file(graphql: GraphQL, runtime: Runtime, owner: Database) -> None:
    person = await register(graphql)
    await asked(graphql, person)
    await work(runtime)
    folder = runtime.settings.data_dir / "uploads" / "bulk-exports"
    assert len(list(folder.glob("*-*-*/*"))) == 1
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE organizations SET deleted_at = now()"))
    organization_id = parse_id(person.organization_id).id
    job: Any = type("Job", (), {"organization_id": organization_id, "database": runtime.database})
    job.should_stop = lambda: False
    await purge_organization(job, bulk=tools_of(runtime))
    assert list(folder.glob("*-*-*/*")) == []


async def test_a_row_that_is_too_dear_is_told(graphql: GraphQL, runtime: Runtime) -> None:
    person = await register(graphql)
    await fill(graphql, person, 5)
    export = await asked(graphql, person)
    object.__setattr__(runtime, "settings", runtime.settings.model_copy(update={"cost_operation": 3}))
    await work(runtime)
    export = await found(graphql, person, export)
    assert (export["state"], export["rows"]) == ("FAILED", 0)
    assert export["error"].startswith("One row alone costs or takes more than an operation may.")
