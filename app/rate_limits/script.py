"""What Valkey does to buckets, in one step, and how it is asked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

# A bucket is one number: the moment at which it is full again. It is not there while it is full, so that what nobody
# uses takes no room. All of the buckets have enough, or nothing is taken of any; what is given back counts anyway.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local full, answer, enough = {}, {1}, true
for i, key in ipairs(KEYS) do
  local at = 4 * i - 3
  local most, restored = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  full[i] = math.max(now, tonumber(redis.call('GET', key) or now) - tonumber(ARGV[at + 3]) / restored)
  local available = most - (full[i] - now) * restored
  if tonumber(ARGV[at + 2]) > available then enough = false end
  answer[i + 1] = math.floor(available + 0.0001)
end
if not enough then answer[1] = 0 end
for i, key in ipairs(KEYS) do
  local at = 4 * i - 3
  if enough then
    full[i] = full[i] + tonumber(ARGV[at + 2]) / tonumber(ARGV[at + 1])
    answer[i + 1] = answer[i + 1] - tonumber(ARGV[at + 2])
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


def command(entries: list[tuple[bytes, Rate, int, int]], *, whole: bool = False) -> bytes:
    """The call of the script for buckets: the key, the rate, what is taken, what is given back.

    By its name, or `whole` for a Valkey that has forgotten it.
    """
    head = (b"EVAL", SCRIPT.encode()) if whole else (b"EVALSHA", _NAME)
    keys = [key for key, _, _, _ in entries]
    numbers = [b"%d %.9g %d %d" % (rate.maximum, rate.restored, taken, back) for _, rate, taken, back in entries]
    parts = [*head, b"%d" % len(keys), *keys, *b" ".join(numbers).split(b" ")]
    return b"*%d\r\n" % len(parts) + b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts])
