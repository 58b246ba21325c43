"""What admin pages of several apps share."""

from typing import TYPE_CHECKING, Any

from django.core.paginator import Page
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html
from unfold import paginator
from unfold.admin import ModelAdmin

if TYPE_CHECKING:
    _Page = Page[Any]
else:
    _Page = Page  # not subscriptable at run time


class _UncountedPage(_Page):
    def has_next(self) -> bool:
        """A full page may have a successor, a short one has none."""
        return len(self.object_list) >= self.paginator.per_page


class InfinitePaginator(paginator.InfinitePaginator):  # type: ignore[misc]  # published without types
    """Pages of a table too large for COUNT(*). Unfold's templates ask for this very class name before they show a count."""

    def _get_page(self, *args: Any, **kwargs: Any) -> Page[Any]:
        return _UncountedPage(*args, **kwargs)


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]  # published without types
    """Rows that programs write and people only look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Nobody deletes."""
        return False


class KeptByHistory:
    """Mixin: a row that bars refer to can't be deleted. Their foreign keys have no constraint, so the database would let it go."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, list[Any]]:
        """What a deletion would take along; rows that are referred to count as protected."""
        deleted, counts, perms_needed, protected = super().get_deleted_objects(objs, request)  # type: ignore[misc]
        kept = [format_html("{}: {} refer to it; switch it off instead", obj, name) for obj in objs for name in _referrers(obj)]
        return deleted, counts, perms_needed, [*protected, *kept]


def _referrers(obj: models.Model) -> list[str]:
    names = []
    for relation in obj._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel) and relation.on_delete is models.DO_NOTHING:
            rows = relation.related_model._base_manager.filter(**{relation.field.name: obj})
            if rows.exists():
                names.append(str(relation.related_model._meta.verbose_name_plural))
    return names
