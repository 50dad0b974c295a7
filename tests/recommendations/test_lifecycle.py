"""Random sequences of looks, words of people and days that pass never lose, double or contradict a recommendation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from app.detection.overlap import Claim, counted
from app.recommendations.lifecycle import found_again, not_found
from app.recommendations.store import new_row, stored_of
from app.records.detection import Confidence, PriceBasis, Remedy, Saving, Severity
from app.records.recommendations import COUNTING, Found, Looked, RecommendationState, Resolution

START = datetime(2026, 11, 1, tzinfo=UTC)
ORGANIZATION, ACCOUNT = UUID(int=1), UUID(int=2)
SUBJECTS = ("vol-a", "vol-b", "i-1")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("look"), st.sets(st.sampled_from(SUBJECTS)), st.sets(st.sampled_from(SUBJECTS))),
        st.tuples(st.just("ignore"), st.sampled_from(SUBJECTS), st.one_of(st.none(), st.integers(1, 5))),
        st.tuples(st.just("mark"), st.sampled_from(SUBJECTS)),
        st.tuples(st.just("resolve"), st.sampled_from(SUBJECTS)),
        st.tuples(st.just("reopen"), st.sampled_from(SUBJECTS)),
        st.tuples(st.just("wait"), st.integers(1, 4)),
    ),
    max_size=25,
)


def finding(subject: str) -> Found:
    """Waste on a volume of the instance, or on the instance with all its volumes."""
    whole = subject == "i-1"
    amount = Decimal(30 if whole else 20)
    return Found(
        check_id="check",
        subject_key=subject,
        account_id=ACCOUNT,
        resource_id=UUID(int=3),
        node=subject,
        severity=Severity.LOW,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        saving=Saving(amount, "USD", PriceBasis.LIST, "all of it"),
        converted=amount,
        evidence=(),
        target=None,
        part_of=None if whole else "i-1",
        covers_parts=whole,
        rule_version=0,
    )


@dataclass
class Ledger:
    """The rows as the table would have them, with what a person has said of each."""

    now: datetime = START
    rows: dict[str, dict[str, object]] = field(default_factory=dict)

    def state(self, subject: str) -> str:
        """Where a subject's recommendation stands."""
        return str(self.rows[subject]["state"])

    def look(self, wasteful: set[str], unreadable: set[str]) -> None:
        """A look that finds some subjects wasteful, and cannot tell of others."""
        for subject in SUBJECTS:
            row = self.rows.get(subject)
            if subject in wasteful - unreadable:
                if row is None:
                    self.rows[subject] = new_row(ORGANIZATION, finding(subject), self.now)
                else:
                    row.update(found_again(stored_of(row), finding(subject), self.now).values)
            elif row is not None:
                resolution = None if subject in unreadable else Resolution.CHANGED
                row.update(not_found(stored_of(row), Looked("check", subject, resolution), self.now).values)

    def say(self, act: str, subject: str, days: int | None = None) -> None:
        """What app.recommendations.answer writes; what does not fit a state is refused there."""
        row = self.rows.get(subject)
        if row is None:
            return
        over = row["state"] == "RESOLVED"
        if act == "reopen":
            if over and not (row["resolution"] == "SAID_DONE" and row["proved_at"] is None):
                return
            row.update(state="OPEN", ignored_until=None, resolution=None, resolved_at=None, proved_at=None)
        elif over:
            return
        elif act == "ignore":
            until = None if days is None else (self.now + timedelta(days=days)).date()
            row.update(state="IGNORED", ignored_until=until)
        elif act == "mark":
            row.update(state="MARKED_FOR_DELETION", ignored_until=None)
        else:
            said = {"resolution": "SAID_DONE", "resolved_at": self.now, "proved_at": None}
            row.update(state="RESOLVED", ignored_until=None, **said)

    def check(self, wasteful: set[str] | None = None, unreadable: set[str] | None = None) -> None:
        """What holds after every step, and after a look of the subjects that it could read."""
        for subject, row in self.rows.items():
            assert (row["state"] == "RESOLVED") == (row["resolution"] is not None)
            assert row["ignored_until"] is None or row["state"] == "IGNORED"
            if wasteful is None or unreadable is None or subject in unreadable:
                continue
            if subject in wasteful:
                assert row["state"] != "RESOLVED", "what is found stands"
            else:
                assert row["state"] == "RESOLVED", "what is not found does not stand"
                assert row["proved_at"] is not None
        self._check_money()

    def _check_money(self) -> None:
        claims = [
            Claim(
                UUID(int=number),
                subject,
                None if subject == "i-1" else "i-1",
                subject == "i-1",
                finding(subject).converted,
            )
            for number, subject in enumerate(SUBJECTS)
            if subject in self.rows and RecommendationState(str(self.rows[subject]["state"])) in COUNTING
        ]
        total = sum((claim.amount or Decimal(0) for claim in claims if claim.id in counted(claims)), Decimal(0))
        volumes = sum(20 for claim in claims if claim.node != "i-1")
        instance = 30 if any(claim.node == "i-1" for claim in claims) else 0
        assert total == max(volumes, instance), "the instance's saving holds that of its volumes"


@settings(max_examples=300)
@given(STEPS)
def test_no_sequence_loses_doubles_or_contradicts(steps: list[tuple[object, ...]]) -> None:
    ledger = Ledger()
    first: dict[str, object] = {}
    for kind, *values in steps:
        if kind == "look":
            wasteful, unreadable = values
            assert isinstance(wasteful, set)
            assert isinstance(unreadable, set)
            ledger.look(wasteful, unreadable)
            ledger.check(wasteful, unreadable)
        elif kind == "wait":
            (days,) = values
            assert isinstance(days, int)
            ledger.now += timedelta(days=days)
        else:
            subject, *more = values
            days_ = more[0] if more else None
            assert days_ is None or isinstance(days_, int)
            ledger.say(str(kind), str(subject), days_)
        ledger.check()
        for subject, row in ledger.rows.items():
            assert first.setdefault(subject, row["id"]) == row["id"], "the same row for ever"


def test_what_is_ignored_until_a_day_opens_on_it() -> None:
    ledger = Ledger()
    ledger.look({"vol-a"}, set())
    ledger.say("ignore", "vol-a", 2)
    ledger.now += timedelta(days=1)
    ledger.look({"vol-a"}, set())
    assert ledger.state("vol-a") == "IGNORED"
    ledger.now += timedelta(days=1)
    ledger.look({"vol-a"}, set())
    assert ledger.state("vol-a") == "OPEN"
