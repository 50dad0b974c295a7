"""SQLAlchemy tables, one file per noun."""

from app.models.accounts import Account, AccountCheck, AccountCredential
from app.models.activity import ActivityEvent, ActivityHead
from app.models.base import Base, new_id, now
from app.models.costs import (
    AllocationSet,
    Charge,
    CostDaily,
    CostDim,
    CostImport,
    CostImportPeriod,
    CostMonth,
    DetailDim,
    ImportReject,
    ProviderDaily,
    ResourceDim,
    ResourceMonthly,
    ServiceDaily,
    ServiceMonthly,
    SkuDim,
    SummaryDim,
    SummaryMonthly,
    TagDaily,
    TagServiceDaily,
    TagSet,
)
from app.models.identity import RefreshToken, Session, User
from app.models.inventory import Resource, ResourceChange, ResourceRelationship
from app.models.jobs import Job
from app.models.organizations import ApiKey, Invitation, Membership, Organization
from app.models.scans import Scan, ScanSchedule, ScanSighting, ScanStep

__all__ = [
    "Account",
    "AccountCheck",
    "AccountCredential",
    "ActivityEvent",
    "ActivityHead",
    "AllocationSet",
    "ApiKey",
    "Base",
    "Charge",
    "CostDaily",
    "CostDim",
    "CostImport",
    "CostImportPeriod",
    "CostMonth",
    "DetailDim",
    "ImportReject",
    "Invitation",
    "Job",
    "Membership",
    "Organization",
    "ProviderDaily",
    "RefreshToken",
    "Resource",
    "ResourceChange",
    "ResourceDim",
    "ResourceMonthly",
    "ResourceRelationship",
    "Scan",
    "ScanSchedule",
    "ScanSighting",
    "ScanStep",
    "ServiceDaily",
    "ServiceMonthly",
    "Session",
    "SkuDim",
    "SummaryDim",
    "SummaryMonthly",
    "TagDaily",
    "TagServiceDaily",
    "TagSet",
    "User",
    "new_id",
    "now",
]
