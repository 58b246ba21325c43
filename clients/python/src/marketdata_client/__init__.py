"""Bars, quotes and coverage of a market data collector, and its feed without a hole. The README shows how."""

from marketdata_client.backoff import Backoff
from marketdata_client.client import Client
from marketdata_client.coverage import Abandoned, Coverage, EmptySpan, Job, MissingRange, MissingSpan, Said, Witness
from marketdata_client.errors import ClientError, Closed, NotAllowed, Refused, Unavailable
from marketdata_client.models import Bar, Filled, Gap, History, Mark, Message, Quote, Skipped
from marketdata_client.position import Position
from marketdata_client.subscription import Subscription
from marketdata_client.sync import SyncClient, SyncSubscription
from marketdata_client.tables import to_pandas, to_polars

__all__ = [
    "Abandoned",
    "Backoff",
    "Bar",
    "Client",
    "ClientError",
    "Closed",
    "Coverage",
    "EmptySpan",
    "Filled",
    "Gap",
    "History",
    "Job",
    "Mark",
    "Message",
    "MissingRange",
    "MissingSpan",
    "NotAllowed",
    "Position",
    "Quote",
    "Refused",
    "Said",
    "Skipped",
    "Subscription",
    "SyncClient",
    "SyncSubscription",
    "Unavailable",
    "Witness",
    "to_pandas",
    "to_polars",
]
