"""The admin's theme: its title, and the sidebar with every page that an operator may go to."""

from django.templatetags.static import static
from django.urls import reverse_lazy


def _link(title: str, icon: str, address: str, permission: str = "") -> dict[str, object]:
    """An entry of the admin's sidebar; `address` is a path or a URL's name. Shown to those who have the permission."""
    link = address if address.startswith("/") else reverse_lazy(address)
    may_see = {"permission": lambda request: request.user.has_perm(permission)} if permission else {}
    return {"title": title, "icon": icon, "link": link, "active": lambda request: _is_at(request.path, str(link)), **may_see}


def _is_at(path: str, link: str) -> bool:
    """On that page, or on one row of its list; unfold alone would count every longer path."""
    return path == link or (link.count("/") > 2 and path.startswith(link) and path.endswith(("/change/", "/delete/", "/add/")))


UNFOLD = {
    "SITE_TITLE": "Market data",
    "SITE_HEADER": "Market data",
    "SITE_SYMBOL": "candlestick_chart",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("ops/icon.svg")}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": True,
    "DASHBOARD_CALLBACK": "ops.console.dashboard",
    "STYLES": [lambda request: static("ops/admin.css")],
    "SIDEBAR": {
        "show_search": False,
        "navigation": [
            {
                "title": "Data",
                "items": [
                    _link("Dashboard", "dashboard", "admin:index"),
                    _link("Live", "sensors", "/"),
                    _link("Bars", "candlestick_chart", "admin:collector_bars", "collector.view_series"),
                    _link("Coverage", "grid_on", "admin:collector_coverage", "collector.view_series"),
                    _link("Incidents", "crisis_alert", "admin:collector_incident_changelist", "collector.view_incident"),
                    _link("Quotes", "request_quote", "admin:collector_quotes", "collector.view_quoteseries"),
                    _link("Dead letters", "heart_broken", "admin:collector_deadletter_changelist", "collector.view_deadletter"),
                    _link(
                        "Bulk operations", "playlist_play", "admin:ops_bulkoperation_changelist", "collector.view_deadletter"
                    ),
                    _link(
                        "Ranges declared bad",
                        "do_not_disturb_on",
                        "admin:collector_rangeinvalidation_changelist",
                        "collector.view_rangeinvalidation",
                    ),
                    _link(
                        "Abandoned spans",
                        "delete_sweep",
                        "admin:collector_abandonment_changelist",
                        "collector.view_abandonment",
                    ),
                    _link("Rejected bars", "block", "admin:collector_rejectedbar_changelist", "collector.view_rejectedbar"),
                    _link(
                        "Rejected quotes", "block", "admin:collector_rejectedquote_changelist", "collector.view_rejectedquote"
                    ),
                ],
            },
            {
                "title": "What is collected",
                "items": [
                    _link("Instruments", "sell", "admin:collector_instrument_changelist", "collector.view_instrument"),
                    _link("Series", "timeline", "admin:collector_series_changelist", "collector.view_series"),
                    _link("Quote series", "sync_alt", "admin:collector_quoteseries_changelist", "collector.view_quoteseries"),
                    _link("Tiers", "layers", "admin:collector_tier_changelist", "collector.view_tier"),
                    _link(
                        "Calendar overrides",
                        "event_busy",
                        "admin:collector_calendaroverride_changelist",
                        "collector.view_calendaroverride",
                    ),
                ],
            },
            {
                "title": "Who is asked",
                "items": [
                    _link("Routing", "fork_right", "admin:providers_routing", "providers.view_routingpolicy"),
                    _link(
                        "Provider health",
                        "monitor_heart",
                        "admin:providers_providerstate_changelist",
                        "providers.view_providerstate",
                    ),
                    _link("Health history", "ssid_chart", "admin:providers_health_history", "providers.view_providerstate"),
                    _link("Providers", "dns", "admin:providers_provider_changelist", "providers.view_provider"),
                    _link(
                        "Routing policies",
                        "alt_route",
                        "admin:providers_routingpolicy_changelist",
                        "providers.view_routingpolicy",
                    ),
                    _link(
                        "Policy versions",
                        "history",
                        "admin:providers_policyversion_changelist",
                        "providers.view_policyversion",
                    ),
                ],
            },
            {
                "title": "Access",
                "items": [
                    _link("Users", "person", "admin:auth_user_changelist", "auth.view_user"),
                    _link("API keys", "key", "admin:ops_apikey_changelist", "ops.view_apikey"),
                    _link("Groups", "group", "admin:auth_group_changelist", "auth.view_group"),
                    _link("Audit", "history_edu", "admin:ops_auditentry_changelist", "ops.view_auditentry"),
                    _link("REST API", "api", "/docs"),
                ],
            },
        ],
    },
}
