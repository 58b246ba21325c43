"""The same ASGI application under uvicorn, set up as like `marketdata_site.serve` as uvicorn's own options allow."""

import os
import socket

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketdata_site.settings")

import uvicorn

from marketdata_site.asgi import application
from marketdata_site.serve import MAX_FRAME_BYTES, PING_INTERVAL_SECONDS, PING_TIMEOUT_SECONDS

if __name__ == "__main__":
    config = uvicorn.Config(
        application,
        loop="asyncio",  # daphne's too
        lifespan="off",  # the application has none
        log_level="warning",  # or it writes a line for each connection, which daphne does not
        proxy_headers=False,  # it would believe X-Forwarded-For of every program on this machine
        ws_max_size=MAX_FRAME_BYTES,
        ws_ping_interval=PING_INTERVAL_SECONDS,
        ws_ping_timeout=PING_TIMEOUT_SECONDS,
    )
    with socket.create_server(("127.0.0.1", 0), backlog=config.backlog) as listener:
        print(f"Listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(config).run(sockets=[listener])
