"""Readers that mean no good, on bare sockets: no library answers pings or reads ahead for them."""

import base64
import json
import os
import socket
import struct
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

COMES_AGAIN_S = 20


class Hostile:
    """A client that subscribes and then reads nothing, or a byte a second; `tick` it often. Comes again and again."""

    def __init__(self, url: str, *, reads: int, mode: str = "every", nonsense: int = 0) -> None:
        self._where = urlsplit(url)
        self._reads, self._mode, self._nonsense = reads, mode, nonsense
        self._connect()

    def tick(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        if now > self._begun + COMES_AGAIN_S:
            self.close()
            self._connect()
        elif now > self._done + 1:
            self._done = now
            with suppress(OSError):
                for _ in range(self._nonsense):
                    self._send({"op": "nonsense"})
                if self._reads:
                    self._socket.recv(self._reads)

    def close(self) -> None:
        """Go without a word."""
        self._socket.close()

    def _connect(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(30)
        self._socket.connect((self._where.hostname, self._where.port))
        key = base64.b64encode(os.urandom(16)).decode()
        head = (f"GET {self._where.path} HTTP/1.1", f"Host: {self._where.netloc}", "Upgrade: websocket", "Connection: Upgrade")
        lines = (*head, f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", "")
        self._socket.sendall("\r\n".join(lines).encode())
        said = b""
        while not said.endswith(b"\r\n\r\n"):
            said += self._socket.recv(1) or b"\r\n\r\n"
        assert b" 101 " in said, said
        self._send({"op": "subscribe", "channels": ["bars.1m.*"], "mode": self._mode})
        self._socket.setblocking(False)
        self._begun = self._done = time.monotonic()

    def _send(self, frame: dict[str, Any]) -> None:
        text = json.dumps(frame).encode()
        assert len(text) < 126
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[number % 4] for number, byte in enumerate(text))
        self._socket.send(struct.pack("!BB", 0x81, 0x80 | len(text)) + mask + masked)
