"""How each provider stands at each capability, and what an operator may say about it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from marketdata_site.observability import clock
from providers.admin.health_history import HealthHistory
from providers.admin.marks import history_address, moment, phase_mark, score_mark
from providers.admin.override_pages import OVERRIDE, PAGES, links
from providers.admin_tools import InfinitePaginator, ReadOnlyAdmin
from providers.market.types import from_us
from providers.models import ProviderState
from providers.scoring import weakest
from providers.selectors.health import CapabilityHealth, providers_health
from providers.services import policies


@admin.register(ProviderState)
class ProviderStateAdmin(ReadOnlyAdmin):
    """One row for each provider and capability that was ever asked or spoken about; those of the policies without one are below."""

    list_display = ("name", "of_capability", "state", "h", "first_for", "asked_at", "why", "act")
    list_display_links = None
    list_select_related = ("provider",)
    list_filter = ("capability", "provider")
    list_per_page = 100
    paginator = InfinitePaginator
    show_full_result_count = False
    sortable_by = ()
    list_after_template = "admin/providers/never_asked.html"

    def get_urls(self) -> list[URLPattern]:
        """Adds the history and the pages behind the links; rows have no page of their own."""
        view = self.admin_site.admin_view
        acts = [
            path(f"<slug:provider>/<slug:capability>/{word}/", view(page.as_view(model_admin=self)), name=f"providers_{word}")
            for word, page in PAGES.items()
        ]
        history = path("history/", view(HealthHistory.as_view(model_admin=self)), name="providers_health_history")
        return [history, *acts, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """The list, with those of the policies that were never asked."""
        there = set(ProviderState.objects.values_list("provider__name", "capability"))
        never = [
            {"provider": name, "capability": one.capability, "links": _links(request, name, one)}
            for (name, _), one in _health().items()
            if (name, one.capability) not in there
        ]
        found: HttpResponseBase = super().changelist_view(request, {**(extra_context or {}), "never_asked": never})
        return found

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Each row with how it stands now, which time alone may have changed, and what this user may do about it."""
        found, health = super().get_changelist_instance(request), _health()
        for row in found.result_list:
            row.health = health.get((row.provider.name, row.capability))
            row.links = _links(request, row.provider.name, row.health)
        return found

    @admin.display(description="Provider")
    def name(self, row: Any) -> SafeString:
        """With room for a long one."""
        return format_html('<div class="md-name">{}</div>', row.provider.name)

    @admin.display(description="Capability")
    def of_capability(self, row: Any) -> SafeString:
        """With a link to how it went."""
        return format_html(
            '<a class="md-link" href="{}">{}</a>', history_address(row.provider.name, row.capability), row.capability
        )

    @admin.display(description="State")
    def state(self, row: Any) -> SafeString:
        """What counts now."""
        return _unknown() if row.health is None else phase_mark(row.health)

    @admin.display(description="H")
    def h(self, row: Any) -> SafeString:
        """The score as of now."""
        return _unknown() if row.health is None else score_mark(row.health)

    @admin.display(description="First place of")
    def first_for(self, row: Any) -> str:
        """Tiers."""
        return ", ".join(row.health.first_for) if row.health is not None else ""

    @admin.display(description="Last asked (UTC)")
    def asked_at(self, row: Any) -> SafeString:
        """When an outcome was last reported."""
        return moment(row.used_at)

    @admin.display(description="Why")
    def why(self, row: Any) -> SafeString:
        """What an operator has to know about the state."""
        return format_html('<span class="md-why">{}</span>', "" if row.health is None else reason(row.health))

    @admin.display(description="Act")
    def act(self, row: Any) -> SafeString:
        """Links to what may be done now."""
        return format_html('<span class="md-links">{}</span>', row.links)


def reason(health: CapabilityHealth) -> str:
    """One sentence about a state that is not as usual; the weakest part of a score that is low."""
    if health.isolated_at is not None:
        return f"since {health.isolated_at:%Y-%m-%d %H:%M} UTC: {health.isolated_reason}"
    if health.forced is not None:
        until = f"{from_us(health.forced.until):%Y-%m-%d %H:%M} UTC"
        return f"until {until} by {health.forced.by}: {health.forced.reason}"
    if health.open_until is not None:
        return f"until {health.open_until:%H:%M:%S} UTC, then a probe"
    return weakest(health.score) if health.used_at is not None and health.score.value < policies.current().promote else ""


def _health() -> dict[tuple[str, str], CapabilityHealth]:
    found = providers_health(policies.current(), now=clock.now_us(), with_unused=True)
    return {(health.entry.name, one.capability.value): one for health in found for one in health.capabilities}


def _links(request: HttpRequest, provider: str, health: CapabilityHealth | None) -> SafeString:
    return links(provider, health) if health is not None and request.user.has_perm(OVERRIDE) else SafeString("")


def _unknown() -> SafeString:
    return format_html('<span class="md-faint" title="{}">unknown</span>', "The active version does not know the provider")
