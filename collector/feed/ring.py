"""The newest messages in Valkey: a stream of whole batches, its state, and the batches whose rows are not stamped yet.

Everything that must happen at once happens in one script. Each script first compares the server's `run_id` with the one under which
the ring was written: a restarted, restored or flushed Valkey opens a new epoch, where numbers start anew and the ring is empty.

A stream id is `<epoch's ms>-<seq_to>`: readers find any sequence number without a scan, and ids grow over a change of epoch, so
that a blocked reader wakes up. Numbers are given by the script, never read from ids by clients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import redis
from django.conf import settings

from collector.feed.batches import Batch
from collector.feed.position import Position, epoch_opened_ms, epoch_opened_us
from providers.market.types import Micros

STREAM, STATE, PENDING = "marketdata:{feed}:ring", "marketdata:{feed}:state", "marketdata:{feed}:pending"
"""One hash tag, so that a cluster keeps them together."""
SOCKET_TIMEOUT_SECONDS = 5

OPEN = """
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local state = redis.call('HMGET', KEYS[2], 'run_id', 'epoch', 'opened_ms', 'seq', 'at')
if state[1] ~= run_id or not state[2] then
  if ARGV[1] == '' then return {'floor'} end
  local clock = redis.call('TIME')
  local opened = math.max(clock[1] * 1000 + math.floor(clock[2] / 1000), ARGV[1] + 1, (tonumber(state[3]) or 0) + 1)
  local epoch = string.format('%011x-%s', opened, string.sub(run_id, 1, 6))
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
  state = {run_id, epoch, string.format('%.0f', opened), '0', '0'}
  redis.call('HSET', KEYS[2], 'run_id', run_id, 'epoch', epoch, 'opened_ms', state[3], 'seq', '0', 'at', '0')
end
"""
"""Shared beginning. ARGV[1]: ms of the newest epoch that Postgres knows, or '' to be asked for it (the answer is then `floor`)."""

APPEND = (
    OPEN
    + """
local known = redis.call('HGET', KEYS[3], ARGV[2])
if known then
  local from, to, at = string.match(known, '(%d+):(%d+):(%d+)')
  return {state[2], from, to, at}
end
local from = state[4]
local to = string.format('%.0f', from + ARGV[3])
local at = string.format('%.0f', math.max(ARGV[4], state[5]))
redis.call('XADD', KEYS[1], state[3] .. '-' .. to, 'e', state[2], 'f', from, 't', to, 'at', at, 'm', ARGV[6], 'c', ARGV[7])
redis.call('HSET', KEYS[2], 'seq', to, 'at', at)
redis.call('HSET', KEYS[3], ARGV[2], from .. ':' .. to .. ':' .. at)
local keep_from = to - ARGV[5] + 1
if keep_from > 1 then
  redis.call('XTRIM', KEYS[1], 'MINID', '=', state[3] .. '-' .. string.format('%.0f', keep_from))
end
return {state[2], from, to, at}
"""
)
"""ARGV: floor, batch id, count, now, messages to keep, payload, when it was written. `at` never runs backwards, so that time finds a position."""

LOOK = (
    OPEN
    + """
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
return {state[2], state[4], state[5], first[1] and first[1][2][4] or state[4]}
"""
)

AFTER = (
    OPEN
    + """
if state[2] ~= ARGV[2] then return {state[2], {}} end
return {state[2], redis.call('XRANGE', KEYS[1], '(' .. state[3] .. '-' .. ARGV[3], '+', 'COUNT', ARGV[4])}
"""
)
"""ARGV: floor, epoch, seq, count."""

LOCATE = (
    OPEN
    + """
local low, high, covered = 1, tonumber(state[4]), 0
local found = high
while low <= high do
  local middle = math.floor((low + high) / 2)
  local id = state[3] .. '-' .. string.format('%.0f', middle)
  local entry = redis.call('XRANGE', KEYS[1], id, '+', 'COUNT', 1)[1]
  if not entry then break end
  if tonumber(entry[2][8]) >= tonumber(ARGV[2]) then
    found = tonumber(entry[2][4])
    high = math.min(found, middle - 1)
  else
    covered = 1
    low = entry[2][6] + 1
  end
