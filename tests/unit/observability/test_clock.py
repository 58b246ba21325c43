"""The one clock: its offset, as a number or in a file."""

from pathlib import Path

import pytest

from marketdata_site.observability import clock


@pytest.mark.parametrize("text", ["3600", " 3600.0 "])
def test_clock_is_shifted_when_the_variable_holds_seconds(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(clock.OFFSET_VARIABLE, text)

    assert clock.offset_seconds() == 3600


def test_clock_follows_a_file_when_the_variable_names_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "offset"
    monkeypatch.setenv(clock.OFFSET_VARIABLE, f"@{file}")

    seen = []
    for seconds in ("0", "-86400\n"):
        file.write_text(seconds)
        seen.append(clock.offset_seconds())

    assert seen == [0, -86_400]


@pytest.mark.parametrize("text", ["an hour", "@/no/such/file"])
def test_clock_says_which_variable_is_wrong_when_it_holds_no_number(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(clock.OFFSET_VARIABLE, text)

    with pytest.raises(ValueError, match=clock.OFFSET_VARIABLE):
        clock.now()
