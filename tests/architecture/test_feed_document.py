"""docs/feed.md is the feed's specification: what it says and what the code knows are the same, in both directions."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, get_args

import msgspec
import pytest
from msgspec import inspect

from collector.feed import frames, protocol
from collector.feed.api import ReplayQuery
from collector.feed.auth_frame import Auth
from collector.feed.frames import CloseCode, ErrorCode, Reason, ServerFrame
from collector.feed.limits import Limits, PublicLimits
from collector.feed.messages import Message
from collector.feed.protocol import ClientFrame
from collector.feed.replay import MAX_LIMIT
from collector.feed.subscriptions import INTERVALS, MessageHead, channels_of, check_channel
from marketdata_site import doors
from ops.access import failures
from tests import feed_document as document

ClientOp = ClientFrame | Auth
SCHEMAS = {
    document.CLIENT: {one.__struct_config__.tag: one for one in get_args(ClientOp)},
    document.SERVER: {one.__struct_config__.tag: one for one in get_args(ServerFrame)},
    document.MESSAGES: {one.__struct_config__.tag: one for one in get_args(Message)},
}
EACH = [(chapter, name) for chapter, known in SCHEMAS.items() for name in known]
ELSEWHERE = {"limits"}
"""Objects that have a table of their own."""
WORDS = {
    inspect.StrType: "text",
    inspect.EnumType: "text",
    inspect.LiteralType: "text",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.BoolType: "boolean",
    inspect.DateTimeType: "time",
    inspect.StructType: "object",
    inspect.ListType: "list",
    inspect.VarTupleType: "list",
}


def parts_of(kind: inspect.Type) -> list[inspect.Type]:
    """What a value may be, but for null and not being there."""
    every = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return [_bare(one) for one in every if not isinstance(_bare(one), inspect.NoneType)]


def _bare(kind: inspect.Type) -> inspect.Type:
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def words_of(one: inspect.Field) -> str:
    """As the document says what a field is."""
    (kind,) = parts_of(one.type)
    is_number = isinstance(kind, inspect.LiteralType | inspect.EnumType) and isinstance(_sample(kind), int)
    word = "integer" if is_number else WORDS[type(kind)]
    every = one.type.types if isinstance(one.type, inspect.UnionType) else (one.type,)
    is_nullable = any(isinstance(_bare(part), inspect.NoneType) for part in every)
    return f"{'' if one.required else 'optional '}{word}{' or null' if is_nullable else ''}"


def _sample(kind: inspect.LiteralType | inspect.EnumType) -> object:
    return kind.values[0] if isinstance(kind, inspect.LiteralType) else next(iter(kind.cls)).value


def fields_of(schema: type, prefix: str = "") -> dict[str, str]:
    """What each field is, by its dotted name."""
    about = inspect.type_info(schema)
    assert isinstance(about, inspect.StructType)
    found: dict[str, str] = {}
    for one in about.fields:
        name = prefix + one.encode_name
        found[name] = words_of(one)
        (kind,) = parts_of(one.type)
        if isinstance(kind, inspect.StructType) and name not in ELSEWHERE:
            found |= fields_of(kind.cls, f"{name}.")
    return found


def number(text: str) -> float:
    """As the document writes it."""
    return float(text.replace(",", ""))


def schema_of(example: Mapping[str, Any]) -> Any:
    """What an example has to fit."""
    if "type" in example:
        return Message
    return ClientOp if example["op"] in SCHEMAS[document.CLIENT] else ServerFrame


@pytest.mark.parametrize("chapter", SCHEMAS)
def test_every_frame_and_message_has_a_section_and_a_row_and_no_other_has(chapter: str) -> None:
    assert document.sections_about(chapter).keys() == SCHEMAS[chapter].keys()
    kind = "message" if chapter == document.MESSAGES else "frame"
    rows = document.section(chapter).table(kind).rows
    assert {name.strip("` ") for row in rows for name in row[0].split(",")} == SCHEMAS[chapter].keys()


@pytest.mark.parametrize(("chapter", "name"), EACH, ids=[name for _, name in EACH])
def test_every_field_is_described_and_is_what_the_document_says(chapter: str, name: str) -> None:
    assert document.fields(document.sections_about(chapter)[name]) == fields_of(SCHEMAS[chapter][name])


def test_every_example_is_json_that_fits_the_schema_of_its_frame() -> None:
    shown: set[str] = set()
    for one in document.read():
        for example in one.examples:
            if "next" in example:
                msgspec.convert(example["messages"], list[Message])
                continue
            msgspec.json.decode(json.dumps(example), type=schema_of(example))
            shown.add(str(example.get("op") or example["type"]))
            if "op" in example and schema_of(example) is ClientOp and example["op"] != "auth":
                protocol.read_frame(json.dumps(example), limits=Limits())
    assert shown == {name for known in SCHEMAS.values() for name in known}


@pytest.mark.parametrize(("chapter", "name"), EACH, ids=[name for _, name in EACH])
def test_section_of_each_frame_and_message_shows_one(chapter: str, name: str) -> None:
    examples = document.sections_about(chapter)[name].examples
    assert [example for example in examples if name in (example.get("op"), example.get("type"))]


def test_codes_and_reasons_are_those_of_the_code() -> None:
    assert document.names("code") == set(get_args(ErrorCode))
    assert document.names("reason") == set(get_args(Reason))
    assert document.names("close code") == {str(int(code)) for code in CloseCode}


def test_limits_of_hello_are_described_with_the_value_that_they_have() -> None:
    table = document.section("Limits").table("limit")
    told = {row[0].strip("`"): number(row[1]) for row in table.rows}
    assert told == msgspec.structs.asdict(Limits().public())
    (shown,) = document.sections_about(document.SERVER)["hello"].examples
    hello = msgspec.convert(shown, frames.Hello)
    assert (hello.limits, hello.heartbeat_s) == (Limits().public(), Limits().heartbeat_s)
    assert set(PublicLimits.__struct_fields__) == document.names("limit")


def test_bounds_that_hello_does_not_tell_are_described_with_the_value_that_they_have() -> None:
    ask = "from marketdata_site import serve as s; print(s.MAX_FRAME_BYTES, s.MAX_MESSAGE_BYTES, s.PING_INTERVAL_SECONDS, s.PING_TIMEOUT_SECONDS)"
    handshake = "import inspect; print(inspect.signature(s.DaphneServer).parameters['websocket_handshake_timeout'].default)"
    said = subprocess.run([sys.executable, "-c", f"{ask}; {handshake}"], capture_output=True, text=True, check=True)
    frame, message, ping, answer, handshake_s = map(float, said.stdout.split())
    limits = Limits()
    rows = document.section("Limits").table("bound").rows
    assert {row[0]: number(row[1]) for row in rows} == {
        "bytes of a client's frame": frame,
        "bytes of a message of several frames": message,
        "seconds for a handshake": handshake_s,
        "seconds between pings of the server": ping,
        "seconds for the answer to one": answer,
        "seconds for a key that comes as a frame": doors.INTRODUCTION_SECONDS,
        "connections of a process that have not said who they are": doors.MOST_STRANGERS,
        "keys that open nothing, of an address in a minute": failures.LIMIT * 60 / failures.WINDOW_SECONDS,
        "seconds for the last frame before a close": limits.close_grace_s,
        "bytes of a data frame, about": limits.data_frame_bytes,
        "frames that wait to be sent": limits.outbox_frames,
        "resumes that are read at once in a process": limits.concurrent_replays,
        "seconds until the feed is there": limits.ready_timeout_s,
    }


def test_channels_are_those_that_can_be_subscribed_to_and_that_messages_go_out_on() -> None:
    section = document.section("Channels")
    told = document.names("channel")
    assert {check_channel(channel) for channel in told} == told
    heads = [MessageHead(type=kind, symbol="AAPL", interval="1m", tier="T0") for kind in SCHEMAS[document.MESSAGES]]
    assert {channel for head in heads for channel in channels_of(head)} == told
    first_row = section.table("channel").rows[0][1]
    assert [name for name in INTERVALS if f"`{name}`" in first_row] == list(INTERVALS)


def test_parameters_of_replay_are_those_of_the_endpoint() -> None:
    table = document.section("`GET /ws/replay`").table("parameter")
    assert {row[0].strip("`") for row in table.rows} == ReplayQuery.model_fields.keys()
    limits = next(row[1] for row in table.rows if row[0] == "`limit`")
    assert limits == f"1 to {MAX_LIMIT:,}, {ReplayQuery.model_fields['limit'].default} by default"
