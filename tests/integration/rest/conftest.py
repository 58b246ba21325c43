"""The bell of the tasks."""

import pytest


@pytest.fixture
def rung(monkeypatch) -> list[str]:
    """The names of tasks that were rung for."""
    calls: list[str] = []
    monkeypatch.setattr("celery.current_app.send_task", lambda name, **_: calls.append(name))
    return calls
