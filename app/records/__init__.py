"""Frozen values and enums that cross rooms."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID


class Role(StrEnum):
    """What a member may do in an organization; each role includes those after it."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"
    VIEWER = "VIEWER"


class Permission(StrEnum):
    """One act that a role or an API key allows. The value is also the name of the API key scope."""

    ORGANIZATION_READ = "organization:read"
    ORGANIZATION_UPDATE = "organization:update"
    ORGANIZATION_DELETE = "organization:delete"
    MEMBERS_MANAGE = "members:manage"
    API_KEYS_MANAGE = "api-keys:manage"
    ACCOUNTS_MANAGE = "accounts:manage"
    SCANS_RUN = "scans:run"
    RESOURCES_INGEST = "resources:ingest"
    COSTS_INGEST = "costs:ingest"
    COSTS_MANAGE = "costs:manage"
    RECOMMENDATIONS_MANAGE = "recommendations:manage"
    ACTIVITY_WRITE = "activity:write"
    AUDIT_READ = "audit:read"
    SINGLE_SIGN_ON_MANAGE = "single-sign-on:manage"
    WEBHOOKS_MANAGE = "webhooks:manage"


class Provider(StrEnum):
    """Who runs the resource or bills the usage."""

    AWS = "AWS"
    AZURE = "AZURE"
    GCP = "GCP"
    MICROSOFT_365 = "MICROSOFT_365"
    OPENAI = "OPENAI"
    ANTHROPIC = "ANTHROPIC"
    GEMINI = "GEMINI"
    OTHER = "OTHER"


class AccountKind(StrEnum):
    """How the data of an account arrives."""

    MANUAL = "MANUAL"
    CONNECTED = "CONNECTED"


class ConnectionMethod(StrEnum):
    """How Skyledger signs in to a connected account."""

    AWS_ROLE = "AWS_ROLE"
    AWS_KEYS = "AWS_KEYS"
    AZURE_SECRET = "AZURE_SECRET"  # noqa: S105  (a name)
    AZURE_CERTIFICATE = "AZURE_CERTIFICATE"
    GCP_SERVICE_ACCOUNT = "GCP_SERVICE_ACCOUNT"
    GCP_WORKLOAD_IDENTITY = "GCP_WORKLOAD_IDENTITY"
    M365_SECRET = "M365_SECRET"  # noqa: S105  (a name)
    M365_CERTIFICATE = "M365_CERTIFICATE"


class AccountHealth(StrEnum):
    """How an account answered when it was last asked."""

    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    ERROR = "ERROR"


class ScanState(StrEnum):
    """How far a scan is. The first two are under way, the others final."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class StepState(StrEnum):
    """How far one step of a scan is: one service in one region."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class RelationshipKind(StrEnum):
    """How one resource stands to another, read from the one that says so to its target."""

    ATTACHED_TO = "ATTACHED_TO"
    MEMBER_OF = "MEMBER_OF"
    BEHIND = "BEHIND"
    CREATED_FROM = "CREATED_FROM"
    IN_NETWORK = "IN_NETWORK"


class ChangeKind(StrEnum):
    """What a scan found different about a resource."""

    CHANGED = "CHANGED"
    REMOVED = "REMOVED"
    RETURNED = "RETURNED"


