"""The rival of Channels' documentation: a consumer in a group for each of its channels, on the daphne that serves us too."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketdata_site.settings")

from marketdata_site.serve import Server, build_endpoint_description_strings  # isort: skip  # installs the reactor

import json

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from benchmarks.feed.messages import group_of, layer_options

settings.CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": layer_options(os.environ["REDIS_URL"])}
}


class Consumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Hands on what its groups get."""

    channels: list[str] = []

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Join."""
        self.channels = json.loads(text_data or "")["channels"]
        for channel in self.channels:
            await self.channel_layer.group_add(group_of(channel), self.channel_name)
        await self.send(text_data='{"op":"subscribed"}')

    async def disconnect(self, code: int) -> None:
        """Leave: what is sent to members that are gone costs the layer its time."""
        for channel in self.channels:
            await self.channel_layer.group_discard(group_of(channel), self.channel_name)

    async def data(self, event: dict[str, str]) -> None:
        """Of a group."""
        await self.send(text_data=event["text"])


if __name__ == "__main__":
    endpoints = build_endpoint_description_strings(host="127.0.0.1", port=0)
    Server(application=Consumer.as_asgi(), endpoints=list(endpoints)).run()
