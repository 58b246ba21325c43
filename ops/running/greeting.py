"""What the operator is told once the service answers."""

import asyncio
import urllib.error
import urllib.request
from pathlib import Path

from marketdata_site.observability import clock
from ops.running.admin_login import USERNAME, Login
from ops.running.programs import Addresses

POLL_SECONDS = 0.2
PATIENCE_SECONDS = 60.0
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""A machine's proxy (`http_proxy`) is for the way out: it would be asked for its own address here."""


async def wait_for_health(web: str) -> str | None:
    """Poll `/health` until it answers 200; None then, else what was wrong when patience ran out."""
    problem = "no attempt"
    for _ in range(int(PATIENCE_SECONDS / POLL_SECONDS)):
        problem = await asyncio.to_thread(_problem, f"{web}/health")
        if not problem:
            return None
        await asyncio.sleep(POLL_SECONDS)
    return problem


def greeting(*, addresses: Addresses, home: Path, login: Login | None, login_file: Path, with_vendors: bool) -> str:
    """URLs, login, home and how to stop."""
    if login:
        entry = f"{login.username} / {login.password}   (shown once, kept in {login_file})"
    elif login_file.exists():
        entry = f"{USERNAME}, password in {login_file}"
    else:
        entry = "an administrator exists"
    shift = clock.offset_seconds()
    rows = {
        "live page": f"{addresses.web}/",
        "admin": f"{addresses.web}/admin/",
        "login": entry,
        "API docs": f"{addresses.web}/docs",
        "feed": f"{addresses.web.replace('http', 'ws', 1)}/ws/feed",
        "vendors": f"{addresses.simulator}  (simulated)" if with_vendors else "",
        "home": str(home),
        "clock": f"shifted by {shift:+g} s" if shift else "",
        "stop": "Ctrl-C",
    }
    return "\n".join(["", *(f"  {name:<10} {value}" for name, value in rows.items() if value), ""])


def _problem(url: str) -> str:
    try:
        with _DIRECTLY.open(url, timeout=5) as answer:
            return "" if answer.status == 200 else f"status {answer.status}"
    except urllib.error.HTTPError as error:
        return f"status {error.code}: {error.read(300).decode(errors='replace')}"
    except OSError as error:
        return str(error)
