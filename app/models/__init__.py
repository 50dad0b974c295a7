"""SQLAlchemy tables, one file per noun."""

from app.models.accounts import Account, AccountCheck, AccountCredential
from app.models.activity import ActivityEvent, ActivityHead
from app.models.base import Base, new_id, now
from app.models.costs import Charge
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
    "ApiKey",
    "Base",
    "Charge",
    "Invitation",
    "Job",
    "Membership",
    "Organization",
    "RefreshToken",
    "Resource",
    "ResourceChange",
    "ResourceRelationship",
    "Scan",
    "ScanSchedule",
    "ScanSighting",
    "ScanStep",
    "Session",
    "User",
    "new_id",
    "now",
]
