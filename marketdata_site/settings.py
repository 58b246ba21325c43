"""All settings, read once from the environment. docs/settings.md lists every variable; `manage.py` fills in the embedded servers' URLs."""

import os
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from marketdata_site import admin_menu, environment
from marketdata_site.observability.redaction import remember
from ops.care.limits import check_bars, kept

BASE_DIR = Path(__file__).resolve().parent.parent
MARKETDATA_HOME = Path(os.environ.get("MARKETDATA_HOME") or BASE_DIR / ".marketdata")
environment.name_metrics_folder(MARKETDATA_HOME)  # for workers that are started without `manage.py`
ROLE = os.environ.get("MARKETDATA_ROLE", "command")
"""What this process is: web, worker, beat, command or test. Connections are kept differently in each (see DATABASES)."""


def _flag(name: str, default: bool) -> bool:
    text = os.environ.get(name, "").strip().lower()
    if text not in {"", "0", "1", "true", "false", "yes", "no"}:
        raise ValueError(f"{name} must be true or false, got {text!r}")
    return default if not text else text in {"1", "true", "yes"}


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "").strip()
    try:
        return int(text) if text else default
    except ValueError:
        raise ValueError(f"{name} must be a whole number, got {text!r}") from None


def _choice(name: str, choices: tuple[str, ...]) -> str:
    """The first one unless another is named, in upper or lower case."""
    text = os.environ.get(name, "").strip() or choices[0]
    for choice in choices:
        if text.lower() == choice.lower():
            return choice
    raise ValueError(f"{name} must be {' or '.join(choices)}, got {text!r}")


def _list(name: str, default: str = "") -> list[str]:
    """What stands between commas."""
    return [text.strip() for text in os.environ.get(name, default).split(",") if text.strip()]


def _networks(name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(map(ip_network, _list(name)))
    except ValueError as error:
        raise ValueError(f"{name} must be networks such as 10.0.0.0/8, separated by commas: {error}") from None


def _secret_key() -> str:
    """From the environment, else a random one kept in a 0600 file of the home, so that sessions outlive a restart."""
    if key := os.environ.get("DJANGO_SECRET_KEY"):
        return key
    kept = MARKETDATA_HOME / "secret-key"
    if kept.exists():
        return kept.read_text().strip()
    from django.core.management.utils import get_random_secret_key

    if environment.looks_only:
        return get_random_secret_key()  # kept by whoever serves: a file made here may be one that the service's user can't read
    MARKETDATA_HOME.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(get_random_secret_key())
    except FileExistsError:
        pass  # another process was first
    return kept.read_text().strip()


_GONE_IS_NOTICED = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # ms
}
"""For libpq: a database's host that is gone without a word is given up within a minute. By themselves kernels take a quarter of an hour, or
two, while every process waits though another host has its place. A statement may take as long as it likes: kernels answer these."""


def _database(url: str) -> dict[str, object]:
    """Django's dictionary of a `postgresql://user:password@host:port/name?host=/socket/folder` URL."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError(f"DATABASE_URL must start with postgresql://, got {parts.scheme or 'nothing'}://")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    options: dict[str, object] = {"application_name": f"marketdata-{ROLE}", **_GONE_IS_NOTICED}
    options.update({key: value for key, value in query.items() if key not in {"host", "port"}})
    if ROLE == "test":
        options["options"] = "-c lock_timeout=20s"
    if ROLE == "worker":
        # One that is stopped, or whose machine is lost, within a transaction would keep its locks: no plan would be made, no bar of its
        # series written. What the URL says comes behind, and wins.
        options["options"] = f"-c idle_in_transaction_session_timeout=60s {options.get('options', '')}".strip()
    if ROLE == "web":
        options["pool"] = {"min_size": 1, "max_size": _number("MARKETDATA_WEB_POOL", 8), "timeout": 5}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "app",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.get("host") or parts.hostname or "",
        "PORT": str(parts.port or query.get("port", "")),
        # A web request runs in a thread of its own, so only a pool reuses connections there; workers keep one each.
        "CONN_MAX_AGE": 0 if ROLE == "web" else 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }


def _secrets() -> list[str]:
    """What no log line may hold: the key of sessions, and passwords in the servers' addresses, as they stand there and decoded."""
    passwords = [urlsplit(url).password or "" for url in (os.environ.get("DATABASE_URL", ""), REDIS_URL, CELERY_BROKER_URL)]
    return [SECRET_KEY, *passwords, *map(unquote, passwords)]


