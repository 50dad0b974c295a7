"""`skyledger doctor`: what it says of good and of broken configurations, and that it fits on a screen."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.embedded import EngineUrls, status
from app.upgrade import newest_revision
from tests.cli.conftest import Command, administer

WIDTH = 100
NOWHERE = {"database_url": "postgresql://u:hidden@127.0.0.1:1/x", "redis_url": "redis://:hidden@127.0.0.1:1"}


def findings(shown: str) -> dict[str, tuple[str, str]]:
    """What was looked at: how it is, and all that was said about it."""
    found: dict[str, tuple[str, str]] = {}
    what = ""
    for line in shown.splitlines()[:-1]:
        head = re.match(r"(ok|note|wrong) +(\S(?:\S| (?! ))*)  +(.*)", line)
        if head:
            what = head[2]
            state, said = found.get(what, (head[1], ""))
            found[what] = (state, f"{said} {head[3]}".strip())
        else:
            found[what] = (found[what][0], f"{found[what][1]} {line.strip()}")
    return found


def wrong(shown: str) -> set[str]:
    """What is wrong."""
    return {what for what, (state, _) in findings(shown).items() if state == "wrong"}


def test_embedded_engines_are_tried_without_leaving_anything(skyledger: Command, tmp_path: Path) -> None:
    told = skyledger("doctor")
    assert told.exit_code == 0, told.stdout
    found = findings(told.stdout)
    assert wrong(told.stdout) == set()
    assert found["PostgreSQL"][1].startswith("version 18.")
    assert found["production"][0] == "note"
    assert found["tables"][0] == "note"
    assert max(map(len, told.stdout.splitlines())) <= WIDTH
    assert not (tmp_path / "data").exists()
    assert status(tmp_path / "data").state == "stopped"


def test_a_migrated_database_of_somebody_else_is_well(on_engines: Command) -> None:
    told = on_engines("doctor")
    found = findings(told.stdout)
    assert told.exit_code == 0, told.stdout
    assert found["tables"] == ("ok", f"revision {newest_revision()}")
    assert found["row security"] == ("ok", "queries run as skyledger_app")
    assert found["Valkey"][0] == "ok"
    assert told.stdout.splitlines()[-1].endswith(" looked at, 0 wrong.")


def test_every_wrong_variable_is_named(skyledger: Command) -> None:
    told = skyledger("doctor", port="many", database_url="mysql://x", redis_url="nonsense", secret_key="short")
    assert told.exit_code == 1
    for name in ("SKYLEDGER_PORT", "SKYLEDGER_DATABASE_URL", "SKYLEDGER_REDIS_URL", "SKYLEDGER_SECRET_KEY"):
        assert name in findings(told.stdout)["settings"][1]
    assert told.stdout.splitlines()[-1] == "5 looked at, 4 wrong."


@pytest.mark.parametrize(
    "urls", [NOWHERE, {"database_url": "postgresql://u:hidden@h:p/x", "redis_url": "redis://h:p/0"}]
)
def test_servers_that_cannot_be_reached(skyledger: Command, urls: dict[str, str]) -> None:
    told = skyledger("doctor", **urls)
    assert told.exit_code == 1
    assert wrong(told.stdout) == {"PostgreSQL", "Valkey"}
    assert "SKYLEDGER_DATABASE_URL" in findings(told.stdout)["PostgreSQL"][1]
    assert "SKYLEDGER_REDIS_URL" in findings(told.stdout)["Valkey"][1]
    assert "hidden" not in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= WIDTH


def test_a_wrong_password(skyledger: Command, own_engines: tuple[Path, EngineUrls], plain_database: EngineUrls) -> None:
    folder, _ = own_engines
    rules = folder / "engines" / "postgres" / "pg_hba.conf"
    before = rules.read_text()
    administer(plain_database.database_url, "CREATE ROLE guarded LOGIN PASSWORD 'right'")
    try:
        rules.write_text(f"local all guarded scram-sha-256\n{before}")
        administer(plain_database.database_url, "SELECT pg_reload_conf()")
        url = plain_database.database_url.replace("//app@", "//guarded:mistaken@")
        told = skyledger("doctor", database_url=url, redis_url=plain_database.redis_url)
    finally:
        rules.write_text(before)
        administer(plain_database.database_url, "SELECT pg_reload_conf()")
    assert wrong(told.stdout) == {"PostgreSQL"}
    assert 'password authentication failed for user "guarded"' in told.stdout
    assert "mistaken" not in told.stdout


def test_a_database_without_tables(skyledger: Command, plain_database: EngineUrls) -> None:
    told = skyledger("doctor", database_url=plain_database.database_url, redis_url=plain_database.redis_url)
    assert told.exit_code == 1
    assert wrong(told.stdout) == {"tables"}
    assert "skyledger migrate" in findings(told.stdout)["tables"][1]


def test_old_tables(skyledger: Command, plain_database: EngineUrls) -> None:
    urls = {"database_url": plain_database.database_url, "redis_url": plain_database.redis_url}
    assert skyledger("migrate", **urls).exit_code == 0
    administer(plain_database.database_url, "UPDATE alembic_version SET version_num = '20261122_tables'")
    told = skyledger("doctor", **urls)
    assert wrong(told.stdout) == {"tables"}
    assert "20261122_tables" in findings(told.stdout)["tables"][1]
    assert "skyledger migrate" in findings(told.stdout)["tables"][1]


def test_row_security_that_does_not_bind(skyledger: Command, plain_database: EngineUrls) -> None:
    urls = {"database_url": plain_database.database_url, "redis_url": plain_database.redis_url}
    assert skyledger("migrate", **urls).exit_code == 0
    administer(plain_database.database_url, "ALTER ROLE skyledger_app BYPASSRLS")
    try:
        told = skyledger("doctor", **urls)
    finally:
        administer(plain_database.database_url, "ALTER ROLE skyledger_app NOBYPASSRLS")
    assert wrong(told.stdout) == {"row security"}
    assert "ALTER ROLE skyledger_app NOSUPERUSER NOBYPASSRLS" in told.stdout


def test_a_taken_port(on_engines: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        told = on_engines("doctor", port=port)
    assert wrong(told.stdout) == {f"port {port}"}
    assert "SKYLEDGER_PORT" in told.stdout


def test_a_port_that_skyledger_itself_has_taken_is_no_fault(on_engines: Command, live_server: str) -> None:
    port = str(urlsplit(live_server).port)
    told = on_engines("doctor", port=port)
    assert told.exit_code == 0, told.stdout
    assert findings(told.stdout)[f"port {port}"] == ("note", f"Skyledger runs already at {live_server}/graphql")


def test_a_mail_server_that_is_away(skyledger: Command) -> None:
    told = skyledger("doctor", smtp_url="smtp://u:hidden@127.0.0.1:1", mail_from="sky@example.com", **NOWHERE)
    assert "mail" in wrong(told.stdout)
    assert "SKYLEDGER_SMTP_URL" in findings(told.stdout)["mail"][1]
    assert "hidden" not in told.stdout


def test_mail_that_goes_to_the_terminal(skyledger: Command) -> None:
    assert findings(skyledger("doctor", **NOWHERE).stdout)["mail"][0] == "note"


def test_production_is_judged(skyledger: Command) -> None:
    told = skyledger("doctor", environment="production", cors_origins="*", introspection="public", **NOWHERE)
    found = findings(told.stdout)
    assert found["production"][0] == "wrong"
    for name in ("SKYLEDGER_SECRET_KEY", "SKYLEDGER_CORS_ORIGINS", "SKYLEDGER_INTROSPECTION"):
        assert name in found["production"][1]


def test_a_folder_that_cannot_be_written(skyledger: Command) -> None:
    told = skyledger("doctor", data_dir="/proc/skyledger", **NOWHERE)
    assert "data folder" in wrong(told.stdout)
    assert "SKYLEDGER_DATA_DIR" in findings(told.stdout)["data folder"][1]
