"""Rows of what we collect and hold; one file a noun."""

from collector.models.bars import Bar, BarAlternate, BarRevision, DailyBar, RejectedBar
from collector.models.coverage import Absence, Coverage
from collector.models.feed import FeedBatch
from collector.models.instruments import Instrument, Series, Tier
from collector.models.quotes import LatestQuote, Quote, QuoteSeries, RejectedQuote

__all__ = [
    "Absence",
    "Bar",
    "BarAlternate",
    "BarRevision",
    "Coverage",
    "DailyBar",
    "FeedBatch",
    "Instrument",
    "LatestQuote",
    "Quote",
    "QuoteSeries",
    "RejectedBar",
    "RejectedQuote",
    "Series",
    "Tier",
]
