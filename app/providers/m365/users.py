"""Users with their licences, sign-ins and use of services; users that are deleted and may be restored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from app.providers.base import FoundResource, Relation
from app.providers.m365.graph import Document, Graph
from app.providers.m365.permissions import (
    READ_MAILBOX_SETTINGS,
    READ_ORGANIZATION,
    READ_REPORT_SETTINGS,
    READ_REPORTS,
    READ_SIGN_INS,
    READ_USERS,
)
from app.providers.m365.reading import Tenant, Trouble, collector, found, moment, text_of
from app.providers.m365.subscriptions import all_skus, sku_id
from app.providers.m365.user_reports import UserReports, read_user_reports
from app.providers.problems import ProblemCode, ProviderError
from app.records import RelationshipKind

USER: Final = "microsoft.graph/users"
DELETED_USER: Final = "microsoft.graph/deletedUsers"
_COLUMNS: Final = (
    "id,userPrincipalName,displayName,mail,accountEnabled,userType,createdDateTime,department,usageLocation"
    ",onPremisesSyncEnabled,assignedLicenses,licenseAssignmentStates"
)
_SIGN_INS: Final = "signInActivity"
_PAGE: Final = 500
"""Users a page: the most that Graph gives together with their sign-ins."""
_NO_MAILBOX: Final = "none"
_LARGE: Final = 10 * 2**30
"""Bytes of a mailbox without a licence from which on it matters what it is for."""
_REFUSED: Final = frozenset({ProblemCode.DENIED, ProblemCode.NOT_ENABLED})


def _users(trouble: Trouble, tenant: Tenant) -> Iterator[list[FoundResource]]:
    names = sku_names(tenant.graph)
    reports = read_user_reports(tenant, trouble, with_copilot=any("COPILOT" in name.upper() for name in names.values()))
    unreadable = list(reports.unreadable)
    for page in _user_pages(tenant.graph, trouble, unreadable):
        purposes: dict[str, str] | None = None
        if "mailboxPurpose" not in unreadable:
            asked = [str(user["id"]) for user in page if _may_be_shared(user, reports)]
            purposes = trouble.told(lambda ids=asked: _mailbox_purposes(tenant.graph, ids))  # type: ignore[misc]
            if purposes is None:
                unreadable.append("mailboxPurpose")
        yield [_user(entry, names, reports, purposes or {}, unreadable, trouble) for entry in page]


def sku_names(graph: Graph) -> dict[str, str]:
    """The part numbers of SKUs by the ids that licences name them by. Raises ProviderError."""
    return {str(entry.get("skuId")).lower(): str(entry.get("skuPartNumber")) for entry in all_skus(graph)}


def _user_pages(graph: Graph, trouble: Trouble, unreadable: list[str]) -> Iterator[list[Document]]:
    """All users, with their sign-ins where these may be read: Graph refuses the whole list otherwise."""
    path = f"/users?$select={_COLUMNS},{_SIGN_INS}&$top={_PAGE}"
    pages = graph.pages(path, "sign-ins of users", READ_SIGN_INS)
    try:
        first = next(pages, None)
    except ProviderError as problem:
        if problem.code not in _REFUSED:
            raise
        pages = graph.pages(f"/users?$select={_COLUMNS}&$top={_PAGE}", "users", READ_USERS)
        first = next(pages, None)
        trouble.note(problem)
        unreadable.append("lastSignInAt")
    if first is not None:
        yield first
    yield from pages


def _may_be_shared(user: Document, reports: UserReports) -> bool:
    """Whether the user's mailbox may be a shared one's or a room's, and it matters.

    Nobody signs in to such a mailbox, so its account is disabled. One without a licence matters when it is large.
    """
    if not user.get("mail") or user.get("userType") == "Guest":
        return False
    if user.get("assignedLicenses"):
        return not user.get("accountEnabled")
    mailbox = reports.of(str(user.get("userPrincipalName") or "")).get("mailbox") or {}
    return int(mailbox.get("storageBytes") or 0) >= _LARGE


def _mailbox_purposes(graph: Graph, asked: Sequence[str]) -> dict[str, str]:
    """What the mailboxes of some users are for, by user id: a call for each, so only of those that matter."""
    paths = [f"/users/{quote(one)}/mailboxSettings/userPurpose" for one in asked]
    answers = graph.each(paths, "purposes of mailboxes", READ_MAILBOX_SETTINGS)
    return {
        one: str(answer.get("value") or "unknown") if answer else _NO_MAILBOX
        for one, answer in zip(asked, answers, strict=True)
    }


def _user(
    entry: Document,
    names: Mapping[str, str],
    reports: UserReports,
    purposes: Mapping[str, str],
    unreadable: Sequence[str],
    trouble: Trouble,
) -> FoundResource:
    id_, principal = str(entry["id"]), str(entry.get("userPrincipalName") or "")
    activity = entry.get(_SIGN_INS) or {}
    signs = [moment(activity.get(name)) for name in _SIGN_IN_MOMENTS]
    signed_in = max((one for one in signs if one is not None), default=None)
    licenses = _licenses(entry, names)
    properties = {
        **{name: entry.get(name) for name in _PLAIN},
        "licenses": licenses,
        "lastSignInAt": text_of(signed_in),
        "mailboxPurpose": purposes.get(id_),
        **reports.of(principal),
        "dataConcealed": trouble.is_concealed or None,
        "unreadable": sorted(unreadable) or None,
    }
    return found(
        USER,
        user_id(id_),
        principal,
        properties,
        status="enabled" if entry.get("accountEnabled") else "disabled",
        created_at=moment(entry.get("createdDateTime")),
        last_used_at=signed_in,
        relations=tuple(Relation(RelationshipKind.MEMBER_OF, sku_id(one["skuId"])) for one in licenses),
    )


def user_id(id_: str) -> str:
    """The native id of a user."""
    return f"/users/{id_}"


_PLAIN: Final = (
    "userPrincipalName",
    "displayName",
    "mail",
    "accountEnabled",
    "userType",
    "department",
    "usageLocation",
    "onPremisesSyncEnabled",
)
_SIGN_IN_MOMENTS: Final = ("lastSignInDateTime", "lastNonInteractiveSignInDateTime", "lastSuccessfulSignInDateTime")


def _licenses(entry: Document, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The licences of a user in the order of their names: since when, and by which groups."""
    told: list[dict[str, Any]] = []
    for license_ in entry.get("assignedLicenses") or ():
        sku = str(license_.get("skuId")).lower()
        states = [one for one in entry.get("licenseAssignmentStates") or () if str(one.get("skuId")).lower() == sku]
        moments = [when for one in states if (when := moment(one.get("lastUpdatedDateTime"))) is not None]
        one = {
            "sku": names.get(sku, sku),
            "skuId": sku,
            "assignedAt": text_of(max(moments, default=None)),
            "groups": sorted(str(one["assignedByGroup"]) for one in states if one.get("assignedByGroup")) or None,
            "disabledPlans": sorted(str(plan) for plan in license_.get("disabledPlans") or ()) or None,
        }
        told.append({name: value for name, value in one.items() if value is not None})
    return sorted(told, key=lambda one: str(one["sku"]))


