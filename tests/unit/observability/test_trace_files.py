"""What traces' files are called, and how many are kept."""

import os
import time
from pathlib import Path

import pytest

from marketdata_site.observability.trace_files import TraceFiles, settings_of

NOW_MS = time.time_ns() // 1_000_000


def write(text: str = "trace") -> object:
    return lambda path: Path(path).write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_file_is_named_after_its_label_and_the_time_and_never_after_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: NOW_MS * 1_000_000)
    files = TraceFiles(tmp_path / "made" / "here")
    for label in ("fetch", "fetch", "api_../bars now"):
        files.save(label, write())
    expected = [f"trace_api_bars_now_{NOW_MS}.json", f"trace_fetch_{NOW_MS}.json", f"trace_fetch_{NOW_MS + 1}.json"]
    assert names(files.folder) == expected


def test_oldest_files_of_a_label_go_and_those_of_others_stay(tmp_path: Path) -> None:
    files = TraceFiles(tmp_path, keep_files=2)
    rare = files.save("slo", write()).name
    kept = [files.save("fetch", write()).name for _ in range(5)][-2:]
    assert names(tmp_path) == sorted([*kept, rare])


def test_newest_file_stays_when_many_end_in_one_millisecond(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: NOW_MS * 1_000_000)
    files = TraceFiles(tmp_path, keep_files=2)
    kept = [files.save("fetch", write()).name for _ in range(5)][-2:]
    assert names(tmp_path) == kept == [f"trace_fetch_{NOW_MS + 3}.json", f"trace_fetch_{NOW_MS + 4}.json"]


def test_oldest_files_go_when_all_together_are_too_big_but_never_the_newest(tmp_path: Path) -> None:
    files = TraceFiles(tmp_path, keep_mb=1)
    files.save("a", write("x" * 600_000))
    newer = files.save("b", write("x" * 300_000)).name
    newest = files.save("c", write("x" * 300_000)).name
    assert names(tmp_path) == [newer, newest]
    alone = files.save("d", write("x" * 2_000_000)).name
    assert names(tmp_path) == [alone]


def test_files_go_when_they_are_old_and_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / f"trace_fetch_{NOW_MS - 25 * 3_600_000}.json").touch()
    (tmp_path / "trace_of_mine.json").touch()
    killed, working = tmp_path / ".unfinished_trace_1_1.json", tmp_path / ".unfinished_trace_2_2.json"
    for path, age_s in ((killed, 7_200), (working, 60)):
        path.touch()
        os.utime(path, (time.time() - age_s, time.time() - age_s))
    new = TraceFiles(tmp_path, keep_hours=24).save("fetch", write()).name
    assert names(tmp_path) == [".unfinished_trace_2_2.json", new, "trace_of_mine.json"]


def test_file_that_could_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    def fail(path: str) -> None:
        Path(path).write_text("half of it")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="space"):
        TraceFiles(tmp_path).save("fetch", fail)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VIZ_FORMAT", "svg"),
        ("VIZ_ENTRIES", "0"),
        ("VIZ_KEEP_FILES", "many"),
        ("VIZ_KEEP_MB", "-1"),
        ("VIZ_KEEP_HOURS", "9999"),
    ],
)
def test_settings_that_make_no_sense_are_named(variable: str, value: str) -> None:
    with pytest.raises(ValueError, match=variable):
        settings_of({variable: value})


def test_files_lie_in_the_home_unless_said_otherwise(tmp_path: Path) -> None:
    assert settings_of({"MARKETDATA_HOME": str(tmp_path)}).files.folder == tmp_path / "traces"
    assert settings_of({"MARKETDATA_HOME": str(tmp_path), "VIZ_OUT_DIR": "/elsewhere"}).files.folder == Path("/elsewhere")
