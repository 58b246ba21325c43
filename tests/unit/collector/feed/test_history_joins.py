"""When the rows behind the ring prove that nothing is missing."""

import pytest

from collector.feed.history import joins
from collector.feed.log import EpochSpan
from collector.feed.position import Position


@pytest.mark.parametrize(
    ("spans", "after", "upto", "expected"),
    [
        pytest.param([EpochSpan("b", 5, 20, 15)], ("b", 7), ("b", 20), True, id="the position lies inside the first batch"),
        pytest.param([EpochSpan("b", 8, 20, 12)], ("b", 7), ("b", 20), False, id="the first batch is deleted"),
        pytest.param([EpochSpan("b", 5, 20, 12)], ("b", 7), ("b", 20), False, id="a hole in the middle"),
        pytest.param([EpochSpan("b", 5, 19, 14)], ("b", 7), ("b", 20), False, id="a hole before the ring"),
        pytest.param([], ("b", 7), ("b", 20), False, id="nothing is left"),
        pytest.param([], ("a", 7), ("b", 0), True, id="nothing happened since"),
        pytest.param([], ("a", 7), ("b", 3), False, id="the new epoch's beginning is gone"),
        pytest.param([EpochSpan("a", 7, 9, 2)], ("a", 7), ("b", 0), True, id="the old epoch's end may be lacking"),
        pytest.param([EpochSpan("a", 8, 9, 1)], ("a", 7), ("b", 0), False, id="the old epoch's middle may not"),
        pytest.param(
            [EpochSpan("a", 5, 9, 4), EpochSpan("b", 0, 4, 4), EpochSpan("c", 0, 2, 2)], ("a", 7), ("c", 2), True, id="three"
        ),
        pytest.param([EpochSpan("b", 1, 4, 3)], ("a", 7), ("c", 0), False, id="an epoch between lacks its beginning"),
    ],
)
def test_rows_join_only_when_they_cover_everything_between(
    spans: list[EpochSpan], after: tuple[str, int], upto: tuple[str, int], expected: bool
) -> None:
    assert joins(spans, after=Position(*after), upto=Position(*upto)) is expected
