"""Mode `latest`: the newest of each thing, in order, and an honest count of the rest."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.feed.batches import Batch, view
from collector.feed.conflating import Conflation, messages_of
from collector.feed.position import Position

EPOCH = "19aabdd537b-3f2a91"
ALL = frozenset({"bars.*.*", "marks.*.*", "quotes.*"})
SERIES = ("symbol", "mic", "interval", "hours", "adjustment")

bars = st.fixed_dictionaries(
    {
        "type": st.just("bar"),
        "symbol": st.sampled_from(["A", "B"]),
        "mic": st.sampled_from(["XNAS", "XNYS"]),
        "interval": st.sampled_from(["1m", "1d"]),
        "hours": st.just("regular"),
        "adjustment": st.just("raw"),
        "start": st.sampled_from([f"2026-11-22T14:0{minute}:00Z" for minute in range(4)]),
        "rev": st.integers(1, 3),
    }
)
quotes = st.fixed_dictionaries(
    {
        "type": st.just("quote"),
        "symbol": st.sampled_from(["A", "B"]),
        "mic": st.just("XNAS"),
        "at": st.sampled_from(["2026-11-22T14:00:00Z", "2026-11-22T14:00:00.5Z", "2026-11-22T14:00:00.75Z"]),
        "rev": st.integers(1, 3),
    }
)


def fold(conflation: Conflation, messages: list[dict[str, Any]], begin: int, *, at: int = 1_700_000_000_000_000) -> int:
    batch = Batch(EPOCH, begin, begin + len(messages), at, json.dumps(messages).encode())
    some = messages_of(view(batch), channels=ALL)
    return conflation.fold(some, upto=batch.end, at=batch.at)


def frames(conflation: Conflation, begin: int, max_bytes: int) -> list[dict[str, Any]]:
    found = []
    while (tail := conflation.next(max_bytes=max_bytes)) is not None:
        found.append(json.loads(tail.frame(begin)))
        begin = tail.seq_to
    return found


def age(message: dict[str, Any]) -> tuple[str, int]:
    return str(message.get("start") or message["at"].rstrip("Z")), message["rev"]


@given(st.lists(st.lists(bars | quotes, min_size=1, max_size=12), min_size=1, max_size=6), st.integers(1, 900))
def test_newest_of_each_thing_is_left_in_order_and_the_rest_is_counted(batches: list[list[Any]], max_bytes: int) -> None:
    conflation, end, skipped = Conflation(), 100, 0
    for batch in batches:
        skipped += fold(conflation, batch, end)
        end += len(batch)
    sent = frames(conflation, 100, max_bytes)
    got = [message for frame in sent for message in frame["messages"]]
    seqs = [message.pop("seq") for message in got]
    assert seqs == sorted(seqs)
    assert [frame["from"] for frame in sent] == [100, *(frame["to"] for frame in sent[:-1])]
    assert sent[-1]["to"] == end
    assert sum(frame.get("skipped", 0) for frame in sent) == skipped == end - 100 - len(got)
    newest: dict[tuple[Any, ...], tuple[str, int]] = {}
    for message in (one for batch in batches for one in batch):
        key = (message["type"], *(message.get(name) for name in SERIES))
        newest[key] = max(newest.get(key, ("", 0)), age(message))
    assert {(one["type"], *(one.get(name) for name in SERIES)): age(one) for one in got} == newest
    assert (len(conflation), conflation.bytes, conflation.upto) == (0, 0, None)


def test_what_comes_while_frames_are_cut_joins_behind_them() -> None:
    conflation = Conflation()
    rows = [{"type": "bar", "symbol": symbol, "interval": "1m", "start": "1", "rev": 1} for symbol in "ABC"]
    fold(conflation, rows, 0)
    first = conflation.next(max_bytes=1)
    assert first is not None
    assert json.loads(first.frame(0))["to"] == 1
    assert fold(conflation, [{**rows[1], "rev": 2}], 3) == 1
    rest = frames(conflation, 1, 10_000)
    assert [(frame["from"], frame["to"], frame["skipped"]) for frame in rest] == [(1, 4, 1)]
    assert [(message["symbol"], message["rev"]) for message in rest[0]["messages"]] == [("C", 1), ("B", 2)]


def test_cut_frame_tells_when_its_own_end_was_published_not_what_is_still_held_back() -> None:
    conflation = Conflation()
    for second, symbol in enumerate("ABC"):
        row = {"type": "bar", "symbol": symbol, "interval": "1m", "start": "1", "rev": 1}
        fold(conflation, [row], second, at=second * 1_000_000)
    conflation.fold([], upto=Position(EPOCH, 9), at=9_000_000)
    assert [(frame["to"], frame["at"][17:19]) for frame in frames(conflation, 0, 1)] == [(1, "00"), (2, "01"), (9, "09")]


def test_notices_of_history_give_way_to_the_last_one_and_positions_need_no_messages() -> None:
    conflation = Conflation()
    notice = {"type": "history", "symbol": "A", "mic": "XNAS", "interval": "1m", "start": "9", "end": "9", "rows": 3}
    assert fold(conflation, [notice, {**notice, "start": "1"}], 0) == 1
    assert [frame["messages"][0]["start"] for frame in frames(conflation, 0, 9999)] == ["1"]
    conflation.fold([], upto=Position(EPOCH, 9), at=1)
    assert [(frame["to"], frame["messages"]) for frame in frames(conflation, 2, 9999)] == [(9, [])]


def test_newest_mark_of_each_tier_and_interval_is_left_and_of_one_slot_the_complete_one() -> None:
    def mark(tier: str, start: str, *, complete: bool) -> dict[str, Any]:
        return {"type": "mark", "tier": tier, "interval": "1m", "start": start, "complete": complete}

    conflation = Conflation()
    told = [mark("T0", "1", complete=True), mark("T0", "2", complete=True), mark("T0", "2", complete=False)]
    assert fold(conflation, [*told, mark("T1", "1", complete=False), mark("T0", "1", complete=True)], 0) == 3
    (frame,) = frames(conflation, 0, 9999)
    assert [(one["tier"], one["start"], one["complete"]) for one in frame["messages"]] == [
        ("T0", "2", True),
        ("T1", "1", False),
    ]
