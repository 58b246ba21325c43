"""How long things may be kept: each setting with its least and its most. Pure; the settings are read through it when a process starts."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A setting and what it may be. `is_optional`: 0 keeps for ever."""

    variable: str
    default: int
    least: int
    most: int
    unit: str = "days"
    is_optional: bool = False

    def __str__(self) -> str:
        said = f"a whole number of {self.unit} from {self.least:,} to {self.most:,}"
        return f"{said}, or 0 for ever" if self.is_optional else said

    def read(self, environment: Mapping[str, str]) -> int:
        """What the environment says, else the default. Raises: ValueError that names the variable, what was expected and what came."""
        text = environment.get(self.variable, "").strip()
        if not text:
            return self.default
        try:
            value = int(text)
        except ValueError:
            raise ValueError(f"{self.variable}: expected {self}, got {text!r}") from None
        if not (self.least <= value <= self.most or (value == 0 and self.is_optional)):
            raise ValueError(f"{self.variable}: expected {self}, got {text}")
        return value


CENTURY = 36_500

LIMITS = {
    one.variable: one
    for one in (
        # A month is dropped as a whole, and the newest 21 days tell how dense a series is.
        Limit(variable="MARKETDATA_BAR_KEEP_DAYS", default=0, least=35, most=CENTURY, is_optional=True),
        Limit(variable="MARKETDATA_REVISION_KEEP_DAYS", default=0, least=7, most=CENTURY, is_optional=True),
        Limit(variable="MARKETDATA_REJECTED_KEEP_DAYS", default=90, least=1, most=3_650, is_optional=True),
        Limit(variable="MARKETDATA_QUOTE_DAYS", default=30, least=1, most=3_650),  # a partition a day
        Limit(variable="MARKETDATA_FEED_BATCH_HOURS", default=48, least=0, most=8_760, unit="hours"),  # 0: the ring alone
        Limit(variable="MARKETDATA_MARK_KEEP_DAYS", default=7, least=3, most=365),  # longer than the window of 1d
        Limit(variable="MARKETDATA_BACKFILL_KEEP_DAYS", default=7, least=1, most=365),
        Limit(variable="MARKETDATA_INCIDENT_KEEP_DAYS", default=90, least=1, most=3_650, is_optional=True),
        Limit(variable="MARKETDATA_HEALTH_KEEP_DAYS", default=30, least=1, most=365),  # 8,640 rows a day and provider in use
        Limit(variable="MARKETDATA_AUDIT_KEEP_DAYS", default=0, least=90, most=CENTURY, is_optional=True),
    )
}


def kept(variable: str, environment: Mapping[str, str]) -> int:
    """The value of one of the settings above. Raises: ValueError as `Limit.read`."""
    return LIMITS[variable].read(environment)


def check_bars(*, gap_days: int, keep_days: int) -> None:
    """Raises: ValueError where a missing bar would be a gap for longer than bars are kept: what is dropped would be fetched again."""
    if keep_days and gap_days > keep_days:
        raise ValueError(
            f"MARKETDATA_BAR_KEEP_DAYS: expected at least MARKETDATA_BAR_DAYS, {gap_days:,}, got {keep_days:,}: "
            "bars that are dropped must not be looked for as gaps"
        )
