"""What the client's README shows works as it stands, against a real server, with nothing installed but what the package asks for."""

import re
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from collector.feed.publisher import publish
from marketdata_client.loop import Loop
from providers.market.types import MINUTE_US
from tests.acceptance.feed import alone
from tests.acceptance.feed.test_gap import OPEN, Writer
from tests.feed_support import add_batch, bar
from tests.integration.collector.rows import make_series
from tests.unit.clients.scripted import Feed, mark
from tests.waiting import wait_until
from tests.web_server import START_SECONDS, Web

Webs = Callable[[], Web]
README = (alone.PACKAGE / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
LATEST = 'mode="latest"'
LOCAL = "http://127.0.0.1:8000"


def block_of(word: str) -> str:
    """The one block that says so."""
    (found,) = [block for block in BLOCKS if word in block]
    return found


class Shown:
    """Runs blocks of the README in a folder, at a server's address."""

    def __init__(self, folder: Path, address: str) -> None:
        self._folder, self._address, self._count = folder, address, 0

    @contextmanager
    def running(self, block: str, *, extras: tuple[str, ...] = ()) -> Iterator["subprocess.Popen[str]"]:
        """A block at work; killed in the end, like a program that crashes."""
        assert LOCAL in block
        self._count += 1
        packages = self._folder / f"packages{self._count}"
        packages.mkdir()
        program = self._folder / f"block{self._count}.py"
        program.write_text(block.replace(LOCAL, self._address))
        process = subprocess.Popen(
            alone.command(packages, program, extras=extras),
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        giving_up = Timer(3 * START_SECONDS, process.kill)
        giving_up.start()
        try:
            yield process
        finally:
            giving_up.cancel()
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def output(self, block: str, **options: tuple[str, ...]) -> str:
        """All that a block prints, which must end well."""
        with self.running(block, **options) as process:
            assert process.stdout is not None
            said = process.stdout.read()
            assert process.wait() == 0, said
        return said


def read_until(process: "subprocess.Popen[str]", *words: str) -> None:
    """Read lines until one holds all of the words."""
    said = []
    for line in process.stdout or ():
        said.append(line)
        if all(word in line for word in words):
            return
    raise AssertionError(f"never came: {words}\n" + "".join(said))


def test_every_block_of_the_readme_is_run_here() -> None:
    shown = {block_of(word) for word in ("to_pandas", "to_polars", "coverage(", "History", "sqlite3", LATEST, "marks.")}
    assert shown == set(BLOCKS)


def test_blocks_that_read_print_what_is_held_and_what_is_missing(webs: Webs, tmp_path: Path) -> None:
    Writer().write(make_series("AAPL"), [OPEN, OPEN + MINUTE_US], 10.25)
    make_series("MSFT")
    shown = Shown(tmp_path, f"http://{webs().address}")
    assert shown.output(block_of("to_pandas"), extras=("pandas",)).count("10.25") == 2
    table = shown.output(block_of("to_polars"), extras=("polars",))
    assert ("shape: (2, " in table, table.splitlines()[-1]) == (True, "[]")  # nobody wrote a quote
    missing = shown.output(block_of("coverage("))
    assert "2025-10-08 2 held, 0 without a trade, 388 missing" in missing
    assert re.search(r"\d 328 pending pending next_scan", missing)
    assert missing.endswith("778 slots of T0\n")


def test_blocks_that_follow_print_what_is_written_and_end_when_they_are_told_to(webs: Webs, tmp_path: Path) -> None:
    shown, writer, series = Shown(tmp_path, f"http://{webs().address}"), Writer(), make_series("AAPL")
    with shown.running(block_of("History")) as following, shown.running(block_of(LATEST)) as newest:
        for process in (following, newest):
            read_until(process, "subscribed")
        read_until(newest, "nothing in this second")
        writer.write(series, [OPEN], 10.5)
        writer.write(series, [OPEN], 10.75, is_history=True)
        read_until(newest, "Bar(", "10.5")
        read_until(following, "new, or a higher rev", "10.5")
        read_until(following, "old bars changed", "10.75")
        for process in (following, newest):
            process.send_signal(signal.SIGINT)
            read_until(process, "KeyboardInterrupt")


def test_block_about_marks_prints_what_is_complete_and_what_is_late(tmp_path: Path) -> None:
    loop, feed = Loop(), Feed()
    loop.run(feed.__aenter__())
    with Shown(tmp_path, feed.address).running(block_of("marks.")) as process:
        peer = loop.run(feed.peer())
        loop.run(peer.subscribed())
        loop.run(peer.data(0, mark(complete=False, held=150), mark()))
        read_until(process, "late", "00:00:00+00:00 48")
        read_until(process, "all bars of T0", "00:00:00+00:00 198 2")
    loop.run(feed.__aexit__())
    loop.stop()


def test_block_that_stores_its_position_holds_everything_after_it_was_killed(webs: Webs, tmp_path: Path) -> None:
    def stored() -> list[tuple[str, float]]:
        with sqlite3.connect(tmp_path / "bars.sqlite") as store:
            return store.execute("SELECT symbol, rev FROM bar ORDER BY symbol").fetchall()

    def held(count: int) -> bool:
        return len(stored()) == count

    shown, block = Shown(tmp_path, f"http://{webs().address}"), block_of("sqlite3")
    with shown.running(block) as process:
        read_until(process, "subscribed")
        publish(batch_ids=[add_batch([bar("A"), bar("B")])])
        wait_until(lambda: held(2), seconds=START_SECONDS, what="two bars")
    publish(batch_ids=[add_batch([bar("C"), bar("A", rev=2)])])
    with shown.running(block) as process:
        read_until(process, "subscribed")
        wait_until(lambda: held(3), seconds=START_SECONDS, what="what came meanwhile")
        publish(batch_ids=[add_batch([bar("D")])])
        wait_until(lambda: held(4), seconds=START_SECONDS, what="what comes now")
    assert stored() == [("A", 2), ("B", 1), ("C", 1), ("D", 1)]
