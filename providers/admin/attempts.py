"""Attempts to make a version active, refused ones too."""

from django.contrib import admin
from django.utils.safestring import SafeString

from providers.admin.marks import moment, tag
from providers.admin_tools import InfinitePaginator, ReadOnlyAdmin
from providers.models import ReloadAttempt


@admin.register(ReloadAttempt)
class ReloadAttemptAdmin(ReadOnlyAdmin):
    """Newest first; kept for 90 days."""

    list_display = ("when", "outcome", "what", "author", "through")
    list_filter = ("is_ok", "through")
    list_display_links = None
    list_per_page = 50
    paginator = InfinitePaginator
    show_full_result_count = False

    @admin.display(description="At (UTC)")
    def when(self, attempt: ReloadAttempt) -> SafeString:
        """To the second."""
        return moment(attempt.at)

    @admin.display(description="Version or fault")
    def what(self, attempt: ReloadAttempt) -> str:
        """What became active, or why nothing did."""
        return str(attempt.version) if attempt.is_ok else attempt.error

    @admin.display(description="Outcome", ordering="is_ok")
    def outcome(self, attempt: ReloadAttempt) -> SafeString:
        """As a word."""
        return tag("active", "md-good") if attempt.is_ok else tag("refused", "md-bad")
