"""Bars, quotes and coverage of a market data collector, and its feed without a hole. The README shows how."""

from marketdata_client.backoff import Backoff
from marketdata_client.client import Client
from marketdata_client.errors import ClientError, NotAllowed, Refused, Unavailable
from marketdata_client.models import (
    Bar,
    Coverage,
    EmptySpan,
    Filled,
    Gap,
    History,
    Message,
    MissingRange,
    MissingSpan,
    Quote,
)
from marketdata_client.position import Position
from marketdata_client.subscription import Subscription
from marketdata_client.sync import SyncClient, SyncSubscription
from marketdata_client.tables import to_pandas, to_polars

__all__ = [
    "Backoff",
    "Bar",
    "Client",
    "ClientError",
    "Coverage",
    "EmptySpan",
    "Filled",
    "Gap",
    "History",
    "Message",
    "MissingRange",
    "MissingSpan",
    "NotAllowed",
    "Position",
    "Quote",
    "Refused",
    "Subscription",
    "SyncClient",
    "SyncSubscription",
    "Unavailable",
    "to_pandas",
    "to_polars",
]
