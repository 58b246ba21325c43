"""What the admin's pages for bars and for quotes have in common: a form, and below it what it asks for or why not."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.forms import Form
from django.views.generic import TemplateView
from unfold.views import UnfoldModelAdminViewMixin

from providers.api_errors import ApiError

ROWS_A_PAGE = 500


class Browser(UnfoldModelAdminViewMixin, TemplateView, ABC):  # type: ignore[misc]  # unfold is published without types
    """Reads through the REST API's own selectors, so both show the same."""

    form_class: ClassVar[type[Form]]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form, bound once a symbol is named, and what `found` says of it."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        form = self.form_class(self.request.GET if self.request.GET.get("symbol") else None)
        context["form"] = form
        if form.is_bound and form.is_valid():
            try:
                context |= self.found(form.cleaned_data)
            except ApiError as error:
                context["problem"] = error.message
        return context

    @abstractmethod
    def found(self, asked: dict[str, Any]) -> dict[str, Any]:
        """More of the template's context. Raises: ApiError, shown in its place."""

    def address(self, **changes: str | None) -> str:
        """This page's query with other values; None leaves one out."""
        query = {**self.request.GET.dict(), **changes}
        return "?" + urlencode({name: value for name, value in query.items() if value})