class EventKind(StrEnum):
    """What happened, in the activity of an organization."""

    ORGANIZATION_CREATED = "ORGANIZATION_CREATED"
    ORGANIZATION_UPDATED = "ORGANIZATION_UPDATED"
    ORGANIZATION_DELETED = "ORGANIZATION_DELETED"
    MEMBER_INVITED = "MEMBER_INVITED"
    INVITATION_REVOKED = "INVITATION_REVOKED"
    MEMBER_JOINED = "MEMBER_JOINED"
    MEMBER_ROLE_CHANGED = "MEMBER_ROLE_CHANGED"
    MEMBER_REMOVED = "MEMBER_REMOVED"
    API_KEY_CREATED = "API_KEY_CREATED"
    API_KEY_REVOKED = "API_KEY_REVOKED"
    ACCOUNT_CREATED = "ACCOUNT_CREATED"
    ACCOUNT_UPDATED = "ACCOUNT_UPDATED"
    ACCOUNT_CONNECTED = "ACCOUNT_CONNECTED"
    ACCOUNT_DISCONNECTED = "ACCOUNT_DISCONNECTED"
    ACCOUNT_HEALTH_CHANGED = "ACCOUNT_HEALTH_CHANGED"
    SCAN_STARTED = "SCAN_STARTED"
    SCAN_FINISHED = "SCAN_FINISHED"
    SCAN_SCHEDULE_CREATED = "SCAN_SCHEDULE_CREATED"
    SCAN_SCHEDULE_UPDATED = "SCAN_SCHEDULE_UPDATED"
    SCAN_SCHEDULE_DELETED = "SCAN_SCHEDULE_DELETED"
    SCAN_SCHEDULE_SKIPPED = "SCAN_SCHEDULE_SKIPPED"
    RESOURCES_INGESTED = "RESOURCES_INGESTED"
    COSTS_INGESTED = "COSTS_INGESTED"
    COST_IMPORT_STARTED = "COST_IMPORT_STARTED"
    COST_IMPORT_CANCELLED = "COST_IMPORT_CANCELLED"
    COST_IMPORT_FAILED = "COST_IMPORT_FAILED"
    BILLING_PERIOD_DELETED = "BILLING_PERIOD_DELETED"
    EXPORT_STARTED = "EXPORT_STARTED"
    EXPORT_FINISHED = "EXPORT_FINISHED"
    COST_EXPORT_STARTED = "COST_EXPORT_STARTED"
    COST_EXPORT_FINISHED = "COST_EXPORT_FINISHED"
    COST_SOURCE_CREATED = "COST_SOURCE_CREATED"
    COST_SOURCE_UPDATED = "COST_SOURCE_UPDATED"
    COST_SOURCE_DELETED = "COST_SOURCE_DELETED"
    COST_SOURCE_RUN_FINISHED = "COST_SOURCE_RUN_FINISHED"
    CURRENCY_RATES_SET = "CURRENCY_RATES_SET"
    CURRENCY_RATES_DELETED = "CURRENCY_RATES_DELETED"
    PRICE_OVERRIDES_SET = "PRICE_OVERRIDES_SET"
    PRICE_OVERRIDES_DELETED = "PRICE_OVERRIDES_DELETED"
    BUDGET_CREATED = "BUDGET_CREATED"
    BUDGET_UPDATED = "BUDGET_UPDATED"
    BUDGET_DELETED = "BUDGET_DELETED"
    BUDGET_THRESHOLD_CROSSED = "BUDGET_THRESHOLD_CROSSED"
    BUDGET_RECOVERED = "BUDGET_RECOVERED"
    ANOMALY_FOUND = "ANOMALY_FOUND"
    ANOMALY_RESOLVED = "ANOMALY_RESOLVED"
    ANOMALY_MERGED = "ANOMALY_MERGED"
    ANOMALY_ACKNOWLEDGED = "ANOMALY_ACKNOWLEDGED"
    ANOMALY_MARKED_EXPECTED = "ANOMALY_MARKED_EXPECTED"
    ANOMALY_REOPENED = "ANOMALY_REOPENED"
    COST_FORECAST_MADE = "COST_FORECAST_MADE"
    COST_FORECAST_MOVED = "COST_FORECAST_MOVED"
    COMMITMENT_UNDERUSED = "COMMITMENT_UNDERUSED"
    COMMITMENT_RECOVERED = "COMMITMENT_RECOVERED"
    COMMITMENT_COVERAGE_FELL = "COMMITMENT_COVERAGE_FELL"
    UNIT_COST_MOVED = "UNIT_COST_MOVED"
    BUSINESS_METRICS_RECORDED = "BUSINESS_METRICS_RECORDED"
    BUSINESS_METRIC_DELETED = "BUSINESS_METRIC_DELETED"
    TEAM_CREATED = "TEAM_CREATED"
    TEAM_UPDATED = "TEAM_UPDATED"
    TEAM_ARCHIVED = "TEAM_ARCHIVED"
    TEAM_RESTORED = "TEAM_RESTORED"
    TAG_KEYS_PROMOTED = "TAG_KEYS_PROMOTED"
    ALLOCATION_RULE_CREATED = "ALLOCATION_RULE_CREATED"
    ALLOCATION_RULE_UPDATED = "ALLOCATION_RULE_UPDATED"
    ALLOCATION_RULE_MOVED = "ALLOCATION_RULE_MOVED"
    ALLOCATION_RULE_DELETED = "ALLOCATION_RULE_DELETED"
    ALLOCATION_RERUN = "ALLOCATION_RERUN"
    ALLOCATION_FINISHED = "ALLOCATION_FINISHED"
    RECOMMENDATIONS_CHANGED = "RECOMMENDATIONS_CHANGED"
    RECOMMENDATIONS_IGNORED = "RECOMMENDATIONS_IGNORED"
    RECOMMENDATIONS_MARKED_FOR_DELETION = "RECOMMENDATIONS_MARKED_FOR_DELETION"
    RECOMMENDATIONS_REOPENED = "RECOMMENDATIONS_REOPENED"
    RECOMMENDATIONS_RESOLVED = "RECOMMENDATIONS_RESOLVED"
    RECOMMENDATIONS_TAGGED = "RECOMMENDATIONS_TAGGED"
    DETECTION_RULE_CHANGED = "DETECTION_RULE_CHANGED"
    SUBSCRIPTION_CHANGED = "SUBSCRIPTION_CHANGED"
    SINGLE_SIGN_ON_CONFIGURED = "SINGLE_SIGN_ON_CONFIGURED"
    SINGLE_SIGN_ON_REMOVED = "SINGLE_SIGN_ON_REMOVED"
    EMAIL_DOMAIN_VERIFIED = "EMAIL_DOMAIN_VERIFIED"
    NOTE_ADDED = "NOTE_ADDED"
    WEBHOOK_CREATED = "WEBHOOK_CREATED"
    WEBHOOK_UPDATED = "WEBHOOK_UPDATED"
    WEBHOOK_DELETED = "WEBHOOK_DELETED"
    WEBHOOK_SECRET_ROTATED = "WEBHOOK_SECRET_ROTATED"  # noqa: S105  (a name)
    WEBHOOK_DISABLED = "WEBHOOK_DISABLED"


