"""`manage.py create_api_key`."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from marketdata_site.observability import clock
from ops.access.checking import KeyCheck
from ops.access.scopes import Scope
from ops.models import ApiKey
from tests.keys import make_key

pytestmark = [pytest.mark.django_db, pytest.mark.any_postgres]


def run(*words: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("create_api_key", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_key_alone_is_printed_and_opens_as_long_as_asked():
    out, err = run("grafana", "--scope", "ops", "--expires", "12h")
    key = KeyCheck().check(out.strip(), peer="", now=clock.now())
    assert (key.name, key.scope) == ("grafana", Scope.OPS)
    assert out.strip() not in err
    row = ApiKey.objects.get()
    assert row.expires_at == row.created_at + timedelta(hours=12)


def test_key_may_last_until_it_is_revoked():
    run("grafana", "--expires", "never")
    row = ApiKey.objects.get()
    assert (row.scope, row.expires_at) == ("read", None)
    out, _ = run("--revoke", row.prefix)
    assert row.prefix in out
    row.refresh_from_db()
    assert row.revoked_at is not None


def test_list_shows_beginnings_and_states():
    for state in ("active", "expired", "revoked"):
        make_key(state=state, name=f"the {state} one")
    lines = run("--list")[0].splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["revoked", "expired", "active"]
    assert all(key.prefix in line for line, key in zip(lines[1:], ApiKey.objects.order_by("-id"), strict=True))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "expected a name"),
        (("x", "--list"), "expected a name"),
        (("x", "--expires", "90"), "--expires"),
        (("x", "--expires", "0d"), "--expires"),
        ((" ",), "expected a name that says"),
        (("--revoke", "md_00000000"), "there is no key md_00000000"),
        (("x" * 61,), "60 characters at most"),
    ],
)
def test_command_says_what_it_expects(words, said):
    with pytest.raises(CommandError, match=said):
        run(*words)
    assert not ApiKey.objects.exists()
