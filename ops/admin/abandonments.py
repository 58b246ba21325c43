"""Spans that nobody wants any more. A row can be deleted: the span is a gap again, and the next scan finds it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from collector.models import Abandonment
from marketdata_site.observability import clock
from ops.abandonments import WANT, want_again
from ops.actors import of_page
from ops.admin.spans import SpanAdmin


@admin.register(Abandonment)
class AbandonmentAdmin(SpanAdmin):
    """Newest first; they are made by discarding a dead letter."""

    list_display = ("declared", "of_series", "span", "why")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may discard may not yet want again: that asks vendors."""
        return request.user.has_perm(WANT)

    def delete_model(self, request: HttpRequest, obj: Abandonment) -> None:
        """Want it again, on record."""
        want_again(of_page(request), number=obj.pk, now=clock.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Abandonment]) -> None:
        """One after the other."""
        for number in list(queryset.values_list("pk", flat=True)):
            want_again(of_page(request), number=number, now=clock.now())
