"""The service itself: whether it answers, can read its rows, and what its configuration and calendars need."""

from tests.unit.monitoring.case import Alert, Case, Kind, fires, quiet
from tests.unit.monitoring.cases.collecting import on_two

UP = 'up{job="market-data",instance="a"}'
UP_B = 'up{job="market-data",instance="b"}'
PROBE = 'probe_success{job="market-data-health",instance="a"}'
UNREAD = 'metrics_unread_gauges{instance="a"}'
UNREAD_B = 'metrics_unread_gauges{instance="b"}'
RELOADED = 'config_last_reload_successful{instance="a"}'
DAYS = 'calendar_remaining_days{calendar="XHKG",instance="a"}'

GONE = Alert("No web process of the market data service answers Prometheus.")
DOWN = [
    quiet("it answers", {UP: "1x20"}, at="8m"),
    quiet("one of two answers", {UP: "0x20", UP_B: "1x20"}, at="8m"),
    quiet("one scrape in four fails", {UP: "1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0"}, at="8m"),
    fires("both are down", {UP: "0x20", UP_B: "0x20"}, GONE, at="8m"),
    fires("falls over again and again", {UP: "1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0"}, GONE, at="7m"),
    fires("no target is known", {"other": "1x20"}, GONE, at="8m", kind=Kind.MISSING),
    fires("its target went away", {UP: "1x4 stale"}, GONE, at="8m", kind=Kind.MISSING),
]


def _target(job: str, instance: str = "a") -> Alert:
    text = f"{instance} ({job}) does not answer Prometheus; what it counts is not seen."
    return Alert(text, {"job": job, "instance": instance})


WORKERS = 'up{job="market-data-workers",instance="w"}'
TARGET_DOWN = [
    quiet("all answer", {UP: "1x40", WORKERS: "1x40"}, at="15m"),
    quiet("one scrape in four fails", {UP: "1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0"}, at="15m"),
    quiet("somebody else's is down", {'up{job="node",instance="a"}': "0x40"}, at="15m"),
    quiet("one that is gone on purpose", {UP: "1x40", WORKERS: "0x4 stale"}, at="15m", kind=Kind.MISSING),
    fires("the workers' is down", {UP: "1x40", WORKERS: "0x40"}, _target("market-data-workers", "w"), at="15m"),
    fires("two of three fail", {UP: "1 0 0 " * 12}, _target("market-data"), at="15m"),
    fires("missing samples", {UP: "0x12 _x3 0x20"}, _target("market-data"), at="15m", kind=Kind.MISSING),
]

UNWELL = Alert("a does not answer 200 to who asks for its health.", {"job": "market-data-health", "instance": "a"})
HEALTH = [
    quiet("it is well", {PROBE: "1x20"}, at="8m"),
    quiet("one probe in four fails", {PROBE: "1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0"}, at="8m"),
    fires("it is not", {PROBE: "0x20"}, UNWELL, at="8m"),
    fires("two probes in three fail", {PROBE: "1 0 0 " * 7}, UNWELL, at="7m"),
    fires("missing samples", {PROBE: "0x6 stale _x1 0x6"}, UNWELL, at="7m", kind=Kind.MISSING),
]

BLIND = Alert("No web process can read its gauges from Postgres: alerts about objectives, backfill and breakers are blind.")
GAUGES = [
    quiet("all are read", on_two(UNREAD, "0x20"), at="8m"),
    quiet("one of two web processes can read them", {UNREAD: "1x20", UNREAD_B: "0x20"}, at="8m"),
    fires("a group is unread everywhere", on_two(UNREAD, "1x20"), BLIND, at="8m"),
    fires("failed scrapes", {UNREAD: "1x8 stale _x2 1x4 stale"}, BLIND, at="8m", kind=Kind.MISSING),
]

REFUSED = Alert("The last reload of the configuration was refused; the version before it goes on.")
RELOAD = [
    quiet("it went through", on_two(RELOADED, "1x30"), at="12m"),
    quiet("refused, and mended at once", {RELOADED: "1x5 0x4 1x20"}, at="6m"),
    fires("it was refused", on_two(RELOADED, "0x30"), REFUSED, at="12m"),
    fires("failed scrapes", {RELOADED: "0x12 stale _x2 0x6 stale"}, REFUSED, at="11m", kind=Kind.MISSING),
]

ENDS = Alert(
    "The calendar XHKG knows no session beyond the next 20 days; then nothing is collected on it.", {"calendar": "XHKG"}
)
CALENDAR = [
    quiet("forty days are left", on_two(DAYS, "40x40"), at="18m"),
    fires("twenty days are left", on_two(DAYS, "20x40"), ENDS, at="18m"),
    fires("failed scrapes", {DAYS: "20x20 stale _x2 20x8 stale"}, ENDS, at="16m", kind=Kind.MISSING),
]

CASES: dict[str, list[Case]] = {
    "MarketDataServiceDown": DOWN,
    "MarketDataTargetDown": TARGET_DOWN,
    "HealthEndpointFailing": HEALTH,
    "MetricsGaugesUnread": GAUGES,
    "ConfigReloadFailed": RELOAD,
    "CalendarRunningOut": CALENDAR,
}
