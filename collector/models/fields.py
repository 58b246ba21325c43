"""Field types that Django lacks."""

from typing import TYPE_CHECKING, Any

from django.db import models
from psycopg.types.multirange import Multirange, TimestamptzMultirange

if TYPE_CHECKING:
    AnyField = models.Field[Any, Any]
else:
    AnyField = models.Field  # not subscriptable at run time


class MultirangeField(AnyField):
    """A `tstzmultirange`: a set of half-open spans, normalised by Postgres. Query it by SQL; it has no lookups."""

    def db_type(self, connection: Any) -> str:
        return "tstzmultirange"

    def get_prep_value(self, value: Any) -> Any:
        """Raises: ValueError for a naive bound."""
        if value is None:
            return None
        spans = list(value)
        for span in spans:
            if any(bound is not None and bound.tzinfo is None for bound in (span.lower, span.upper)):
                raise ValueError(f"expected aware datetimes, got the naive span {span!r}")
        return TimestamptzMultirange(spans)


def no_spans() -> Multirange[Any]:
    """The empty set of spans (default of coverage columns)."""
    return Multirange([])
