"""Phase and score as marks of one look, in lists, on pages and on the dashboard. A colour never stands without its word."""

from datetime import datetime

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from providers.breaker import Phase
from providers.market.types import from_us
from providers.selectors.health import CapabilityHealth, ProviderHealth

_TONES = {Phase.CLOSED: "md-good", Phase.HALF_OPEN: "md-mid", Phase.OPEN: "md-bad"}


def tag(text: str, tone: str = "", *, title: str = "") -> SafeString:
    """A word on its colour: `md-good`, `md-mid`, `md-bad` or none."""
    return format_html('<span class="md-tag {}" title="{}">{}</span>', tone, title, text)


def phase_mark(health: CapabilityHealth) -> SafeString:
    """How the breaker stands; isolation above all, then an operator's word."""
    if health.isolated_at is not None:
        return tag("isolated", "md-bad", title=health.isolated_reason)
    word = health.phase.replace("_", "-")
    if health.forced is not None:
        title = f"until {from_us(health.forced.until):%Y-%m-%d %H:%M} UTC by {health.forced.by}: {health.forced.reason}"
        return tag(f"forced {word}", _TONES[health.phase], title=title)
    until = f"until {health.open_until:%H:%M:%S} UTC" if health.open_until is not None else ""
    return tag(word, _TONES[health.phase], title=until)


def score_mark(health: CapabilityHealth) -> SafeString:
    """H, with a link to how it went; faint where nobody was ever asked."""
    if health.used_at is None:
        return format_html('<span class="md-faint md-nowrap" title="Nobody has asked it yet">{}</span>', "not yet")
    return format_html("{}", f"{health.score.value:.2f}")


def health_marks(health: ProviderHealth | None) -> SafeString:
    """All capabilities of a provider, each with its phase and score, as links to their history."""
    if health is None or not health.capabilities:
        return format_html('<span class="md-faint">{}</span>', "in no active policy")
    lines = (
        (history_address(health.entry.name, one.capability), one.capability, phase_mark(one), score_mark(one))
        for one in sorted(health.capabilities, key=lambda one: (not one.is_out, one.capability))
    )
    return format_html('<div class="md-marks">{}</div>', format_html_join("", '<a href="{}">{}</a>{}<span>{}</span>', lines))


def history_address(provider: str, capability: str = "") -> str:
    """The page of its scores."""
    return f"{reverse('admin:providers_health_history')}?provider={provider}&capability={capability}"


def moment(at: datetime | None) -> SafeString:
    """A time in UTC as lists show it."""
    if at is None:
        return format_html('<span class="md-faint">{}</span>', "never")
    return format_html('<span class="md-nowrap">{}</span>', f"{at:%Y-%m-%d %H:%M:%S}")
