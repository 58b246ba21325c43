"""The pool of client libraries' clients: one an account, replaced when the account changes, closed with the connections."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from providers.adapter import Account
from providers.client_adapter import ClientAdapter
from providers.clients import ClientPool
from providers.http import VendorHttp
from providers.loop import EventLoopThread
from providers.registry import get_adapter

ACCOUNT = Account(provider="venue-main", adapter="venue", base_url="https://venue.example", credentials={"key": "one"})


@dataclass(eq=False)
class FakeClient:
    account: Account
    is_closed: bool = False

    async def close(self) -> None:
        self.is_closed = True


@dataclass
class Venue:
    name: str = "venue"
    opened: list[FakeClient] = field(default_factory=list)
    before: Callable[[], object] = lambda: None

    def open_client(self, account: Account) -> FakeClient:
        self.before()
        self.opened.append(FakeClient(account))
        return self.opened[-1]


def run(test: Callable[[ClientPool, Venue], Coroutine[Any, Any, None]]) -> None:
    async def with_pool() -> None:
        pool = ClientPool()
        try:
            await test(pool, Venue())
        finally:
            await pool.close()

    asyncio.run(with_pool())


def test_client_is_opened_once_for_many_calls_at_once() -> None:
    async def test(pool: ClientPool, venue: Venue) -> None:
        async def call() -> FakeClient:
            async with pool.lend(venue, ACCOUNT) as client:
                await asyncio.sleep(0)
                return client

        clients = await asyncio.gather(*(call() for _ in range(8)))
        assert len(venue.opened) == 1
        assert set(clients) == set(venue.opened)

    run(test)


@pytest.mark.parametrize("change", [{"credentials": {"key": "two"}}, {"base_url": "http://127.0.0.1:9"}])
def test_changed_account_gets_a_new_client_and_the_old_one_is_closed_by_its_last_user(change: dict[str, Any]) -> None:
    async def test(pool: ClientPool, venue: Venue) -> None:
        async with pool.lend(venue, ACCOUNT) as old:
            async with pool.lend(venue, replace(ACCOUNT, **change)) as new:
                assert new is not old
            assert not old.is_closed
        assert old.is_closed
        assert not new.is_closed

    run(test)


def test_two_accounts_at_one_venue_have_a_client_each() -> None:
    async def test(pool: ClientPool, venue: Venue) -> None:
        for account in (ACCOUNT, replace(ACCOUNT, provider="venue-second"), ACCOUNT):
            async with pool.lend(venue, account):
                pass
        assert [client.account.provider for client in venue.opened] == ["venue-main", "venue-second"]

    run(test)


def test_other_calls_go_on_while_a_library_is_imported() -> None:
    async def test(pool: ClientPool, venue: Venue) -> None:
        imported = threading.Event()

        def wait() -> None:
            assert imported.wait(60), "the loop stood still"

        venue.before = wait
        opening = asyncio.create_task(_use(pool, venue))
        await asyncio.sleep(0)
        imported.set()  # reached only if the loop is not held up
        await opening

    run(test)


async def _use(pool: ClientPool, venue: Venue) -> None:
    async with pool.lend(venue, ACCOUNT):
        pass


def test_client_that_cannot_be_opened_is_tried_again() -> None:
    async def test(pool: ClientPool, venue: Venue) -> None:
        def fail() -> None:
            raise ValueError("no library")

        venue.before = fail
        with pytest.raises(ValueError, match="no library"):
            await _use(pool, venue)
        venue.before = lambda: None
        await _use(pool, venue)
        assert len(venue.opened) == 1

    run(test)


def test_clients_are_closed_with_the_loop_that_owns_them() -> None:
    venue = Venue()
    with EventLoopThread(http=VendorHttp()) as loop:
        loop.run(_use(loop.http.clients, venue))
        assert not venue.opened[0].is_closed
    assert venue.opened[0].is_closed


def test_adapters_of_a_client_are_discovered_without_importing_its_library() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from providers.registry import adapter_names; "
        "assert 'binance' in adapter_names(); assert 'ccxt' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert isinstance(get_adapter("binance"), ClientAdapter)
