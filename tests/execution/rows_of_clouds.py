"""Rows that only a cloud's answers would make: a connected account, its scans, its cost source, what advisers say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.demo.top_up import today
from app.models import (
    Account,
    AccountCheck,
    Base,
    CostAnomaly,
    CostSource,
    CostSourceRun,
    DeletionTag,
    OpinionReading,
    ProviderOpinion,
    ResourceChange,
    Scan,
    ScanStep,
    Upload,
    new_id,
    now,
)
from app.schema.node import parse_id

CONNECTED = "123456789012"
PROBLEM = {"code": "DENIED", "message": "It may not be read.", "remedy": "Allow it.", "permission": "ec2:Describe"}


def rows_of_clouds(organization_id: UUID, found: dict[str, Any]) -> Iterator[list[Base]]:
    """Groups of rows, each after those that it points to; `found` is what the demo has."""
    account = _account(organization_id)
    yield [account]
    yield list(_checks(account))
    scans = list(_scans(account))
    yield list(scans)
    yield [step for scan in scans for step in _steps(scan)]
    sources = list(_sources(account))
    yield list(sources)
    yield [run for source in sources for run in _runs(source)]
    yield list(_uploads(organization_id))
    yield list(_advice(organization_id, found))
    yield list(_changes(organization_id, found, scans[0].id))
    yield list(_anomalies(organization_id))


def _account(organization_id: UUID) -> Account:
    return Account(
        organization_id=organization_id,
        provider="AWS",
        kind="CONNECTED",
        native_id=CONNECTED,
        name="acme",
        method="AWS_ROLE",
        settings={"endpoints": {"*": "https://aws.example"}, "regions": ["eu-west-1", "us-east-1"]},
        health="DEGRADED",
        health_message="Some of it may not be read.",
        missing_permissions=["ec2:DescribeVolumes"],
        response_milliseconds=412,
        health_checked_at=now() - timedelta(hours=2),
        allows_tagging=True,
    )


def _checks(account: Account) -> Iterator[Base]:
    for number, health in enumerate(("HEALTHY", "ERROR", "DEGRADED")):
        yield AccountCheck(
            organization_id=account.organization_id,
            account_id=account.id,
            health=health,
            message=None if health == "HEALTHY" else "Some of it may not be read.",
            missing_permissions=[] if health == "HEALTHY" else ["ec2:DescribeVolumes"],
            response_milliseconds=None if health == "ERROR" else 100 + number,
            checked_at=now() - timedelta(hours=9 - number),
        )


def _scans(account: Account) -> Iterator[Scan]:
    for number, state in enumerate(("SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED", "QUEUED")):
        queued = now() - timedelta(hours=20 - number)
        ended = state != "QUEUED"
        yield Scan(
            organization_id=account.organization_id,
            account_id=account.id,
            state=state,
            regions=["eu-west-1"] if number % 2 else None,
            services=["ec2", "s3"] if number % 2 else None,
            actor_kind="SYSTEM",
            failure="The sign-in failed." if state == "FAILED" else None,
            remedy="Renew the role." if state == "FAILED" else None,
            queued_at=queued,
            started_at=queued + timedelta(seconds=1) if ended else None,
            finished_at=queued + timedelta(seconds=61) if ended else None,
            cancel_requested_at=queued + timedelta(seconds=50) if state == "CANCELLED" else None,
        )


def _steps(scan: Scan) -> Iterator[Base]:
    ended = scan.finished_at is not None
    for number, service in enumerate(("ec2", "s3", "rds")):
        state = ("SUCCEEDED", "PARTIAL", "FAILED")[number] if ended else "PENDING"
        problem = {"resourceTypes": ["AWS::EC2::Volume"], **PROBLEM}
        yield ScanStep(
            organization_id=scan.organization_id,
            scan_id=scan.id,
            service=service,
            region="eu-west-1",
            state=state,
            found=number * 7,
            added=number,
            changed=number * 2,
            problems=[problem] if state in {"PARTIAL", "FAILED"} else [],
            started_at=scan.started_at,
            finished_at=scan.finished_at,
        )


def _sources(account: Account) -> Iterator[CostSource]:
    places: dict[str, dict[str, Any]] = {
        "AWS_DATA_EXPORT": {"bucket": "acme-costs", "prefix": "finops/focus", "region": None},
        "BIGQUERY": {"table": "acme.billing.focus", "jobProject": None, "location": "EU"},
    }
    for kind, settings in places.items():
        yield CostSource(
            organization_id=account.organization_id,
            account_id=account.id,
            name=kind.lower(),
            kind=kind,
            settings=settings,
            dataset=kind.lower(),
            cron="15 5 * * *",
            time_zone="UTC",
            since="2026-08" if kind == "BIGQUERY" else None,
            next_run_at=now() + timedelta(hours=5),
            last_run_at=now() - timedelta(hours=5),
        )


def _runs(source: CostSource) -> Iterator[Base]:
    for number, state in enumerate(("SUCCEEDED", "FAILED", "PARTIAL")):
        queued = now() - timedelta(hours=30 - number)
        step = {
            "kind": "IMPORT",
            "state": "SUCCEEDED" if state == "SUCCEEDED" else "FAILED",
            "delivery": "2026-10",
            "counts": {"parts": 2, "bytes": 12_345, "rows": 77, "added": 70, "rejected": 7},
            "importId": str(new_id()),
            "checks": [{"name": "rows", "passed": True, "message": "77 rows, as announced."}],
            "problems": [PROBLEM] if state != "SUCCEEDED" else [],
            "startedAt": queued.isoformat(),
            "finishedAt": (queued + timedelta(seconds=9)).isoformat(),
        }
        yield CostSourceRun(
            organization_id=source.organization_id,
            cost_source_id=source.id,
            state=state,
            steps=[
                step,
                {**step, "kind": "DISCOVER", "delivery": None, "importId": None, "checks": [], "problems": []},
            ],
            deliveries=3,
            unchanged=number,
            imported=1,
            fetched_bytes=12_345,
            actor_kind="SYSTEM",
            failure="It could not be read." if state == "FAILED" else None,
            remedy="Allow it." if state == "FAILED" else None,
            queued_at=queued,
            started_at=queued,
            finished_at=queued + timedelta(seconds=10),
        )


def _uploads(organization_id: UUID) -> Iterator[Base]:
    for number, state in enumerate(("RECEIVING", "COMPLETE", "FAILED")):
        yield Upload(
            organization_id=organization_id,
            file_name=f"part-{number}.csv.gz",
            content_type=None,
            bytes_expected=3_000_000_000,
            bytes_received=number * 1_500_000_000,
            sha256_expected=b"\x07" * 32,
            sha256=b"\x07" * 32 if state == "COMPLETE" else None,
            state=state,
            failure="Another checksum." if state == "FAILED" else None,
            storage="LOCAL",
            actor_kind="SYSTEM",
            actor_id=None,
            expires_at=now() + timedelta(days=2),
        )


def _advice(organization_id: UUID, found: dict[str, Any]) -> Iterator[Base]:
    """What an adviser says of what checks have found, and how its readings went."""
    findings = [one for one in found["recommendations"]["nodes"] if one["resource"] is not None]
    for account_id in {one["account"]["id"] for one in findings}:
        broken = len(account_id) % 2 == 1
        yield OpinionReading(
            organization_id=organization_id,
            account_id=parse_id(account_id).id,
            source="COST_OPTIMIZATION_HUB",
            read_at=now() - timedelta(hours=3),
            completed_at=now() - timedelta(hours=4),
            problem=PROBLEM if broken else None,
        )
    for number, one in enumerate(findings[:20]):
        unknown = number % 3 == 0
        yield ProviderOpinion(
            organization_id=organization_id,
            account_id=parse_id(one["account"]["id"]).id,
            source="COST_OPTIMIZATION_HUB",
            native_id=f"advice-{number}",
            kind="Rightsize",
            remedy="RESIZE",
            title="Make it smaller",
            resource_native_id=one["resource"]["nativeId"],
            resource_type=None,
            region="eu-west-1",
            target="t3.small",
            monthly_saving=None if unknown else Decimal("12.3456789"),
            currency=None if unknown else "USD",
            saving_reason="NOT_TOLD" if unknown else None,
            lookback_days=14,
            refreshed_at=now() - timedelta(days=1),
            link=f"https://aws.example/{number}",
            details={"number": number, "nested": {"ö": [1, 2.5, None]}},
            first_seen_at=now() - timedelta(days=9),
            last_seen_at=now() - timedelta(hours=3),
        )
    for state, one in zip(("REQUESTED", "WRITTEN", "FAILED"), findings[-3:], strict=True):
        yield DeletionTag(
            organization_id=organization_id,
            recommendation_id=parse_id(one["id"]).id,
            account_id=parse_id(one["account"]["id"]).id,
            state=state,
            due_on=today() + timedelta(days=9),
            may_exist=True,
            message="It may not be written." if state == "FAILED" else None,
        )


def _changes(organization_id: UUID, found: dict[str, Any], scan_id: UUID) -> Iterator[Base]:
    for number, one in enumerate(found["recommendations"]["nodes"][:30]):
        if one["resource"] is None:
            continue
        for kind in ("CHANGED", "REMOVED", "RETURNED")[: number % 3 + 1]:
            yield ResourceChange(
                organization_id=organization_id,
                resource_id=parse_id(one["resource"]["id"]).id,
                scan_id=scan_id if number % 2 else None,
                kind=kind,
                changes={"status": {"from": "running", "to": None}, "tags": {"from": {}, "to": {"a": "b"}}},
                changed_at=now() - timedelta(days=number),
            )


def _anomalies(organization_id: UUID) -> Iterator[Base]:
    amounts = {"expected": "10.000000001", "actual": "50", "excess": "39.999999999", "share": "0.8"}
    cause = {"key": "Amazon EC2", "name": None, "isNew": False, **amounts}
    causes = {"contributions": [cause], "others": "1.5", "otherCount": 3, "unexplained": "-0.25"}
    seen = {
        "series": "SERVICE",
        "serviceName": "Amazon EC2",
        "subAccountId": None,
        "startsOn": str(today() - timedelta(days=9)),
        "endsOn": str(today() - timedelta(days=8)),
        "excess": "12.5",
    }
    for number, state in enumerate(("OPEN", "ACKNOWLEDGED", "EXPECTED", "RESOLVED")):
        yield CostAnomaly(
            organization_id=organization_id,
            series="SERVICE_ACCOUNT",
            series_key=f"some series {number}",
            metric="effective_cost",
            billing_currency="USD",
            service_name="Amazon Elastic Compute Cloud",
            sub_account_id="000000000101",
            starts_on=today() - timedelta(days=9 + number),
            ends_on=today() - timedelta(days=8),
            expected=Decimal("10.000000001"),
            actual=Decimal(50),
            excess=Decimal("39.999999999"),
            score=Decimal("9.125"),
            state=state,
            state_reason="A sale." if state == "EXPECTED" else None,
            state_changed_at=now() - timedelta(days=1),
            explanation={"services": causes, "accounts": causes, "resources": causes | {"contributions": []}},
            days=[[str(today() - timedelta(days=9)), "10", "50"]],
            also_seen_in=[seen],
            first_import_id=None,
            last_import_id=None,
            resolved_at=now() if state == "RESOLVED" else None,
        )
