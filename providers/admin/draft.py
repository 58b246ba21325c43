"""What lists and forms of draft rows say: that these rows are a draft, which version runs, and what to do about it."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from providers.services import policies


class DraftRows:
    """Mixin of an admin whose rows do nothing before a reload: a banner while the draft differs from the version that runs."""

    list_before_template = "admin/providers/draft_banner.html"
    change_form_outer_before_template = "admin/providers/draft_banner.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list with its banner."""
        context = {**(extra_context or {}), "draft": draft_state()}
        return super().changelist_view(request, context)  # type: ignore[misc, no-any-return]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form with its banner."""
        context = {**(extra_context or {}), "draft": draft_state()}
        return super().changeform_view(request, object_id, form_url, context)  # type: ignore[misc, no-any-return]


def draft_state() -> dict[str, Any]:
    """What the banner shows; `number` is None where no version is active."""
    number = policies.current().number
    return {"number": number, "differs": policies.draft_differs()}
