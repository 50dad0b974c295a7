"""The tag in the cloud on what is marked for deletion: who may ask for it, and what the job is asked to write."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import now
from app.providers.tagging import untaggable
from app.queue import enqueue
from app.records import AccountKind, Provider
from app.records.recommendations import TagState
from app.repositories import deletion_tags

TAG_JOB = "tag_for_deletion"
REMOVED_AGAIN = timedelta(hours=20)
"""A removal that has failed is tried again by a look after so long: about once a day."""
_NOT_ALLOWED = (
    "Its account does not let Skyledger tag. Set `allowsTagging` with `updateAccount`, or mark it without `tagInCloud`."
)
_NOT_CONNECTED = "Its account is not connected, so nothing can be tagged there; mark it without `tagInCloud`."


async def untagged(session: AsyncSession, organization_id: UUID, rows: Collection[RowMapping]) -> dict[UUID, str]:
    """Why the resources of recommendations cannot be tagged, and what to do, by the recommendations' ids."""
    accounts = await deletion_tags.accounts_by_id(session, organization_id, {row["account_id"] for row in rows})
    ids = {row["resource_id"] for row in rows if row["resource_id"] is not None}
    resources = await deletion_tags.resources_by_id(session, organization_id, ids)
    found = {}
    for row in rows:
        account, resource = accounts[row["account_id"]], resources.get(row["resource_id"])
        if resource is None:
            continue  # what is about no resource cannot be marked at all, which is told
        provider = Provider(account["provider"])
        why = untaggable(provider, resource["resource_type"], resource["native_id"])
        if why is None and (account["kind"] != AccountKind.CONNECTED or account["disconnected_at"] is not None):
            why = _NOT_CONNECTED
        if why is None and not account["allows_tagging"]:
            why = _NOT_ALLOWED
        if why is not None:
            found[row["id"]] = why
    return found


async def retagged(
    session: AsyncSession, organization_id: UUID, rows: Collection[RowMapping], day: date | None
) -> dict[UUID, dict[str, Any]]:
    """The tags that become others when recommendations are to be tagged with a day, or with None no more; by their ids.

    What has failed is tried again.
    """
    stored = await deletion_tags.tags_of(session, organization_id, {row["id"] for row in rows})
    found = {}
    for row in rows:
        tag = stored.get(row["id"])
        if day is None and tag is not None and _is_to_go(tag):
            found[row["id"]] = _removal(tag)
        elif day is not None and (tag is None or tag["due_on"] != day or tag["state"] == TagState.FAILED):
            may_exist = tag is not None and tag["may_exist"]
            found[row["id"]] = _request(organization_id, row["id"], row["account_id"], day, may_exist=may_exist)
    return found


async def request_tags(session: AsyncSession, organization_id: UUID, tags: Iterable[Mapping[str, Any]]) -> None:
    """Store what is asked for, and queue one job for each account; in the transaction of the act."""
    rows = list(tags)
    await deletion_tags.put_tags(session, rows)
    for account_id in sorted({row["account_id"] for row in rows if row["state"] == TagState.REQUESTED}):
        await enqueue(session, TAG_JOB, organization_id, {"accountId": str(account_id)})


async def withdraw_tags(session: AsyncSession, organization_id: UUID, account_id: UUID) -> None:
    """Have the tags of an account removed that nobody asks for any more; the caller holds the account's lock.

    So it is where a scan has found that the resource is in use: a tag that stays would have it deleted. A removal
    that has failed is tried again, and what a job has not come to is asked for again.
    """
    stale = await deletion_tags.stale_tags(session, organization_id, account_id, now() - REMOVED_AGAIN)
    await request_tags(
        session, organization_id, [_request_again(tag) if tag["is_wanted"] else _removal(tag) for tag in stale]
    )


def _is_to_go(tag: RowMapping) -> bool:
    return tag["due_on"] is not None or (tag["may_exist"] and tag["state"] == TagState.FAILED)


def _request_again(tag: RowMapping) -> dict[str, Any]:
    day, may_exist = tag["due_on"], tag["may_exist"]
    return _request(tag["organization_id"], tag["recommendation_id"], tag["account_id"], day, may_exist=may_exist)


def _removal(tag: RowMapping) -> dict[str, Any]:
    """A tag that is to go; where it was never written it is withdrawn at once."""
    row = _request(
        tag["organization_id"], tag["recommendation_id"], tag["account_id"], None, may_exist=tag["may_exist"]
    )
    if not tag["may_exist"]:
        row |= {"state": TagState.REMOVED.value, "message": "It was not written."}
    return row


def _request(
    organization_id: UUID, recommendation_id: UUID, account_id: UUID, day: date | None, *, may_exist: bool
) -> dict[str, Any]:
    return {
        "organization_id": organization_id,
        "recommendation_id": recommendation_id,
        "account_id": account_id,
        "state": TagState.REQUESTED.value,
        "due_on": day,
        "may_exist": may_exist,
        "message": "It is to be removed." if day is None else "It is to be written.",
        "changed_at": now(),
    }
