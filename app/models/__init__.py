"""SQLAlchemy tables, one file per noun."""

from app.models.activity import ActivityEvent, ActivityHead
from app.models.base import Base, new_id, now
from app.models.costs import Charge
from app.models.identity import RefreshToken, Session, User
from app.models.inventory import Account, Resource
from app.models.jobs import Job
from app.models.organizations import ApiKey, Invitation, Membership, Organization

__all__ = [
    "Account",
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
    "Session",
    "User",
    "new_id",
    "now",
]
