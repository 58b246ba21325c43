"""Rows of what we collect and hold; one file a noun."""

from collector.models.backfills import Abandonment, Backfill, BackfillState, DeadLetter, HistoryWait, RangeInvalidation
from collector.models.bars import Bar, BarAlternate, BarRevision, DailyBar, RejectedBar, Withdrawal
from collector.models.coverage import Absence, Coverage
from collector.models.feed import FeedBatch, FeedMark
from collector.models.incidents import Incident
from collector.models.instruments import Instrument, Series, Tier
from collector.models.overrides import CalendarOverride, OverrideKind
from collector.models.quotes import LatestQuote, Quote, QuoteSeries, RejectedQuote

__all__ = [
    "Abandonment",
    "Absence",
    "Backfill",
    "BackfillState",
    "Bar",
    "BarAlternate",
    "BarRevision",
    "CalendarOverride",
    "Coverage",
    "DailyBar",
    "DeadLetter",
    "FeedBatch",
    "FeedMark",
    "HistoryWait",
    "Incident",
    "Instrument",
    "LatestQuote",
    "OverrideKind",
    "Quote",
    "QuoteSeries",
    "RangeInvalidation",
    "RejectedBar",
    "RejectedQuote",
    "Series",
    "Tier",
    "Withdrawal",
]
