"""docs/retention.md says what the code does."""

from pathlib import Path

from ops.care.kinds import KINDS, Kind
from ops.care.limits import LIMITS

TEXT = (Path(__file__).parents[3] / "docs/retention.md").read_text()
SETTINGS = (Path(__file__).parents[3] / "docs/settings.md").read_text()
ROWS = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if line.startswith("| `")]


def _told(kind: Kind) -> list[str]:
    """The columns of its row that the code knows, without what it goes by."""
    said = [f"`{kind.name}`", ", ".join(f"`{table}`" for table in kind.tables)]
    limit = kind.limit
    if limit is None:
        return [*said, "none", f"{kind.days} day" if kind.days else "for ever"]
    at_0 = "for ever" if limit.is_optional else "refused" if limit.least else "until the next turn"
    return [*said, f"`{limit.variable}`", f"{limit.default} {limit.unit}", f"{limit.least:,}", f"{limit.most:,}", at_0]


def test_page_names_every_kind_as_the_code_has_it() -> None:
    assert [row[: len(told)] for row, told in zip(ROWS, map(_told, KINDS), strict=True)] == list(map(_told, KINDS))


def test_every_limit_is_of_a_kind_and_stands_on_the_page_of_settings() -> None:
    assert {kind.limit.variable for kind in KINDS if kind.limit} == LIMITS.keys()
    for limit in LIMITS.values():
        (row,) = [line for line in SETTINGS.splitlines() if line.startswith(f"| `{limit.variable}` |")]
        assert f"| `{limit.default}` |" in row
        assert f"{limit.least:,} to {limit.most:,}" in row
        assert row.endswith("`0`: for ever |") == limit.is_optional
