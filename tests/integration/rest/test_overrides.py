"""`GET /calendar/overrides` as a client sees it."""

import pytest

from tests.integration.collector.rows import make_override
from tests.integration.rest.rows import make_provider, make_series

pytestmark = pytest.mark.django_db


def get(client, **parameters):
    response = client.get("/calendar/overrides", parameters)
    assert response.status_code == 200, response.content
    return response.json()


def test_overrides_come_in_pages_with_what_each_is_about(client, django_assert_max_num_queries):
    halted = make_series().instrument
    make_override("2026-11-20 18:00", "2026-11-20 19:00", kind="halt", instrument=halted)
    make_override("2026-11-21 00:00", "2026-11-22 00:00", calendar="XNYS")
    make_override("2026-11-20 10:00", "2026-11-20 11:00", mic="XNAS", kind="late_open")
    make_override("2026-11-20 10:00", "2026-11-20 11:00", kind="maintenance", provider=make_provider())
    with django_assert_max_num_queries(2):
        page = get(client, limit=3)
    rest = get(client, limit=3, after=page["next"])
    about = [(one["calendar"], one["mic"], one["symbol"], one["provider"]) for one in page["overrides"] + rest["overrides"]]
    assert about == [
        (None, "XNAS", "AAPL", None),
        ("XNYS", None, None, None),
        (None, "XNAS", None, None),
        (None, None, None, "polygon"),
    ]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"start": "2026-11-20T11:00:00Z"}, [0, 1]),
        ({"end": "2026-11-20T18:00:00Z"}, [2]),
        ({"start": "2026-11-20T18:59:00Z", "end": "2026-11-21T00:00:00Z"}, [0]),
        ({"kind": "closure"}, [1]),
    ],
)
def test_overrides_are_filtered_by_what_they_touch(client, parameters, found):
    rows = [
        make_override("2026-11-20 18:00", "2026-11-20 19:00", kind="halt", instrument=make_series().instrument),
        make_override("2026-11-21 00:00", "2026-11-22 00:00", calendar="XNYS"),
        make_override("2026-11-20 10:00", "2026-11-20 11:00", mic="XNAS", kind="late_open"),
    ]
    assert [one["id"] for one in get(client, **parameters)["overrides"]] == [rows[place].pk for place in found]
