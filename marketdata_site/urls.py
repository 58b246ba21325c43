"""Every address of the service. The WebSocket feed is routed in `marketdata_site.asgi`."""

from django.contrib import admin
from django.urls import path

from marketdata_site.api import api
from marketdata_site.metrics_page import metrics
from ops.pages import live

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", live, name="live"),
    path("metrics", metrics, name="metrics"),
    path("", api.urls),
]
