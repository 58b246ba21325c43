"""The web process with other bounds than it ships with: `BOUNDS='{"idle_timeout_s": 1}' python -m tests.acceptance.feed.conformance.bounded`.

Everything else is the server itself. What takes two minutes or 50,000 messages by default is reached in seconds, and `hello` tells
the bounds to clients as ever. `introduction_s`: how long a stranger may take to send a key.
"""

import json
import os
import sys
from dataclasses import replace

from marketdata_site import serve  # first: it decides which event loop twisted uses


def main() -> int:
    """Serve until told to end."""
    import django

    from marketdata_site import environment

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketdata_site.settings")
    environment.prepare()
    django.setup()
    from collector.feed import hub
    from marketdata_site import doors

    bounds = json.loads(os.environ["BOUNDS"])
    doors.INTRODUCTION_SECONDS = bounds.pop("introduction_s", doors.INTRODUCTION_SECONDS)
    limits = replace(hub._limits(), **bounds)
    hub._limits = lambda: limits
    return serve.main([*sys.argv[1:], "--forwarded"])  # addresses of clients are their own, as behind a proxy


if __name__ == "__main__":
    sys.exit(main())
