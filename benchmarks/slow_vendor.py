"""A vendor that takes 20 ms for each call of a single symbol: `python -m benchmarks.slow_vendor` prints its port and serves until killed."""

import asyncio
import sys

from aiohttp import web

CALL_S = 0.020


async def _bars(request: web.Request) -> web.Response:
    await asyncio.sleep(CALL_S)
    start = int(request.match_info["start"])
    row = {"t": start, "o": 1.5, "h": 2, "l": 1, "c": 1.25, "v": 10}
    answer = {"status": "OK", "ticker": request.match_info["symbol"], "resultsCount": 1, "queryCount": 1, "results": [row]}
    return web.json_response(answer)


async def main() -> None:
    """Serve on a free port of loopback."""
    app = web.Application()
    app.router.add_get("/v2/aggs/ticker/{symbol}/range/1/minute/{start}/{end}", _bars)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
