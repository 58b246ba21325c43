"""Which of two kinds of work a call is for. Pure."""

from enum import StrEnum


class Lane(StrEnum):
    """Live jobs have a reserve of the budget, and the freshness of what they get counts; everything else is history."""

    LIVE = "live"
    HISTORY = "history"
