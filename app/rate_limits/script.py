"""What Valkey does to buckets, in one step, and how it is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

# A bucket is one number: the moment at which it is full again. It is not there while it is full, so that what nobody
# uses takes no room. All of the buckets have enough, or nothing is taken of any; what is given back counts anyway. What
# is taken ahead is as much as there is.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local full, answer, enough = {}, {1}, true
for i, key in ipairs(KEYS) do
  local at = 5 * i - 4
  local most, restored = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  full[i] = math.max(now, tonumber(redis.call('GET', key) or now) - tonumber(ARGV[at + 3]) / restored)
  answer[2 * i] = math.floor(most - (full[i] - now) * restored + 0.0001)
  answer[2 * i + 1] = 0
  if tonumber(ARGV[at + 2]) > answer[2 * i] then enough = false end
end
if not enough then answer[1] = 0 end
for i, key in ipairs(KEYS) do
  local at = 5 * i - 4
  if enough then
    local taken = tonumber(ARGV[at + 2])
    local ahead = math.min(tonumber(ARGV[at + 4]), answer[2 * i] - taken)
    full[i] = full[i] + (taken + ahead) / tonumber(ARGV[at + 1])
    answer[2 * i], answer[2 * i + 1] = answer[2 * i] - taken, ahead
  end
  if full[i] - now > 0.001 then
    redis.call('SET', key, string.format('%.6f', full[i]), 'PX', math.ceil((full[i] - now) * 1000))
  else
    redis.call('DEL', key)
  end
end
return answer
"""
_NAME = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest().encode()


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket's size, and how much flows into it in a second."""

    maximum: int
    restored: float


class Entry(NamedTuple):
    """What is done to one bucket: taken, given back, and taken ahead of what will be asked next."""

    key: bytes
    rate: Rate
    taken: int
    back: int
    ahead: int = 0


def command(entries: Sequence[Entry], *, whole: bool = False) -> bytes:
    """The call of the script for buckets, by its name, or `whole` for a Valkey that has forgotten it.

    It answers whether all had enough (1 or 0), then of each bucket what it has, with what was taken ahead, and that.
    """
    head = (b"EVAL", SCRIPT.encode()) if whole else (b"EVALSHA", _NAME)
    numbers = [
        b"%d %.9g %d %d %d" % (rate.maximum, rate.restored, taken, back, ahead)
        for _, rate, taken, back, ahead in entries
    ]
    parts = [*head, b"%d" % len(entries), *[entry.key for entry in entries], *b" ".join(numbers).split(b" ")]
    return b"*%d\r\n" % len(parts) + b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts])
