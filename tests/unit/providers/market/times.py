"""Instants as text, for tests about time."""

from datetime import datetime

from providers.market.schedule import Session
from providers.market.types import from_us, to_us


def us(text: str) -> int:
    """Epoch microseconds of a UTC time such as `2025-03-09 21:00`."""
    return to_us(datetime.fromisoformat(f"{text}+00:00"))


def text(ts: int) -> str:
    """The reverse of `us`, to the minute."""
    return from_us(ts).strftime("%Y-%m-%d %H:%M")


def spans(session: Session) -> list[str]:
    """Segments such as `03-09 21:00 to 03-10 21:00`."""
    return [f"{text(a)[5:]} to {text(b)[5:]}" for a, b in session.segments]