class ActorKind(StrEnum):
    """What kind of caller did it."""

    USER = "USER"
    API_KEY = "API_KEY"
    SYSTEM = "SYSTEM"


@dataclass(frozen=True)
class Actor:
    """Who did it; `id` is None for the system."""

    kind: ActorKind
    id: UUID | None = None


@dataclass(frozen=True)
class NewEvent:
    """An event to be recorded in the transaction that causes it. `data` holds plain JSON values, never a secret."""

    kind: EventKind
    actor: Actor
    subject_type: str | None = None
    subject_id: UUID | None = None
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RowIssue:
    """One thing wrong in one row of a batch: the row's number (from 1), the column, the value as sent, why."""

    row_number: int
    column: str | None
    value: str | None
    reason: str


@dataclass(frozen=True)
class Grant:
    """What a principal may do in one organization; without its slug where the grant was made without reading it."""

    organization_id: UUID
    role: Role
    permissions: frozenset[Permission]
    slug: str | None = None


@dataclass(frozen=True)
class Principal:
    """Who is calling, as of at most five seconds ago: a signed-in user, an API key, or the root key.

    `user_id` is None for keys. `grants` maps the organizations within reach. `expires_at` is when the credential
    ends, in UTC. `session_id` is the sign-in of a user, which log-out ends. `must_verify_email` is for users who reach
    nothing before they have verified their address.
    """

    actor: Actor
    grants: dict[UUID, Grant]
    user_id: UUID | None = None
    session_id: UUID | None = None
    api_key_id: UUID | None = None
    is_platform_admin: bool = False
    expires_at: datetime | None = None
    must_verify_email: bool = False

    def grant_by_slug(self, slug: str) -> Grant | None:
        """The grant in the organization of this slug; None also where the slug was not read."""
        return next((grant for grant in self.grants.values() if grant.slug == slug), None)

    @cached_property
    def subject(self) -> str:
        """The caller's name in logs: kind and id, never an address or a secret."""
        return f"{self.actor.kind.lower()}:{self.actor.id}" if self.actor.id else self.actor.kind.lower()


class Unset(Enum):
    """The type of a value that was not given, where None means "empty it"."""

    UNSET = "UNSET"


UNSET = Unset.UNSET
