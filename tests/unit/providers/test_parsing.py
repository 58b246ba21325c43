import pytest

from providers.errors import MalformedAnswer, VendorFault
from providers.parsing import (
    csv_rows,
    excerpt,
    has_broken_off,
    json_document,
    json_object,
    micros_of_ms,
    micros_of_rfc3339,
    number,
)

BODY = '{"a": [1.5, "x \\" [ {", {"b": null, "c": "é"}], "d": -1.2e-5}'.encode()


@pytest.mark.parametrize("length", range(len(BODY)))
def test_json_cut_anywhere_broke_off(length: int) -> None:
    with pytest.raises(VendorFault):
        json_document(BODY[:length], secrets=())


@pytest.mark.parametrize("body", [b"<html>{</html>", b"too many requests", b"{'a': 1}", b'{"a": 1}}', b"[1,]", b"\xff\xfe"])
def test_complete_body_that_is_no_json_is_malformed(body: bytes) -> None:
    assert not has_broken_off(body)
    with pytest.raises(MalformedAnswer):
        json_document(body, secrets=())


@pytest.mark.parametrize("body", [b"null", b"[]", b"1", b'"x"'])
def test_json_that_is_no_object_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        json_object(body, secrets=())


def test_byte_order_mark_is_no_fault() -> None:
    assert json_object(b"\xef\xbb\xbf{}", secrets=()) == {}


def test_excerpt_shows_no_half_of_a_key_when_it_is_cut_there() -> None:
    assert "sec" not in excerpt(b"x" * 76 + b" secret", secrets=["secret"])


@pytest.mark.parametrize(("value", "read"), [(1, 1.0), (1.5, 1.5), ("3.4e+07", 3.4e7), ("0", 0.0), (10**25, 1e25)])
def test_number_is_read_in_any_form(value: object, read: float) -> None:
    assert number(value, name="v") == read


@pytest.mark.parametrize("value", [None, True, "", "1,5", "1_000", "NaN", "inf", float("nan"), [], {}, 10**400])
def test_number_is_refused_by_name_when_it_is_none(value: object) -> None:
    with pytest.raises(ValueError, match=r"^vw must be"):
        number(value, name="vw")


@pytest.mark.parametrize("value", [1577955600000, 1577955600000.0, "1577955600000", "1.5779556e12"])
def test_milliseconds_are_read_in_any_form(value: object) -> None:
    assert micros_of_ms(value) == 1577955600_000_000


def test_nanoseconds_where_milliseconds_belong_are_refused() -> None:
    with pytest.raises(ValueError, match="epoch of milliseconds"):
        micros_of_ms(1577955600_000_000_000)


@pytest.mark.parametrize(
    "text",
    ["2022-01-03T09:00:00Z", "2022-01-03T04:00:00-05:00", "2022-01-03T09:00:00.000000000Z", "2022-01-03T14:30:00.0+05:30"],
)
def test_time_is_read_with_nanoseconds_and_offsets(text: str) -> None:
    assert micros_of_rfc3339(text) == 1641200400_000_000


@pytest.mark.parametrize("value", ["2022-01-03T09:00:00", "2022-01-03", "yesterday", 1641200400, None, ""])
def test_time_without_a_zone_or_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="RFC 3339"):
        micros_of_rfc3339(value)


def test_time_that_no_calendar_can_spell_is_refused() -> None:
    with pytest.raises(ValueError, match="no time of these centuries"):
        micros_of_rfc3339("0001-01-01T00:00:00+14:00")


@pytest.mark.parametrize("below", ["1,2\r3,4\n", "1," + "x" * 200_000 + "\n"])
def test_table_that_is_none_below_its_header_is_malformed(below: str) -> None:
    with pytest.raises(MalformedAnswer, match="expected CSV of 't,o'"):
        csv_rows(f"t,o\n{below}".encode(), columns=("t", "o"))


@pytest.mark.parametrize("header", ["t,o", "t, o", '"t","o"', '"t", "o"\r', "t ,o "])
def test_names_of_columns_are_read_however_they_are_quoted_and_spaced(header: str) -> None:
    assert csv_rows(f"{header}\n1,2\n\n3,4\n".encode(), columns=("t", "o")) == [{"t": "1", "o": "2"}, {"t": "3", "o": "4"}]


def test_words_that_nothing_can_store_are_spelled_out_in_an_error() -> None:
    assert str(VendorFault("a\x00b\nc\ud800d\u00e9")) == "a\\x00b\\nc\\ud800d\u00e9"
