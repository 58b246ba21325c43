import io
import json

from ops.running.log import PrefixedLog


def test_every_line_of_every_program_is_an_object_that_names_its_program() -> None:
    output = io.StringIO()
    log = PrefixedLog(names=["web", "system"], output=output, as_json=True)
    log.line("web", b'{"time": "2026-11-20T15:00:00.000Z", "message": "said"}\n')
    log.line("web", b"Listening on http://127.0.0.1:8000 \xff\n")
    log.line("system", "two\nlines of api_key=abc")
    log.line("system", "17")
    said, listening, lines, number = map(json.loads, output.getvalue().splitlines())
    assert said == {"program": "web", "time": "2026-11-20T15:00:00.000Z", "message": "said"}
    assert (listening["program"], listening["message"]) == ("web", "Listening on http://127.0.0.1:8000 \ufffd")
    assert lines["message"] == "two\nlines of api_key=REDACTED"
    assert number["message"] == "17"
    assert number["time"].endswith("Z")
