"""Who may call a root field: every mutation names its permission here, and expected failures become data."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types.base import StrawberryOptional
from strawberry.types.field import StrawberryField
from strawberry.types.union import StrawberryUnion

from app.context import Context, Info
from app.database import acting
from app.errors import NotFoundError, RateLimitedError, SkyledgerError
from app.queue import asked_by_caller
from app.rate_limits import Rate, Take
from app.records import Actor, ActorKind, Permission, Principal
from app.resolvers.acts import act_of
from app.resolvers.repeats import once
from app.schema.errors import as_data
from app.schema.node import parse_id
from app.server.hub import Event, SharedSource

Message = TypeVar("Message")

CALLERS_OF_ADDRESS = 5


class Access(StrEnum):
    """Who may call a field that concerns no organization."""

    ANYONE = "anyone"
    SIGNED_IN = "signed in"
    ROOT = "root key or platform admin"


@dataclass(frozen=True)
class Limit:
    """How often a mutation may be called in so many seconds: by each user or key, and five times that by an address.

    All the strangers of an address count together, and so does each alias of a document. As with a bucket: that many
    at once, and then as many as time restores.
    """

    times: int
    per: int

    @property
    def rate(self) -> Rate:
        """Of a caller."""
        return Rate(self.times, self.times / self.per)

    @property
    def rate_of_address(self) -> Rate:
        """Of all callers behind an address, such as an office."""
        return Rate(self.times * CALLERS_OF_ADDRESS, self.times * CALLERS_OF_ADDRESS / self.per)


class Guard(FieldExtension):
    """Checks the caller before the resolver runs, and turns expected failures into members of the result.

    Here a call also becomes an act: what it changes in an organization leaves a row in the audit, and with an
    idempotency key it has one effect.
    """

    def __init__(self, needs: Permission | Access, limit: Limit | None = None) -> None:
        self.needs, self.limit = needs, limit

    def apply(self, field: StrawberryField) -> None:
        """Describe the one argument of every mutation, and let its result be null.

        A mutation that fails at the top level must not take the answers of those beside it in the document along:
        they have happened, and a secret that is shown once would be lost.
        """
        field.type = StrawberryOptional(of_type=field.type)
        for argument in field.arguments:
            argument.description = argument.description or "What to do, in one object."

    async def resolve_async(self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **kwargs: Any) -> Any:
        """Check, resolve, translate."""
        try:
            if self.limit is not None:
                await count(info, self.limit)
            check(info, self.needs, kwargs)
            sent = kwargs.get("input")
            organization_id = organization_of(sent) if isinstance(self.needs, Permission) else None
            most_jobs = info.context.runtime.settings.queued_jobs_per_organization
            with acting(act_of(info, kwargs)), asked_by_caller(most_jobs):
                return await once(info, sent, organization_id, partial(next_, source, info, **kwargs))
        except SkyledgerError as error:
            member = as_data(error)
            if member is None or not _is_member(info, type(member)):
                raise
            return member


async def count(info: Info, limit: Limit) -> None:
    """Count a call of a mutation. Raises RateLimitedError when the caller or the address has called it too often."""
    context, name = info.context, info.field_name
    rate_limits = context.runtime.rate_limits
    takes = [Take(f"{name}:{rate_limits.of_address(context.client_address)}", limit.rate_of_address, 1)]
    if context.principal is not None:
        takes.append(Take(f"{name}:{context.principal.subject}", limit.rate, 1))
    taken = await rate_limits.take(takes)
    if taken.wait:
        message = f"`{name}` was called too often. Wait {taken.wait} seconds before the next call."
        raise RateLimitedError(message, retry_after=taken.wait)


def check(info: Info, needs: Permission | Access, arguments: dict[str, Any]) -> None:
    """Raise AuthenticationError, ForbiddenError or NotFoundError unless the caller may call the field."""
    if needs is Access.ANYONE:
        return
    principal = info.context.signed_in()
    if needs is Access.ROOT:
        if not principal.is_platform_admin:
            # The same answer as for a field's absent object: platform operations do not show themselves.
            message = "Platform operations need the root key (`X-Root-Key`) or a platform admin."
            raise NotFoundError(message)
        return
    if isinstance(needs, Permission):
        info.context.grant(organization_of(arguments["input"]), needs)


def organization_of(value: Any) -> UUID:
    """The organization that an input concerns: its `organization_id`, or the one inside the id of a node it names."""
    direct = getattr(value, "organization_id", None)
    if direct is not None:
        return parse_id(direct, "Organization", path=("input", "organizationId")).id
    key = parse_id(value.id, path=("input", "id"))
    if key.organization_id is None:
        message = "There is no such object within your reach."
        raise NotFoundError(message)
    return key.organization_id


def _is_member(info: Info, member: type) -> bool:
    union = info.return_type
    if isinstance(union, StrawberryOptional):
        union = union.of_type
    return isinstance(union, StrawberryUnion) and member in union.types


def mutation(
    needs: Permission | Access, description: str, *, limit: Limit | None = None
) -> Callable[[Callable[..., Any]], Any]:
    """A mutation field that only callers with the permission reach, and no oftener than its limit says.

    The house test reads both from its metadata.
    """

    def decorate(resolver: Callable[..., Any]) -> Any:
        return strawberry.mutation(
            resolver,
            description=description,
            extensions=[Guard(needs, limit)],
            metadata={"needs": needs, "limit": limit},
        )

    return decorate


def shared(
    context: Context,
    organization_id: UUID,
    follow: Callable[[int | None], AsyncGenerator[Event[Message]]],
    after: int | None = None,
) -> SharedSource[Message]:
    """The source of a subscription to what an organization's readers may see.

    All with one role and the same permissions in it share each message, which is executed for nobody in particular:
    a field that asks who the caller is finds no user. Who may do less from some moment on no longer follows. Raises
    as `Context.grant` does.
    """
    principal, grant = context.signed_in(), context.grant(organization_id, Permission.ORGANIZATION_READ)
    reader = Principal(actor=Actor(ActorKind.SYSTEM), grants={organization_id: grant})
    narrowed = replace(principal, grants={organization_id: grant}, is_platform_admin=False)
    still_valid = context.runtime.authenticator.still_valid

    async def check() -> None:
        if not await still_valid(narrowed):
            message = "The organization is no longer as much within your reach, or your sign-in has ended."
            raise NotFoundError(message)

    caller = (principal.session_id, principal.api_key_id, principal.expires_at, grant)
    return SharedSource(scope=grant, identity=reader, follow=follow, caller=caller, check=check, after=after)