DEBUG = _flag("DJANGO_DEBUG", False)
SECRET_KEY = _secret_key()
ALLOWED_HOSTS = _list("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = _list("DJANGO_CSRF_TRUSTED_ORIGINS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = bool(CSRF_TRUSTED_ORIGINS) and all(
    origin.startswith("https://") for origin in CSRF_TRUSTED_ORIGINS
)
"""Where people come by TLS alone, one request without it (a link, somebody in between) must not show their session to the network."""
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
FORMAT_MODULE_PATH = ["marketdata_site.formats"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "marketdata_site.urls"
ASGI_APPLICATION = "marketdata_site.asgi.application"
LOGIN_URL = "/admin/login/"
LOGIN_REDIRECT_URL = "/admin/"

DATABASES = {"default": _database(os.environ.get("DATABASE_URL") or "postgresql://market@localhost/app")}
DATABASE_IS_EMBEDDED = "DATABASE_URL" in environment.filled_in
"""Nobody named a database, so this one is ours to fill with a demo."""
REDIS_URL = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0"

INSTALLED_APPS = [
    "unfold",  # before django.contrib.admin, or the theme and every registered model are gone
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "ninja",  # its own copy of the API documentation's scripts, so that nothing is loaded from elsewhere
    "providers",
    "collector",
    "ops",
]

MIDDLEWARE = [
    "marketdata_site.observability.requests.BeforeOthers",
    "marketdata_site.api_errors.json_errors",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "marketdata_site.observability.requests.AfterOthers",
    "marketdata_site.observability.trace_requests.TraceRequests",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
_lwcharts = find_spec("lwcharts")
STATICFILES_DIRS = (
    [
        (
            "vendor/lightweight-charts",
            Path(_lwcharts.origin).parent / "vendor",
        ),  # located, not imported: it would import pandas
    ]
    if _lwcharts and _lwcharts.origin
    else []
)

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL") or environment.broker_url(REDIS_URL)
CELERY_DB_REUSE_MAX = 10**9
"""Celery closes the database connection around every task but for this; `task_prerun` closes the broken ones."""
UNFOLD = admin_menu.UNFOLD

ENV_FILE = Path(os.environ.get("MARKETDATA_ENV_FILE") or BASE_DIR / ".env")
"""Overrides of routing policies and vendors' keys, read anew at every reload of the configuration. Settings are not read from it."""
ENV_FILE_IS_NAMED = bool(os.environ.get("MARKETDATA_ENV_FILE"))
LIVE_WINDOW_SECONDS = _number("MARKETDATA_LIVE_WINDOW_SECONDS", 600)
"""How far back live collection looks for a missing slot; what is older is a gap."""
FEED_RING_MESSAGES = max(1_000, _number("MARKETDATA_FEED_RING_MESSAGES", 100_000))
FEED_OUTSTANDING_BYTES = max(65_536, _number("MARKETDATA_FEED_OUTSTANDING_BYTES", 8_388_608))
"""What may be queued for and not yet acknowledged by one client of the feed; above it the client is closed."""
FEED_CLIENT_CONNECTIONS = max(1, _number("MARKETDATA_FEED_CLIENT_CONNECTIONS", 1_000))
"""Of one API key, or address without one, to the feed of one web process."""
BAR_DAYS = max(0, _number("MARKETDATA_BAR_DAYS", 0))
"""Whole days (UTC), today not counted, within which a missing bar is a gap; 0: however old it is."""
RECENT_SCAN_HOURS = max(1, _number("MARKETDATA_RECENT_SCAN_HOURS", 72))
"""How far back the scan of each minute looks for gaps; what is older waits for the nightly one."""
INCIDENT_SERIES = max(2, _number("MARKETDATA_INCIDENT_SERIES", 20))
"""When so many series miss the same time, that is an incident."""
SLO_SAMPLE = max(0, _number("MARKETDATA_SLO_SAMPLE", 200))
"""How many random series of each tier and interval the objectives' monitor looks at; 0: all."""
HISTORY_BACKFILL_CAP = max(1, _number("MARKETDATA_HISTORY_BACKFILL_CAP", 20_000))
"""Most open backfill jobs of the history lane, of all tiers together; those of the recent lane are capped by each tier's own number."""
BACKFILL_LEASE_SECONDS = max(2, _number("MARKETDATA_BACKFILL_LEASE_SECONDS", 120))
"""How long a worker may be silent before the backfill jobs that it runs are given to others."""
FEED_HISTORY_AFTER_SECONDS = 86_400
"""Bars older than this go out as one `history` notice a series instead of one message each."""
BEAT_SILENT_SECONDS = max(15, _number("MARKETDATA_BEAT_SILENT_SECONDS", 30))
"""After how long without a sign beat counts as silent; it gives one every five seconds."""
# How long things are kept: docs/retention.md. In whole days (UTC), today not counted, where nothing else is said; 0: for ever.
BAR_KEEP_DAYS = kept("MARKETDATA_BAR_KEEP_DAYS", os.environ)
check_bars(gap_days=BAR_DAYS, keep_days=BAR_KEEP_DAYS)
REVISION_KEEP_DAYS = kept("MARKETDATA_REVISION_KEEP_DAYS", os.environ)
REJECTED_KEEP_DAYS = kept("MARKETDATA_REJECTED_KEEP_DAYS", os.environ)
QUOTE_DAYS = kept("MARKETDATA_QUOTE_DAYS", os.environ)
FEED_BATCH_HOURS = kept("MARKETDATA_FEED_BATCH_HOURS", os.environ)
MARK_KEEP_DAYS = kept("MARKETDATA_MARK_KEEP_DAYS", os.environ)
BACKFILL_KEEP_DAYS = kept("MARKETDATA_BACKFILL_KEEP_DAYS", os.environ)
INCIDENT_KEEP_DAYS = kept("MARKETDATA_INCIDENT_KEEP_DAYS", os.environ)
HEALTH_KEEP_DAYS = kept("MARKETDATA_HEALTH_KEEP_DAYS", os.environ)
AUDIT_KEEP_DAYS = kept("MARKETDATA_AUDIT_KEEP_DAYS", os.environ)

METRICS_NETWORKS = _networks("MARKETDATA_METRICS_NETWORKS")
"""Whose hosts may read /metrics without a key, beside this machine."""
TRUST_LOOPBACK = _flag("MARKETDATA_TRUST_LOOPBACK", True)
"""False where a proxy on this machine passes callers on without saying so: its connections come from loopback as well."""

LOG_FORMAT = _choice("MARKETDATA_LOG_FORMAT", ("text", "json"))
LOG_LEVEL = _choice("MARKETDATA_LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL"))
remember(_secrets())
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {
            "()": "marketdata_site.observability.log_lines.Line",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
        "json": {"()": "marketdata_site.observability.log_lines.JsonLine", "role": ROLE},
    },
    "handlers": {"console": {"class": "marketdata_site.observability.log_lines.Console", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "exchange_calendars": {"level": "WARNING"},
        # A line for each doorbell says nothing about data; each job says itself what became of it.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        # These two hand nothing up by themselves.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        "multiprocessing": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}
