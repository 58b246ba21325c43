"""What `up` checks before it starts anything: ports, and that it is alone."""

import os
import socket
from pathlib import Path

import pytest

from ops.running.ports import PortError, port_of, require_free
from ops.running.single import AlreadyRunning, single


def test_port_is_the_default_when_the_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MARKETDATA_WEB_PORT", raising=False)
    assert port_of(variable="MARKETDATA_WEB_PORT", default=8000) == 8000


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1", "8000.5"])
def test_port_error_names_the_variable_when_it_holds_no_port(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MARKETDATA_WEB_PORT", text)
    with pytest.raises(PortError, match=r"MARKETDATA_WEB_PORT must be a port"):
        port_of(variable="MARKETDATA_WEB_PORT", default=8000)


def test_port_error_names_the_port_when_it_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortError, match=rf"port {port} .* choose another with MARKETDATA_WEB_PORT"):
            require_free(host="127.0.0.1", port=port, variable="MARKETDATA_WEB_PORT")
    require_free(host="127.0.0.1", port=port, variable="MARKETDATA_WEB_PORT")


def test_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    with (
        single(tmp_path / "up.lock", about="http://127.0.0.1:8000/"),
        pytest.raises(AlreadyRunning, match=rf"pid {os.getpid()}, http://127.0.0.1:8000/"),
        single(tmp_path / "up.lock", about="mine"),
    ):
        pass


def test_lock_is_free_again_when_its_holder_has_ended(tmp_path: Path) -> None:
    for _ in range(2):
        with single(tmp_path / "up.lock", about="here"):
            pass
