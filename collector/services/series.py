"""Changes of several series at once."""

from collections.abc import Collection

from django.db import transaction

from collector.models import Series


def switch(*, ids: Collection[int], is_active: bool) -> list[Series]:
    """Begin or stop to collect series; answers those that this changed, with their instruments.

    They are locked in the order of their ids, as the write path does: an update alone locks in whatever order it finds them.
    """
    with transaction.atomic():
        rows = Series.objects.filter(pk__in=ids).select_related("instrument").order_by("pk")
        changed = list(rows.exclude(is_active=is_active).select_for_update(no_key=True, of=("self",)))
        Series.objects.filter(pk__in=[series.pk for series in changed]).update(is_active=is_active)
    return changed
