"""The ports that the service is told to use, and whether they are free."""

import os
import socket
from contextlib import closing


class PortError(Exception):
    """A port can't be used. The message names the port and the variable that chose it."""


def port_of(*, variable: str, default: int) -> int:
    """The port that an environment variable names. Raises: PortError when it names none."""
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise PortError(f"{variable} must be a port from 1 to 65535, got {text!r}")
    return int(text)


def require_free(*, host: str, port: int, variable: str) -> None:
    """Raises: PortError when something listens on that port already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free, as for the server itself
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortError(
                f"port {port} on {host} can't be used ({error.strerror}); choose another with {variable}"
            ) from error
