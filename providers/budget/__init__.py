"""How much of a provider's allowance may go out now, for all workers together. Pure: a budget is a value, `now` an argument.

What must hold on the vendor's side: in any 60 seconds at most `per_minute` requests arrive, in any day (UTC) at most `per_day`,
and backfill never takes what is kept for live work. What makes that hard: tokens are taken in blocks and used a moment later, by
machines whose clocks differ. So a token counts until no request of its block can fall into the same 60 seconds any more:
`BLOCK_LIFE` later for its use, twice `MAX_SKEW` for the clocks. The price: 60 of every 65 to 66 seconds' worth can be used.
"""

from providers.budget.ageing import settled
from providers.budget.changes import give_back, succeeded, take, throttled, told, unanswered
from providers.budget.forecast import time_for
from providers.budget.memory import from_json, to_json
from providers.budget.room import block_of, most_at_once, quota_share, room
from providers.budget.terms import BLOCK_LIFE, Allowance, Budget, Grant, Room, Spent

__all__ = [
    "BLOCK_LIFE",
    "Allowance",
    "Budget",
    "Grant",
    "Room",
    "Spent",
    "block_of",
    "from_json",
    "give_back",
    "most_at_once",
    "quota_share",
    "room",
    "settled",
    "succeeded",
    "take",
    "throttled",
    "time_for",
    "to_json",
    "told",
    "unanswered",
]
