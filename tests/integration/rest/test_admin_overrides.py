"""Calendar overrides in the admin: refused with what was expected, previewed without a trace, saved with a name."""

from datetime import date

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from collector.models import Backfill, CalendarOverride
from tests.integration.collector.backfill_rows import make_job
from tests.integration.collector.rows import make_override
from tests.integration.rest.rows import at, make_bars, make_coverage, make_provider, make_series, minutes

pytestmark = pytest.mark.django_db
ADD = "admin:collector_calendaroverride_add"
FRIDAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _friday_evening():
    with time_machine.travel(at("2026-11-20 19:30"), tick=False):
        yield


def said(start="2026-11-20 18:00", end="2026-11-20 21:00", **values):
    (start_0, start_1), (end_0, end_1) = start.split(), end.split()
    moments = {"start_0": start_0, "start_1": start_1, "end_0": end_0, "end_1": end_1}
    return {"kind": "closure", "why": "storm", **moments, **values}


def errors(operator, **values):
    response = operator.post(reverse(ADD), said(**values))
    assert response.status_code == 200, "it was saved"
    assert not CalendarOverride.objects.exists()
    return {field: " ".join(texts) for field, texts in response.context["adminform"].form.errors.items()}


def shown(response):
    rows = response.context.get("lost") or []
    return [
        (x.interval.value, x.series, x.slots, f"{a:%H:%M}", f"{b:%H:%M}", x.held, x.empty, x.missing, x.dead)
        for x, a, b in rows
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {"calendar": "Expected one of calendar, MIC and instrument, got none of them."}),
        ({"calendar": "XNYS", "mic": "XNAS"}, {"mic": "Expected one of calendar, MIC and instrument, got calendar and MIC."}),
        (
            {"calendar": "XNYZ"},
            {"calendar": "no calendar is named 'XNYZ'; did you mean XNZE or XNYS. Instruments are on XNYS."},
        ),
        ({"mic": "XXYZ"}, {"mic": "Expected the MIC of an instrument, got 'XXYZ'. Instruments have XNAS."}),
        ({"kind": "halt", "mic": "XNAS"}, {"instrument": "Expected halt of one instrument and nothing else, got MIC."}),
        (
            {"kind": "maintenance", "mic": "XNAS"},
            {"provider": "Expected maintenance of one provider and nothing else, got MIC."},
        ),
        (
            {"mic": "XNAS", "end": "2026-11-20 18:00"},
            {"end": "Expected a moment after 2026-11-20 18:00, got 2026-11-20 18:00."},
        ),
        ({"mic": "XNAS", "end": "2028-11-20 18:00"}, {"end": "Expected 366 days at most, got 731."}),
        ({"mic": "XNAS", "why": ""}, {"why": "This field is required."}),
        (
            {"mic": "XNAS", "kind": "strike", "end": "yesterday noon"},
            {"kind": "Select a valid choice", "end": "Enter a valid date."},
        ),
    ],
)
def test_form_says_what_was_expected_and_what_came(operator, values, expected):
    make_series()
    found = errors(operator, **values)
    for field, text in expected.items():
        assert text in found[field]
    assert "Constraint" not in str(found)


def test_provider_has_no_closure(operator):
    assert "Choose maintenance" in errors(operator, provider=make_provider().pk)["provider"]


class TestPreview:
    """What would change, and nothing does."""

    def test_preview_counts_what_vanishes_by_interval_and_saves_nothing(self, operator):
        for symbol in ("AAPL", "MSFT"):
            series = make_series(symbol)
        make_series(interval="1h")
        make_series("HSBA", mic="XLON", calendar="XLON")
        make_series("OFF", is_active=False)
        make_coverage(
            series,
            FRIDAY,
            held=[(at("2026-11-20 17:00"), at("2026-11-20 18:10"))],
            empty=[(at("2026-11-20 18:10"), at("2026-11-20 18:15"))],
        )
        make_bars(series, minutes(at("2026-11-20 18:00"), 2))
        make_job(series, start="2026-11-20 18:20", end="2026-11-20 18:30", state="dead")
        response = operator.post(reverse(ADD), said(kind="early_close", calendar="XNAS", _preview="1"))
        assert shown(response) == [
            ("1m", 2, 360, "18:00", "20:59", 10, 5, 165, 10),  # until 19:30 there are 90 a series
            ("1h", 1, 3, "18:00", "20:00", 0, 0, 1, 0),
        ]
        assert response.context["adminform"].form["why"].value() == "storm"
        assert (response.context["errors"], CalendarOverride.objects.count(), Backfill.objects.count()) == ([], 0, 1)

    def test_preview_counts_only_what_others_have_not_taken_and_the_row_itself_anew(self, operator):
        row = make_override("2026-11-20 18:00", "2026-11-20 18:30", instrument=make_series().instrument)
        make_override("2026-11-20 18:20", "2026-11-20 18:40", mic="XNAS")
        change = reverse("admin:collector_calendaroverride_change", args=[row.pk])
        response = operator.post(change, said(end="2026-11-20 19:00", instrument=row.instrument_id, _preview="1"))
        assert [rest[:5] for rest in shown(response)] == [("1m", 1, 40, "18:00", "18:59")]
        row.refresh_from_db()
        assert row.end == at("2026-11-20 18:30")

    def test_preview_of_what_changes_nothing_says_so(self, operator):
        make_series(interval="1d")
        page = lambda **values: operator.post(reverse(ADD), said(**values, _preview="1")).content.decode()  # noqa: E731
        assert "No slot vanishes: of no active series" in page(mic="XNAS")
        assert "polygon is not asked from 2026-11-20 18:00" in page(kind="maintenance", provider=make_provider().pk)
        assert "No slot vanishes" not in page()  # an error comes first


def test_row_keeps_who_said_it_first_and_when(operator, client):
    make_series()
    assert operator.post(reverse(ADD), said(mic="XNAS")).status_code == 302
    row = CalendarOverride.objects.get()
    assert (row.who, row.created_at, row.start) == ("ada", at("2026-11-20 19:30"), at("2026-11-20 18:00"))
    client.force_login(User.objects.create_superuser("another"))
    change = reverse("admin:collector_calendaroverride_change", args=[row.pk])
    assert client.post(change, said(mic="XNAS", why="a storm, they say")).status_code == 302
    row.refresh_from_db()
    assert (row.who, row.why) == ("ada", "a storm, they say")


def test_list_shows_what_each_is_about_and_who_may_only_look_gets_no_preview(operator, client, django_assert_max_num_queries):
    make_override("2026-11-20 18:00", "2026-11-20 21:00", kind="halt", instrument=make_series().instrument)
    row = make_override("2026-11-21 18:00", "2026-11-21 21:00", kind="maintenance", provider=make_provider())
    with django_assert_max_num_queries(9):
        page = operator.get(reverse("admin:collector_calendaroverride_changelist"), {"q": "AAP"}).content.decode()
    assert "AAPL (XNAS)" in page
    assert "holds" in page
    assert "polygon" in operator.get(reverse("admin:collector_calendaroverride_changelist")).content.decode()
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_calendaroverride"))
    client.force_login(looker)
    page = client.get(reverse("admin:collector_calendaroverride_change", args=[row.pk]))
    assert (page.status_code, b"_preview" in page.content) == (200, False)
