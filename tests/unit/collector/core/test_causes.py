"""Causes of what is missing: every code that the code base can put into a try or a dead letter has one, and the telling word decides."""

import ast
from pathlib import Path

import pytest

from collector.core.causes import OF_CODE, Cause, cause_of, telling
from collector.core.retry import BUSY, HOPELESS, OUT_OF_PLAY
from providers import errors
from providers.errors import PermanentError, ProviderError, RetryableError

PROJECT = Path(__file__).resolve().parents[4]
SOURCES = [*(PROJECT / "collector/services").rglob("*.py"), *(PROJECT / "ops").rglob("*.py")]
MAKERS = {"Unanswered": 1, "Failure": 0}
"""Where the code stands among the arguments of what becomes a try or a dead letter."""


def _codes_of_errors() -> set[str]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ProviderError)]
    roots = {ProviderError, RetryableError, PermanentError}
    return {kind.code.fget(kind.__new__(kind)) for kind in kinds if kind not in roots}


def _written(tree: ast.Module) -> set[str]:
    """Codes that a file spells out: arguments of `Unanswered` and `Failure`, "code" in rows, what `_obstacle` returns, `code = …`."""
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
            at = MAKERS[node.func.id]
            found += node.args[at : at + 1] + [word.value for word in node.keywords if word.arg in ("code", "reason")]
        elif isinstance(node, ast.Dict):
            found += [
                v for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant) and k.value == "code"
            ]
        elif isinstance(node, ast.FunctionDef) and node.name == "_obstacle":
            found += [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found += [node.value] if node.targets[0].id in ("code", "UNPROVEN") else []
    constants = [leaf for one in found for leaf in _results(one)]
    return {one.value for one in constants if isinstance(one.value, str) and one.value}


def _results(node: ast.expr) -> list[ast.Constant]:
    """The constants that an expression can come to."""
    if isinstance(node, ast.IfExp):
        return [*_results(node.body), *_results(node.orelse)]
    return [node] if isinstance(node, ast.Constant) else []


def _spelled_out() -> set[str]:
    found = set().union(*(_written(ast.parse(path.read_text())) for path in SOURCES))
    # A requeue writes its line among the tries by SQL.
    assert "'code', 'requeued'" in (PROJECT / "collector/services/dead_letters.py").read_text()
    return found | {"requeued"}


def test_every_code_that_can_stand_in_a_try_or_dead_letter_has_its_cause() -> None:
    spelled = _spelled_out()
    assert {"circuit_open", "over_budget", "switched_off", "unproven", "internal_error", "worker_lost", "rejected"} <= spelled
    known = _codes_of_errors() | spelled | HOPELESS | BUSY | OUT_OF_PLAY
    assert known == set(OF_CODE)


def test_every_cause_is_that_of_some_code() -> None:
    assert set(OF_CODE.values()) == set(Cause)


@pytest.mark.parametrize(
    ("codes", "cause"),
    [
        ([], Cause.PENDING),
        (["requeued"], Cause.PENDING),
        (["vendor_fault", "over_budget"], Cause.VENDOR_OUTAGE),  # it is tried again because of the first
        (["over_budget", "unknown_symbol"], Cause.RATE_STARVED),  # it is parked because of the first
        (["unknown_symbol", "not_entitled"], Cause.NOT_ENTITLED),
        (["unproven", "unknown_symbol", "throttled", "isolated"], Cause.UNPROVEN),
        (["other_feed"], Cause.NOT_ENTITLED),
        (["an_adapters_own"], Cause.VENDOR_OUTAGE),
    ],
)
def test_word_that_decided_what_became_of_the_job_is_the_cause(codes: list[str], cause: Cause) -> None:
    assert cause_of(codes) is cause


def test_dead_letters_reason_says_more_than_the_tries() -> None:
    assert cause_of(["vendor_fault"], reason="worker_lost") is Cause.WORKER_LOST


def test_refused_row_explains_what_was_not_proven_and_nothing_else() -> None:
    assert cause_of(["unproven"], has_refused_row=True) is Cause.REJECTED
    assert cause_of(["circuit_open"], has_refused_row=True) is Cause.VENDOR_OUTAGE
    assert cause_of(["unproven"], reason="unproven", has_refused_row=True) is Cause.UNPROVEN


def test_telling_word_is_the_last_of_its_kind() -> None:
    assert telling(["vendor_fault", "vendor_timeout", "over_budget", "unknown_symbol"]) == 1
