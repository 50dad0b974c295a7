"""What generated code awaits: several fields at a time, a resolver for each object, and the way through lists."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from app.execution.arguments import Run
from app.execution.code import Bail, Reason

Complete = Callable[[Sequence[Any], Run], Awaitable[list[Any]]]


async def together(first: Coroutine[Any, Any, Any], *others: Coroutine[Any, Any, Any]) -> list[Any]:
    """The results of works that go on at the same time. When one fails the others are ended before it is told.

    The first is done here, without a task of its own: of two root fields that saves half. All are awaited within the
    group: in Python 3.11 one that fails later, when the group waits at its end, leaves its task cancelled for good. And
    a group that has errors tells these even where its task was cancelled meanwhile: then the task ends.
    """
    here = asyncio.current_task()
    asked = here.cancelling() if here is not None else 0
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in others]
            return [await first, *[await task for task in tasks]]
    except BaseExceptionGroup as failed:
        if here is not None and here.cancelling() > asked:
            raise asyncio.CancelledError from None
        raise failed.exceptions[0] from None


async def each_alone(
    resolve: Callable[..., Coroutine[Any, Any, Any]], parents: Sequence[Any], arguments: Mapping[str, Any] | None
) -> list[Any]:
    """What a resolver gives for each parent, all at the same time."""
    given = arguments or {}
    if len(parents) == 1:
        return [await resolve(parents[0], **given)]
    return await together(*[resolve(parent, **given) for parent in parents]) if parents else []


def through_objects(name: str, names: Mapping[str, Any], *, required: bool) -> Complete:
    """Values that may be null to a function of objects. `names` will hold the function when this is called."""

    async def complete(values: Sequence[Any], run: Run) -> list[Any]:
        present = [value for value in values if value is not None]
        if present and len(present) == len(values):
            return await names[name](present, run)  # type: ignore[no-any-return]
        if len(present) < len(values) and required:
            raise Bail(Reason.NULL)
        done = iter(await names[name](present, run)) if present else iter(())
        return [None if value is None else next(done) for value in values]

    return complete


def through_lists(name: str, names: Mapping[str, Any], *, required: bool) -> Complete:
    """Lists of values to a function of all values of all lists."""

    async def complete(values: Sequence[Any], run: Run) -> list[Any]:
        for value in values:
            if value.__class__ is not list and value.__class__ is not tuple and (value is not None or required):
                raise Bail(Reason.NULL if value is None else Reason.LIST)
        flat = [item for value in values if value is not None for item in value]
        done = await names[name](flat, run) if flat else flat
        found: list[Any] = []
        start = 0
        for value in values:
            end = start + (0 if value is None else len(value))
            found.append(None if value is None else done[start:end])
            start = end
        return found

    return complete


def through_types(functions: Mapping[type, str], names: Mapping[str, Any], *, required: bool) -> Complete:
    """Values of several classes, each class to its function."""

    async def complete(values: Sequence[Any], run: Run) -> list[Any]:
        classes = dict.fromkeys(value.__class__ for value in values if value is not None)
        if required and any(value is None for value in values):
            raise Bail(Reason.NULL)
        if not functions.keys() >= classes.keys():
            raise Bail(Reason.TYPE)
        works = [names[functions[cls]]([value for value in values if value.__class__ is cls], run) for cls in classes]
        done = dict(zip(classes, map(iter, await _all(works)), strict=True))
        return [None if value is None else next(done[value.__class__]) for value in values]

    return complete


async def _all(works: Iterable[Coroutine[Any, Any, list[Any]]]) -> list[list[Any]]:
    each = list(works)
    return await together(*each) if len(each) > 1 else [await work for work in each]