end
return {state[2], string.format('%.0f', found), covered}
"""
)
"""ARGV: floor, time. The position before the oldest entry at or after it; covered: an entry before that time is still there."""


class FeedUnavailable(Exception):
    """Valkey can't be reached or can't answer now. Retryable: what was to be published is in Postgres."""


@dataclass(frozen=True, slots=True)
class RingState:
    """What the ring holds: the messages with `first < seq <= top.seq`."""

    top: Position
    first: int
    at: Micros
    """When the newest batch was published; before the first one when the epoch was opened, since nothing of it is older."""


@dataclass(frozen=True, slots=True)
class Place:
    """The range that a published batch was given."""

    epoch: str
    seq_from: int
    seq_to: int
    at: Micros


class Ring:
    """The ring of one Valkey. Every method raises FeedUnavailable."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._scripts = {text: client.register_script(text) for text in (APPEND, LOOK, AFTER, LOCATE)}

    def append(
        self, *, batch_id: int, count: int, payload: bytes, now: Micros, keep: int, committed: Micros | None = None
    ) -> Place:
        """Give a batch its range and append it; the same id again gets the same range until `confirm`. Oldest batches go, whole.

        `committed`: when its rows were written, `now` when left out.
        """
        epoch, seq_from, seq_to, at = self._run(APPEND, batch_id, count, now, keep, payload, committed or now)
        return Place(epoch.decode(), int(seq_from), int(seq_to), int(at))

    def confirm(self, *, batch_ids: list[int]) -> None:
        """Forget the ranges of batches whose rows carry them now."""
        try:
            if batch_ids:
                self._client.hdel(PENDING, *[str(number) for number in batch_ids])
        except (redis.RedisError, OSError) as error:
            raise FeedUnavailable(str(error)) from error

    def look(self) -> RingState:
        """Where the feed stands; opens the epoch when it is new."""
        epoch, seq, at, first = self._run(LOOK)
        top = Position(epoch.decode(), int(seq))
        return RingState(top, int(first), int(at) or epoch_opened_us(top.epoch) or 0)

    def after(self, position: Position, *, count: int) -> tuple[str, list[Batch]]:
        """The ring's epoch, and its oldest batches that reach behind `position`: none when that is of another epoch."""
        epoch, entries = self._run(AFTER, position.epoch, position.seq, count)
        return epoch.decode(), [batch_of(_pairs(fields)) for _, fields in entries]

    def locate(self, *, at: Micros) -> tuple[Position, bool]:
        """The position before the oldest held batch published at or after `at`; and whether the ring reaches back to that time."""
        epoch, seq, covered = self._run(LOCATE, at)
        return Position(epoch.decode(), int(seq)), bool(covered)

    def _run(self, text: str, *arguments: Any) -> list[Any]:
        script, keys = self._scripts[text], [STREAM, STATE, PENDING]
        try:
            answer = cast("list[Any]", script(keys=keys, args=["", *arguments]))
            if answer == [b"floor"]:
                answer = cast("list[Any]", script(keys=keys, args=[_newest_epoch_ms(), *arguments]))
        except (redis.RedisError, OSError) as error:
            raise FeedUnavailable(str(error)) from error
        return answer


def _newest_epoch_ms() -> int:
    """So that a new epoch sorts behind every stamped one, whatever the clock of the machine that Valkey moved to says."""
    from collector.feed import log

    return epoch_opened_ms(log.newest_epoch()) or 0


def _pairs(fields: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(fields[::2], fields[1::2], strict=True))


def batch_of(fields: Mapping[bytes, bytes]) -> Batch:
    """The batch of a stream entry."""
    numbers = (int(fields[b"f"]), int(fields[b"t"]), int(fields[b"at"]))
    return Batch(fields[b"e"].decode(), *numbers, fields[b"m"], int(fields.get(b"c", 0)))


@cache
def shared_ring() -> Ring:
    """This process's ring. Redis' connections know of forks and threads. Never retried: a write could be applied twice."""
    return Ring(redis.Redis.from_url(settings.REDIS_URL, socket_timeout=SOCKET_TIMEOUT_SECONDS, retry=None))
