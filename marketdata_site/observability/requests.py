"""Counts and durations of web requests (`django_http_*`), by django-prometheus' middleware.

Only its middleware is used: its app would open ports of its own, its page leaves out what is read from rows, and its database
backend would stand between us and COPY.
"""

from typing import Any

from django_prometheus.middleware import PrometheusAfterMiddleware, PrometheusBeforeMiddleware

from marketdata_site.observability import metrics  # noqa: F401  it says where to count, before the middleware makes its metrics


class BeforeOthers(PrometheusBeforeMiddleware):  # type: ignore[misc]  # published without types
    """First of all middleware: the whole request."""


class AfterOthers(PrometheusAfterMiddleware):  # type: ignore[misc]
    """Last of all middleware: the view alone, by its name."""

    def label_metric(self, metric: Any, request: Any, response: Any = None, **labels: Any) -> Any:
        """The labelled metric. A method that HTTP does not know is no label: callers would invent ever new ones."""
        if "method" in labels:
            labels["method"] = self._method(request)
        return super().label_metric(metric, request, response, **labels)
