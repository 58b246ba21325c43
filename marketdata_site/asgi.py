"""What daphne serves: HTTP to Django, WebSockets through origin check, session and access to the feed; each with an id for the log."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketdata_site.settings")
django_application = get_asgi_application()  # first: the imports below need the app registry

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from collector.feed.routing import websocket_urlpatterns  # noqa: E402
from marketdata_site import celery  # noqa: E402, F401  what a request rings goes out as from everywhere, with the request's id
from marketdata_site.doors import AccessCheck, OriginCheck  # noqa: E402
from marketdata_site.request_ids import RequestIds  # noqa: E402

application = RequestIds(
    ProtocolTypeRouter(
        {
            "http": django_application,
            "websocket": OriginCheck(AuthMiddlewareStack(AccessCheck(URLRouter(websocket_urlpatterns)))),
        }
    )
)
