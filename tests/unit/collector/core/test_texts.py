"""Text as rows can hold it."""

from collector.core.texts import storable


def test_what_no_row_can_hold_is_spelled_out_and_all_else_stays() -> None:
    assert storable("a\x00b \ud800 \U0001f600 é\n\t") == "a\\x00b \\ud800 \U0001f600 é\n\t"