def _deleted_users(trouble: Trouble, tenant: Tenant) -> Iterator[list[FoundResource]]:
    """Users in the recycle bin, each licence with how many are consumed and how many users have it.

    Nobody tells whose seat is still consumed, so that all of them are read before any is told: a licence also has how
    many users had it that were deleted after this one. The bin keeps them for 30 days, so there are not many.
    """
    skus = {str(entry.get("skuId")).lower(): entry for entry in all_skus(tenant.graph)}
    columns = "id,userPrincipalName,displayName,userType,deletedDateTime,createdDateTime,assignedLicenses"
    path = f"/directory/deletedItems/microsoft.graph.user?$select={columns}&$top={_PAGE}"
    entries = [entry for page in tenant.graph.pages(path, "deleted users", READ_USERS) for entry in page]
    counts = {
        sku: trouble.told(lambda wanted=sku: _assigned(tenant.graph, wanted))  # type: ignore[misc]
        for sku in dict.fromkeys(sku for entry in entries for sku in _sku_ids(entry))
    }
    later: Counter[str] = Counter()
    found: list[FoundResource] = []
    for entry in sorted(entries, key=_deletion, reverse=True):
        found.append(_deleted_user(entry, skus, counts, later))
        later.update(_sku_ids(entry))
    yield from (found[start : start + _PAGE] for start in range(0, len(found), _PAGE))


def _deletion(entry: Document) -> tuple[str, str]:
    """When a user was deleted, so that they can be put in order."""
    return text_of(moment(entry.get("deletedDateTime"))) or "", str(entry["id"])


def _sku_ids(entry: Document) -> list[str]:
    return [str(one.get("skuId")).lower() for one in entry.get("assignedLicenses") or ()]


def _assigned(graph: Graph, sku: str) -> int:
    """How many users that are there have a licence."""
    path = f"/users?$select=id&$filter=assignedLicenses/any(one:one/skuId eq {sku})&$top=999"
    return sum(len(page) for page in graph.pages(path, "users of a licence", READ_USERS))


def _deleted_user(
    entry: Document, skus: Mapping[str, Document], counts: Mapping[str, int | None], later: Mapping[str, int]
) -> FoundResource:
    licenses = [
        {
            "sku": str(skus.get(sku, {}).get("skuPartNumber") or sku),
            "skuId": sku,
            "consumedUnits": skus.get(sku, {}).get("consumedUnits"),
            "assignedUsers": counts[sku],
            "deletedLater": later.get(sku, 0),
        }
        for sku in _sku_ids(entry)
    ]
    # A deleted user's principal name begins with its id, which is no part of the name.
    plain = str(entry["id"]).replace("-", "")
    principal = str(entry.get("userPrincipalName") or "").removeprefix(plain)
    properties = {
        "userPrincipalName": principal,
        "displayName": entry.get("displayName"),
        "userType": entry.get("userType"),
        "deletedAt": text_of(moment(entry.get("deletedDateTime"))),
        "licenses": licenses,
        "unreadable": ["licenses"] if any(one["assignedUsers"] is None for one in licenses) else None,
    }
    return found(
        DELETED_USER,
        f"/directory/deletedItems/{entry['id']}",
        principal,
        properties,
        status="deleted",
        created_at=moment(entry.get("createdDateTime")),
    )


USERS: Final = (
    collector(
        USER,
        (READ_USERS, READ_ORGANIZATION, READ_SIGN_INS, READ_REPORTS, READ_REPORT_SETTINGS, READ_MAILBOX_SETTINGS),
        _users,
    ),
    collector(DELETED_USER, (READ_USERS, READ_ORGANIZATION), _deleted_users),
)
