"""The client libraries' clients of one event loop: one an account, opened when first asked, closed with the loop's connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from providers.adapter import Account
from providers.client_adapter import ClientAdapter, VendorClient


@dataclass(slots=True, eq=False)
class _Kept:
    account: Account
    client: VendorClient | None = None
    users: int = 0
    is_replaced: bool = False
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


class ClientPool:
    """Used in one event loop only. An account that has changed (a new key, another base URL) gets a new client."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], _Kept] = {}

    @asynccontextmanager
    async def lend(self, adapter: ClientAdapter, account: Account) -> AsyncIterator[VendorClient]:
        """The account's client. One that was replaced meanwhile is closed when its last user is done."""
        kept = await self._current(adapter, account)
        kept.users += 1
        try:
            yield await _opened(kept, adapter)
        finally:
            kept.users -= 1
            if kept.is_replaced:
                await _close_if_idle(kept)

    async def close(self) -> None:
        """Close all clients; the pool can be used again afterwards."""
        kept, self._kept = list(self._kept.values()), {}
        for each in kept:
            each.is_replaced = True
            await _close_if_idle(each)

    async def _current(self, adapter: ClientAdapter, account: Account) -> _Kept:
        place = (adapter.name, account.provider)
        kept = self._kept.get(place)
        if kept is not None and kept.account == account:
            return kept
        self._kept[place] = fresh = _Kept(account)
        if kept is not None:
            kept.is_replaced = True
            await _close_if_idle(kept)
        return fresh


async def _opened(kept: _Kept, adapter: ClientAdapter) -> VendorClient:
    """In a thread: importing a library takes seconds, in which the loop's other calls go on."""
    async with kept.opening:
        if kept.client is None:
            kept.client = await asyncio.to_thread(adapter.open_client, kept.account)
        return kept.client


async def _close_if_idle(kept: _Kept) -> None:
    client = kept.client
    if client is not None and not kept.users:
        kept.client = None
        await client.close()
