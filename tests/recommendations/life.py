"""One account's life on a real database: scans, looks, words of people and days that pass, beside the plain ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, text

from app.accounts.disconnect import disconnect_account
from app.database import Database
from app.detection.rule import TagMatch, Tuning
from app.models import new_id, now
from app.pricing.book import seed_book
from app.providers.problems import ProblemCode, ProviderError
from app.recommendations import answer
from app.recommendations.ignored import open_ignored_of
from app.recommendations.jobs import look_for_waste, request_look
from app.recommendations.look import start_look
from app.recommendations.measure import Measuring, measure
from app.recommendations.rules import update_rule
from app.records import Actor, ActorKind
from app.records.recommendations import IgnoreReason
from app.repositories.accounts import connect_account
from app.repositories.inventory_store import prepare_batch, store_batch, sweep
from app.repositories.savings import savings
from app.scanning.cancel import cancel_scans_of_account
from app.schema.savings import SavingsSummary
from tests.recommendations.far import Far, Held, failing, tools_over
from tests.recommendations.made_up_cloud import BUSY, CHECKS, KEPT_TAG, VOLUMES, Cloud, Tuned
from tests.recommendations.plain_ledger import Key, PlainLedger, most_without_overlap
from tests.recommendations.rows import scanned

SOMEBODY = Actor(ActorKind.USER, UUID(int=77))
NATIVE_ID = "111122223333"
TYPES = ["AWS::EC2::Instance", "AWS::EC2::Volume"]
DENIED = ProviderError(ProblemCode.DENIED, "AWS denied some of the metrics.", "Allow it.", permission="metrics")
# A day passes: all that is stored becomes older by it, so that no clock has to be told a lie.
_AGE = tuple(
    f"UPDATE {table} SET {', '.join(f'{name} = {name} - {kind}' for name in names.split())}"  # noqa: S608  (constants)
    f" WHERE organization_id = :organization_id"
    for table, kind, names in (
        (
            "recommendations",
            "CAST(:days AS integer) * interval '1 day'",
            "state_changed_at found_at last_found_at resolved_at proved_at",
        ),
        ("recommendations", "CAST(:days AS integer)", "ignored_until due_on"),
        ("recommendation_history", "CAST(:days AS integer) * interval '1 day'", "happened_at"),
        ("resources", "CAST(:days AS integer) * interval '1 day'", "first_seen_at updated_at"),
        ("resource_changes", "CAST(:days AS integer) * interval '1 day'", "changed_at"),
        ("scan_steps", "CAST(:days AS integer) * interval '1 day'", "started_at finished_at"),
        ("resource_usage", "CAST(:days AS integer)", "first_day"),
        ("resource_usage", "CAST(:days AS integer) * interval '1 day'", "read_at"),
    )
)
_ANOTHER_DAY = """UPDATE account_looks SET ground = 'of another day',
    looked_at = looked_at - CAST(:days AS integer) * interval '1 day' WHERE organization_id = :organization_id"""
_USAGE_DAYS, _LATE = 14, timedelta(days=1)


@dataclass
class Life:
    """An organization of its own with one connected account, and what has to be true of it."""

    database: Database
    owner: Database
    foreign: UUID
    """A recommendation of somebody else."""
    organization_id: UUID = field(default_factory=uuid4)
    account_id: UUID = field(default_factory=uuid4)
    cloud: Cloud = field(default_factory=Cloud)
    plain: PlainLedger = field(default_factory=PlainLedger)
    rules: dict[str, Tuned] = field(default_factory=lambda: {check: Tuned() for check in CHECKS})
    rules_before: dict[str, Tuned] = field(default_factory=lambda: {check: Tuned() for check in CHECKS})
    ids: dict[Key, UUID] = field(default_factory=dict)
    is_connected: bool = True

    async def begin(self) -> None:
        """Make the organization and its account."""
        async with self.owner.write(None) as session:
            values = {"id": self.organization_id, "slug": str(self.organization_id), "now": now()}
            await session.execute(
                text("""INSERT INTO organizations (id, slug, name, currency, created_at, updated_at)
                    VALUES (:id, :slug, 'Acme', 'USD', :now, :now)"""),
                values,
            )
        await self._connect()

    async def connect(self) -> None:
        """Connect the account again."""
        if not self.is_connected:
            await self._connect()
            self.is_connected = True

    async def _connect(self) -> None:
        values = {"provider": "AWS", "native_id": NATIVE_ID, "name": "Production", "method": "AWS_KEYS", "settings": {}}
        async with self.database.write(self.organization_id) as session:
            row = await connect_account(session, self.organization_id, values, name=None)
            assert row is not None
            self.account_id = row["id"]

    async def disconnect(self) -> None:
        """Disconnect the account; the look that this asks for comes with the next step."""
        self.is_connected = False
        await disconnect_account(
            self.database,
            self.organization_id,
            SOMEBODY,
            self.account_id,
            stop_scans=cancel_scans_of_account,
            look_again=request_look,
        )

    async def scan(self, *, complete: bool) -> None:
        """Read all there is, or nothing of it; then look."""
        if self.is_connected and complete:
            step = await scanned(self.database, self.organization_id, self.account_id, TYPES)
            async with self.database.write(self.organization_id) as session:
                rows = prepare_batch(self.cloud.resources(self.account_id))
                await store_batch(session, self.organization_id, rows, step_id=step, scan_id=new_id())
            async with self.database.write(self.organization_id) as session:
                await sweep(
                    session,
                    self.organization_id,
                    self.account_id,
                    step_id=step,
                    scan_id=new_id(),
                    resource_types=TYPES,
                    regions=None,
                )
            self.cloud.scanned()
            self.plain.read()
        await self.look()

    async def look(self) -> None:
        """Look at what is stored, as the job does."""
        self.cloud.told_usage = await self._told_usage()
        await look_for_waste(self._job())
        if not self.is_connected:
            self.plain.disconnected()
            return
        for check, name, verdict in self.cloud.verdicts(self.rules, self.rules_before):
            self.plain.looked(check, name, verdict)
        self.plain.vanished(self.cloud.there())

    async def measure(self, *, denied: bool) -> None:
        """Read metrics, or be denied them."""
        far = Far(value=lambda query: (1e6 if query.resource == BUSY else 1.0) if query.resource in VOLUMES else None)
        if denied:
            far.fault = failing(DENIED)
        looking = await start_look(self.database, self.organization_id, self.account_id, seed_book(), self._job().hold)
        assert looking is not None
        await measure(Measuring(self._job(), tools_over(), looking, far, NATIVE_ID))

    async def tune(self, check: str, tuned: Tuned) -> None:
        """Change a rule."""
        before = self.rules[check]

        def change(tuning: Tuning) -> Tuning:
            minimum = None if tuned.minimum == 1 else tuned.minimum
            parameters = {} if tuned.age_days == Tuned().age_days else {"minAgeDays": Decimal(tuned.age_days)}
            settings = replace(tuning.settings, enabled=tuned.enabled, minimum_saving=minimum, parameters=parameters)
            tags = (TagMatch(KEPT_TAG),) if tuned.leaves_out_kept else ()
            return replace(tuning, settings=settings, excluded_tags=tags)

        if tuned != before:
            await update_rule(self.database, self.organization_id, SOMEBODY, check, change)
            self.rules[check], self.rules_before[check] = tuned, before

    async def wait(self, days: int, *, woken: bool) -> None:
        """Let days pass, with or without what is done at midnight."""
        async with self.owner.write(None) as session:
            for statement in (*_AGE, _ANOTHER_DAY):
                await session.execute(text(statement), {"organization_id": self.organization_id, "days": days})
        self.cloud.waited(days)
        self.plain.waited(days)
        if woken:
            await open_ignored_of(self.database, self.organization_id)
            if self.is_connected:
                self.plain.woken()

    async def say(self, act: str, picks: Sequence[int], days: int | None) -> None:
        """Say something of some recommendations, some twice, one of somebody else and one that is not there."""
        keys = sorted(self.ids)
        picked = [keys[pick % len(keys)] for pick in picks] if keys else []
        absent = uuid4()
        asked = [*(self.ids[key] for key in picked), self.foreign, absent]
        answered = {one.id: one for one in await self._answer(act, asked, days)}
        assert list(answered) == list(dict.fromkeys(asked)), "each id once, in their order"
        assert answered[self.foreign].is_absent
        assert answered[absent].is_absent
        for key in dict.fromkeys(picked):
            fits = self.plain.said(act, key, days)
            told = answered[self.ids[key]]
            assert not told.is_absent
            assert (told.problem is None) == fits, (act, key, told.problem)
            assert told.row is not None
            assert told.row["state"] == self.plain.entries[key].state

    async def _answer(self, act: str, ids: list[UUID], days: int | None) -> list[answer.Answered]:
        place = (self.database, self.organization_id, SOMEBODY, ids)
        day = None if days is None else now().date() + timedelta(days=days)
        if act == "ignore":
            return await answer.ignore(*place, reason=IgnoreReason.NEEDED, note=None, until=day)
        if act == "mark":
            assert day is not None
            return await answer.mark_for_deletion(*place, due_on=day, note=None)
        return await (answer.reopen(*place) if act == "reopen" else answer.resolve(*place, note=None))

    async def check(self) -> None:
        """What has to be true after every step."""
        async with self.database.read(self.organization_id, one_state=True) as session:
            rows = (await session.execute(text("SELECT * FROM recommendations"))).mappings().all()
            history = await session.execute(
                text("SELECT recommendation_id, kind FROM recommendation_history ORDER BY recommendation_id, id")
            )
            told: dict[UUID, list[str]] = {}
            for id_, kind in history:
                told.setdefault(id_, []).append(kind)
            sums = await savings(session, self.organization_id, now())
        found = {(row["check_id"], row["node"]): row for row in rows}
        assert len(found) == len(rows), "one row for a check and a resource"
        assert set(found) == set(self.plain.entries), "nothing is lost, nothing is made up"
        for key, row in found.items():
            assert self.ids.setdefault(key, row["id"]) == row["id"], "the same row for ever"
            self._check_row(key, row, told[row["id"]])
        self._check_sums(rows, sums)

    def _check_row(self, key: Key, row: RowMapping, told: list[str]) -> None:
        entry = self.plain.entries[key]
        assert [kind for kind in told if kind != "AMOUNT_CHANGED"] == entry.history, key
        assert (row["state"], row["resolution"]) == (entry.state, entry.resolution), key
        assert (row["proved_at"] is not None) == entry.proved, key
        assert (row["resolved_at"] is not None) == (entry.state == "RESOLVED"), key
        assert (row["reason"] is not None) or entry.state != "IGNORED", key
        day = None if entry.days is None else now().date() + timedelta(days=entry.days)
        assert row["ignored_until"] == (day if entry.state == "IGNORED" else None), key
        assert row["due_on"] == (day if entry.state == "MARKED_FOR_DELETION" else None), key
        assert row["converted_saving"] == entry.verdict.amount, key
        assert row["found_at"] <= row["last_found_at"], key
        assert entry.counts or not row["is_counted"], key

    def _check_sums(self, rows: Sequence[RowMapping], sums: Sequence[RowMapping]) -> None:
        summary = SavingsSummary.of(sums, self.organization_id, "USD")
        entries = self.plain.entries
        counting = [entry for entry in entries.values() if entry.counts]
        ignored = [entry.verdict.amount or Decimal(0) for entry in entries.values() if entry.state == "IGNORED"]
        assert summary.potential == most_without_overlap(entries)
        marked = [row for row in rows if row["state"] == "MARKED_FOR_DELETION" and row["is_counted"]]
        assert summary.marked == sum((row["converted_saving"] or Decimal(0) for row in marked), Decimal(0))
        assert Decimal(0) <= summary.marked <= summary.potential
        assert summary.ignored == sum(ignored, Decimal(0))
        assert summary.count == len(counting)
        assert summary.unknown_count == sum(entry.verdict.amount is None for entry in counting)
        of_checks = Counter(check for (check, _), entry in entries.items() if entry.counts)
        assert {group.key: group.count for group in summary.by_check} == of_checks
        for groups in (summary.by_check, summary.by_account, summary.by_age):
            assert sum((group.potential for group in groups), Decimal(0)) == summary.potential
            assert sum(group.count for group in groups) == summary.count

    async def _told_usage(self) -> set[str]:
        """The volumes of which all days of both metrics are known up to now, as they are stored."""
        today = datetime.now(UTC).date()
        async with self.database.read(self.organization_id) as session:
            rows = await session.execute(
                text("""SELECT native_id, first_day, daily, problem FROM resource_usage AS u
                    JOIN resources AS r ON r.organization_id = u.organization_id AND r.id = u.resource_id""")
            )
            complete: Counter[str] = Counter()
            for name, first_day, daily, problem in rows:
                end = first_day + timedelta(days=len(daily))
                days = daily[-_USAGE_DAYS:]
                is_known = end >= today - _LATE and len(days) == _USAGE_DAYS and None not in days
                complete[name] += problem is None and is_known
        return {name for name, metrics in complete.items() if metrics == 2}

    def _job(self) -> Any:
        return Held(self.database, organization_id=self.organization_id, arguments={"accountId": str(self.account_id)})


async def somebody_elses(owner: Database) -> UUID:
    """A recommendation of another organization."""
    organization_id, account_id, id_ = uuid4(), uuid4(), uuid4()
    values = {"organization_id": organization_id, "account_id": account_id, "id": id_, "now": now()}
    statements = (
        """INSERT INTO organizations (id, slug, name, currency, created_at, updated_at)
            VALUES (:organization_id, 'other', 'Other', 'USD', :now, :now)""",
        """INSERT INTO accounts (organization_id, id, provider, kind, native_id, name, created_at, updated_at)
            VALUES (:organization_id, :account_id, 'AWS', 'MANUAL', '1', 'Other', :now, :now)""",
        """INSERT INTO recommendations (organization_id, id, account_id, check_id, subject_key, node, severity,
                confidence, remedy, price_basis, saving, evidence, rule_version, saving_order, covers_parts, is_counted,
                state, state_changed_at, found_at, last_found_at)
            VALUES (:organization_id, :id, :account_id, 'aws.ebs.unattached', 'x', 'vol-x', 'LOW', 'LIKELY', 'DELETE',
                'UNKNOWN', '{}', '[]', 0, -1, false, true, 'OPEN', :now, :now, :now)""",
    )
    async with owner.write(None) as session:
        for statement in statements:
            await session.execute(text(statement), values)
    return id_
