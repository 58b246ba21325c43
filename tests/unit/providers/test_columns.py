import pytest

from providers.columns import batch_of_columns

T0 = 1704205800
NAMES = {key: key for key in ("t", "o", "h", "l", "c", "v")}


def columns(**changes: list[object]) -> dict[str, list[object]]:
    return {
        "t": [T0, T0 + 60, T0 + 120],
        "o": [2, 2, 2],
        "h": [3, 3, 3],
        "l": [1, 1, 1],
        "c": [2, 2, 2],
        "v": [5, 6, 7],
    } | changes


@pytest.mark.parametrize("odd", ["a lot", True, {}, None])
def test_odd_row_changes_nothing_about_the_others(odd: object) -> None:
    whole = batch_of_columns(columns(), symbol="A", names=NAMES)
    batch = batch_of_columns(columns(h=[3, odd, 3]), symbol="A", names=NAMES)
    assert batch.start.tolist() == whole.start[[0, 2]].tolist() == [T0 * 10**6, (T0 + 120) * 10**6]
    assert (batch.volume.tolist(), len(batch.malformed)) == ([5, 7], 1)


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_row_without_a_price_is_none_and_one_without_a_volume_is_a_bar(nothing: object) -> None:
    prices = {key: [2, nothing, 2] for key in "ohlc"}
    batch = batch_of_columns(columns(**prices, v=[nothing, nothing, 7]), symbol="A", names=NAMES)
    assert (str(batch.volume.tolist()), batch.malformed) == ("[nan, 7.0]", ())


@pytest.mark.parametrize("stamp", [T0 * 1_000, -(10**13), "soon", None])
def test_stamp_that_is_no_epoch_of_seconds_is_kept_aside_alone(stamp: object) -> None:
    batch = batch_of_columns(columns(t=[T0, stamp, T0 + 120]), symbol="A", names=NAMES)
    assert (len(batch), len(batch.malformed)) == (2, 1)
