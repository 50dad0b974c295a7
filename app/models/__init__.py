"""SQLAlchemy tables, one file per noun."""

from app.models.accounts import Account, AccountCheck, AccountCredential
from app.models.activity import ActivityEvent, ActivityHead
from app.models.allocation import (
    AllocatedDaily,
    AllocationMonth,
    AllocationRule,
    AllocationRun,
    PromotedTagKey,
    TagKeyFigure,
    Team,
    TeamDaily,
)
from app.models.audit import AuditDetail, AuditEvent, AuditHead
from app.models.base import Base, new_id, now
from app.models.budgets import (
    Budget,
    BudgetAlert,
    BudgetForecast,
    BusinessMetric,
    BusinessMetricValue,
    CostAnomaly,
    ToldFigure,
)
from app.models.cost_exports import CostExport
from app.models.cost_rollups import (
    CostDaily,
    CostMonth,
    ProviderDaily,
    ResourceMonthly,
    ServiceDaily,
    ServiceMonthly,
    SummaryMonthly,
    TagDaily,
    TagServiceDaily,
    TagTotalDaily,
)
from app.models.cost_sources import CostSource, CostSourceDelivery, CostSourceRun
from app.models.costs import (
    AllocationSet,
    Charge,
    CostDim,
    CostImport,
    CostImportPeriod,
    DetailDim,
    ImportReject,
    ResourceDim,
    SkuDim,
    SummaryDim,
    TagSet,
)
from app.models.currencies import CurrencyRate
from app.models.detection_rules import DetectionRuleVersion
from app.models.exports import Export
from app.models.identity import (
    FailedSignIn,
    IdentityMail,
    LogInChallenge,
    Passkey,
    PasskeyRegistration,
    RecoveryCode,
    RefreshToken,
    Session,
    TotpFactor,
    User,
)
from app.models.inventory import Resource, ResourceChange, ResourceRelationship
from app.models.jobs import Job
from app.models.opinions import OpinionReading, ProviderOpinion
from app.models.organizations import ApiKey, Invitation, Membership, Organization
from app.models.personal_data import AccountErasure, PersonalExport
from app.models.plans import Plan, Subscription, UsageCounter
from app.models.prices import ListedPrice, PriceOverride, PriceReading
from app.models.recommendations import (
    AccountLook,
    DeletionTag,
    RealisedSaving,
    Recommendation,
    RecommendationHistory,
)
from app.models.scans import Scan, ScanSchedule, ScanSighting, ScanStep
from app.models.scheduled_work import ScheduledWork
from app.models.single_sign_on import SingleSignOn, SingleSignOnFlow, SingleSignOnIdentity, VerifiedDomain
from app.models.stored_answers import StoredAnswer
from app.models.trusted_documents import TrustedDocument
from app.models.uploads import Upload
from app.models.usage import ResourceUsage
from app.models.webhooks import Webhook, WebhookAttempt, WebhookDelivery

__all__ = [
    "Account",
    "AccountCheck",
    "AccountCredential",
    "AccountErasure",
    "AccountLook",
    "ActivityEvent",
    "ActivityHead",
    "AllocatedDaily",
    "AllocationMonth",
    "AllocationRule",
    "AllocationRun",
    "AllocationSet",
    "ApiKey",
    "AuditDetail",
    "AuditEvent",
    "AuditHead",
    "Base",
    "Budget",
    "BudgetAlert",
    "BudgetForecast",
    "BusinessMetric",
    "BusinessMetricValue",
    "Charge",
    "CostAnomaly",
    "CostDaily",
    "CostDim",
    "CostExport",
    "CostImport",
    "CostImportPeriod",
    "CostMonth",
    "CostSource",
    "CostSourceDelivery",
    "CostSourceRun",
    "CurrencyRate",
    "DeletionTag",
    "DetailDim",
    "DetectionRuleVersion",
    "Export",
    "FailedSignIn",
    "IdentityMail",
    "ImportReject",
    "Invitation",
    "Job",
    "ListedPrice",
    "LogInChallenge",
    "Membership",
    "OpinionReading",
    "Organization",
    "Passkey",
    "PasskeyRegistration",
    "PersonalExport",
    "Plan",
    "PriceOverride",
    "PriceReading",
    "PromotedTagKey",
    "ProviderDaily",
    "ProviderOpinion",
    "RealisedSaving",
    "Recommendation",
    "RecommendationHistory",
    "RecoveryCode",
    "RefreshToken",
    "Resource",
    "ResourceChange",
    "ResourceDim",
    "ResourceMonthly",
    "ResourceRelationship",
    "ResourceUsage",
    "Scan",
    "ScanSchedule",
    "ScanSighting",
    "ScanStep",
    "ScheduledWork",
    "ServiceDaily",
    "ServiceMonthly",
    "Session",
    "SingleSignOn",
    "SingleSignOnFlow",
    "SingleSignOnIdentity",
    "SkuDim",
    "StoredAnswer",
    "Subscription",
    "SummaryDim",
    "SummaryMonthly",
    "TagDaily",
    "TagKeyFigure",
    "TagServiceDaily",
    "TagSet",
    "TagTotalDaily",
    "Team",
    "TeamDaily",
    "ToldFigure",
    "TotpFactor",
    "TrustedDocument",
    "Upload",
    "UsageCounter",
    "User",
    "VerifiedDomain",
    "Webhook",
    "WebhookAttempt",
    "WebhookDelivery",
    "new_id",
    "now",
]
