"""WebSocket addresses."""

from django.urls import path, re_path

from collector.feed.consumers import feed, no_such_path

websocket_urlpatterns = [
    path("ws/feed", feed),  # type: ignore[arg-type]  # an ASGI application where Django's types know views only
    re_path(r"", no_such_path),  # type: ignore[arg-type]
]
