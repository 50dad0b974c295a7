"""Arrays of numbers as PostgreSQL sends them, unpacked where somebody looks at them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, overload

_HEAD: Final = 20
"""Bytes before the first element: dimensions, flags, type, length, lower bound; an empty array has the first three."""
_LENGTH: Final = 12
_NULL: Final = -1


@cache
def _shape(code: str, count: int) -> struct.Struct:
    return struct.Struct(">" + f"4x{code}" * count)


class PackedDays(Sequence[Any]):
    """The numbers of an array of one dimension; `code` is that of `struct`: `d` or `h`."""

    __slots__ = ("_code", "_numbers", "_sent")

    def __init__(self, sent: bytes, code: str) -> None:
        self._sent = sent
        self._code = code
        self._numbers: tuple[Any, ...] | None = None

    def __len__(self) -> int:
        return int.from_bytes(self._sent[_LENGTH : _LENGTH + 4], "big")

    @overload
    def __getitem__(self, place: int) -> Any: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Any]: ...

    def __getitem__(self, place: int | slice) -> Any:
        if self._numbers is None:
            self._numbers = self._unpacked()
        return self._numbers[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self[:] == tuple(other)

    def __hash__(self) -> int:
        return hash(self[:])

    def _unpacked(self) -> tuple[Any, ...]:
        shape = _shape(self._code, len(self))
        if len(self._sent) == _HEAD + shape.size:
            return shape.unpack_from(self._sent, _HEAD)
        if not len(self):
            return ()
        return self._with_nulls()

    def _with_nulls(self) -> tuple[Any, ...]:
        size, at = struct.calcsize(">" + self._code), _HEAD
        found: list[Any] = []
        for _ in range(len(self)):
            (length,) = struct.unpack_from(">i", self._sent, at)
            at += 4
            if length == _NULL:
                found.append(None)
                continue
            found += struct.unpack_from(">" + self._code, self._sent, at)
            at += size
        return tuple(found)
