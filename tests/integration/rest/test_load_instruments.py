"""`manage.py load_instruments` and `load_demo`."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from collector.models import Instrument, QuoteSeries, Series
from marketdata_site.observability import clock
from providers.adapter import refusal_of
from providers.market.types import MINUTE_US, AssetClass, BarQuery, Capability, Interval
from providers.models import Provider, RoutingPolicy
from providers.selectors import route
from providers.services import policies
from tests.integration.rest.rows import at, make_provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def load(tmp_path):
    def run(text: str | bytes) -> str:
        file = tmp_path / "instruments.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        out = StringIO()
        call_command("load_instruments", str(file), stdout=out)
        return out.getvalue().strip()

    return run


def faults(load, text) -> list[str]:
    with pytest.raises(CommandError) as raised:
        load(text)
    assert not Instrument.objects.exists(), "something was written"
    return [line.strip() for line in str(raised.value).splitlines()[1:]]


def test_file_creates_instruments_with_defaults_when_it_says_little(load):
    assert load("symbol,calendar\nAAPL,XNYS\n") == "1 created, 0 updated, 0 unchanged"
    series = Series.objects.select_related("instrument").get()
    assert (series.instrument.mic, series.instrument.asset_class) == ("XXXX", "equity")
    assert (series.interval, series.hours, series.adjustment, series.tier_id) == ("1m", "regular", "raw", "T2")


def test_file_begins_and_stops_quotes_and_leaves_them_alone_when_it_says_nothing(load):
    load(
        "symbol,calendar,quotes,tier,hours\nAAPL,XNYS,yes,T0,regular;extended\nMSFT,XNYS,no,T1,regular\nIBM,XNYS,,T0,regular\n"
    )
    series = QuoteSeries.objects.get()
    assert (series.instrument.symbol, series.tier_id, series.hours, series.is_active) == ("AAPL", "T0", "extended", True)
    assert load("symbol,calendar,quotes\nAAPL,XNYS,yes\n") == "0 created, 0 updated, 1 unchanged"
    assert load("symbol,calendar,quotes\nAAPL,XNYS,no\n") == "0 created, 1 updated, 0 unchanged"
    load("symbol,calendar\nAAPL,XNYS\n")
    series.refresh_from_db()
    assert (series.tier_id, series.hours, series.is_active) == ("T0", "extended", False)


def test_file_is_refused_when_quotes_are_neither_yes_nor_no_or_lack_their_hours(load):
    assert faults(load, "symbol,calendar,quotes\nAAPL,XNYS,maybe\n") == ["line 2: quotes: expected yes or no, got 'maybe'"]
    assert "extended hours" in faults(load, "symbol,calendar,quotes,hours\nVOD,XLON,yes,extended\n")[0]


def test_file_sets_every_column_when_all_are_there(load):
    make_provider("polygon")
    load(
        "symbol,mic,name,calendar,asset_class,tier,interval,hours,adjustment,feed_scope,listed_at,delisted_at,collect_from,"
        "collect_until,vendor:polygon\n"
        "BRK.B,XNYS,Berkshire,XNYS,equity,T0,1m;1d,extended,split,iex,1996-05-09,2030-01-01T00:00:00Z,2026-01-02,"
        "2027-01-01T09:30:00-05:00,BRK-B\n"
    )
    instrument = Instrument.objects.get()
    assert (instrument.name, instrument.vendor_symbols) == ("Berkshire", {"polygon": "BRK-B"})
    assert (instrument.listed_at, instrument.delisted_at) == (at("1996-05-09 00:00"), at("2030-01-01 00:00"))
    assert sorted(instrument.series.values_list("interval", "hours", "adjustment", "tier", "feed_scope")) == [
        ("1d", "extended", "split", "T0", "iex"),
        ("1m", "extended", "split", "T0", "iex"),
    ]
    series = instrument.series.first()
    assert (series.collect_from, series.collect_until) == (at("2026-01-02 00:00"), at("2027-01-01 14:30"))


def test_file_is_read_when_it_comes_from_a_spreadsheet(load):
    assert load(b'\xef\xbb\xbfSymbol, Calendar ,name\r\nAAPL,XNYS,"Apple, Inc."\r\n\r\n,,\r\n').startswith("1 created")
    assert Instrument.objects.get().name == "Apple, Inc."


def test_second_load_changes_nothing_when_the_file_is_the_same(load):
    text = "symbol,calendar,tier,hours\nAAPL,XNYS,T0,regular;extended\nMSFT,XNYS,T1,regular\n"
    assert load(text) == "2 created, 0 updated, 0 unchanged"
    before = list(Series.objects.order_by("pk").values())
    assert load(text) == "0 created, 0 updated, 2 unchanged"
    assert list(Series.objects.order_by("pk").values()) == before


def test_load_updates_what_the_file_says_when_rows_exist(load):
    load("symbol,calendar,name,tier\nAAPL,XNYS,Apple,T0\nMSFT,XNYS,Microsoft,T0\n")
    assert load("symbol,calendar,tier\nAAPL,XNYS,T1\nMSFT,XNYS,\n") == "0 created, 1 updated, 1 unchanged"
    assert Series.objects.get(instrument__symbol="AAPL").tier_id == "T1"
    assert Series.objects.get(instrument__symbol="MSFT").tier_id == "T0", "an empty cell says nothing"
    assert Instrument.objects.get(symbol="AAPL").name == "Apple", "a column that is not there says nothing"


def test_load_adds_a_series_when_the_file_names_another_interval(load):
    load("symbol,calendar\nAAPL,XNYS\n")
    assert load("symbol,calendar,interval\nAAPL,XNYS,1d\n") == "0 created, 1 updated, 0 unchanged"
    assert sorted(Series.objects.values_list("interval", flat=True)) == ["1d", "1m"]


def test_vendor_symbols_of_others_stay_when_one_is_loaded(load):
    make_provider("polygon")
    make_provider("alpaca")
    load("symbol,calendar,vendor:polygon\nAAPL,XNYS,A1\n")
    load("symbol,calendar,vendor:alpaca\nAAPL,XNYS,A2\n")
    assert Instrument.objects.get().vendor_symbols == {"polygon": "A1", "alpaca": "A2"}


def test_all_faults_are_shown_with_their_lines_when_a_file_is_bad(load):
    found = faults(
        load,
        "symbol,calendar,tier,interval,hours,mic,listed_at,delisted_at\n"
        "AAPL,XNYS,T0,1m,regular,XNAS,,\n"
        "A B,NOPE,T9,2m,night,nasdaq,yesterday,\n"
        "MSFT,XLON,,,extended,,,\n"
        "IBM,XNYS,,,,,2026-01-02,2026-01-01\n"
        "GOOG,XNYS\n"
        ",XNYS,,,,,,\n"
        "AAPL,XNYS,T0,1m,regular,XNAS,,\n",
    )
    lines = [fault.split(": ")[0] for fault in found]
    assert lines == ["line 3"] * 7 + ["line 4", "line 5", "line 6", "line 7", "line 8"]
    text = "\n".join(found)
    for words in (
        "tier: expected one of T0, T1, T2, got 'T9'",
        "interval: expected one of 1m, 5m, 15m, 30m, 1h, 1d, got '2m'",
        "hours: expected one of regular, extended, got 'night'",
        "got 'nasdaq'",
        "expected a date such as 2026-11-20, got 'yesterday'",
        "line 4: hours: extended hours are known for US equities",
        "line 5: delisted_at: expected a time after listed_at",
        "line 6: expected 8 cells as in the header, got 2",
        "line 7: symbol: expected a value",
        "line 8: symbol: AAPL (XNAS) stands on line 2 already",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "column 'symbol' is missing"),
        ("symbol\nAAPL\n", "column 'calendar' is missing"),
        ("symbol,calendar,colour\nAAPL,XNYS,red\n", "unknown column 'colour'; known: adjustment"),
        ("symbol,calendar,symbol\nAAPL,XNYS,A\n", "column 'symbol' stands twice"),
        ("symbol,calendar,vendor:nobody\nAAPL,XNYS,A\n", "unknown provider in column 'vendor:nobody'; known: none"),
        (b"symbol,calendar\nAAPL,XNYS\n\xff,XNYS\n", "line 3: expected UTF-8, got the byte 0xff"),
        ('symbol,calendar\n"AAPL,XNYS\n', "line 2: expected comma-separated values"),
    ],
)
def test_file_is_refused_when_it_cannot_be_read(load, text, words):
    assert words in "\n".join(faults(load, text))


def test_line_of_a_quoted_newline_is_its_first_when_a_later_line_is_bad(load):
    assert faults(load, 'symbol,calendar,name\n"AAPL",XNYS,"a\nb"\nMSFT,NOPE,x\n')[-1].startswith("line 4: calendar: ")


def test_errors_are_bounded_when_there_are_many(load):
    found = faults(load, "symbol,calendar\n" + "".join(f"S{i},NOPE\n" for i in range(80)))
    assert (len(found), found[-1]) == (51, "and 30 more")


def test_line_is_refused_when_it_contradicts_what_is_stored(load):
    load("symbol,calendar,listed_at,collect_until\nAAPL,XNYS,2020-01-01,2030-01-01\n")
    for column in ("delisted_at", "collect_from"):
        with pytest.raises(CommandError, match=r"line 2: .*expected a time after"):
            load(f"symbol,calendar,{column}\nAAPL,XNYS,{'2019' if column == 'delisted_at' else '2031'}-01-01\n")


def test_line_is_refused_when_its_calendar_lacks_the_hours_of_a_series_that_is_there(load):
    load("symbol,calendar,hours\nMSFT,XNYS,regular\nAAPL,XNYS,extended\n")
    with pytest.raises(
        CommandError, match="line 3: calendar: AAPL has a series of extended hours: extended hours are known for"
    ):
        load("symbol,calendar,hours\nMSFT,XLON,\nAAPL,XLON,regular\n")
    assert set(Instrument.objects.values_list("calendar", flat=True)) == {"XNYS"}


def test_load_takes_few_statements_when_the_file_is_long(load, django_assert_max_num_queries):
    text = "symbol,calendar\n" + "".join(f"S{i},XNYS\n" for i in range(900))
    with django_assert_max_num_queries(20):
        assert load(text).startswith("900 created")


def test_missing_file_is_an_error_when_loaded():
    with pytest.raises(CommandError, match="cannot read /nowhere"):
        call_command("load_instruments", "/nowhere.csv")


class TestDemo:
    """The universe of `manage.py up`."""

    @pytest.fixture
    def demo(self, monkeypatch):
        def run(url: str) -> str:
            monkeypatch.setenv("MARKETDATA_SIMULATOR_URL", url)
            out = StringIO()
            call_command("load_demo", stdout=out)
            return out.getvalue()

        return run

    def test_demo_is_a_valid_universe_when_loaded(self, demo):
        demo("http://127.0.0.1:8001")
        for model in (Provider, RoutingPolicy, Instrument, Series, QuoteSeries):
            for row in model.objects.all():
                row.full_clean()
        assert set(Series.objects.values_list("tier", flat=True)) == {"T0", "T1", "T2"}
        assert {p.capability for p in RoutingPolicy.objects.all()} == {"bars_1m", "bars_1d", "quotes_l1"}
        assert QuoteSeries.objects.filter(is_active=True).count() == Instrument.objects.count()
        assert QuoteSeries.objects.get(instrument__symbol="SPY").hours == "extended"

    def test_every_bar_of_the_demo_has_a_second_vendor_to_come_from(self, demo):
        demo("http://127.0.0.1:8001")
        vendors = route(policies.current(), capability=Capability.BARS_1M, tier="T0")
        for kind in set(Instrument.objects.values_list("asset_class", flat=True)):
            query = BarQuery((), Interval.M1, at_us := clock.now_us(), at_us + MINUTE_US, AssetClass(kind))
            able = [one.name for one in vendors if refusal_of(one.adapter, query, account=one.account, now=at_us) is None]
            assert len(able) >= 2, kind

    def test_edits_stay_and_simulated_vendors_are_followed_when_the_demo_is_loaded_again(self, demo):
        demo("http://127.0.0.1:8001")
        rows = Series.objects.count()
        Provider.objects.filter(name="polygon").update(rate_per_minute=5)
        Series.objects.filter(instrument__symbol="AAPL").update(is_active=False, tier="T2")
        RoutingPolicy.objects.update(providers=["alpaca"])
        demo("http://127.0.0.1:9001")
        polygon = Provider.objects.get(name="polygon")
        assert (polygon.rate_per_minute, polygon.base_url) == (5, "http://127.0.0.1:9001")
        series = Series.objects.get(instrument__symbol="AAPL")
        assert (series.is_active, series.tier_id, Series.objects.count()) == (False, "T2", rows)
        assert all(policy.providers == ["alpaca"] for policy in RoutingPolicy.objects.all())

    def test_first_load_is_the_version_that_runs_and_the_next_one_follows_the_simulator(self, demo):
        demo("http://127.0.0.1:8001")
        assert policies.current().order("bars_1m", "T0") == ("polygon", "alpaca", "twelve_data")
        demo("http://127.0.0.1:9001")
        assert {one.base_url for one in policies.current().providers.values()} == {"http://127.0.0.1:9001"}
        number = policies.current().number
        demo("http://127.0.0.1:9001")
        assert (policies.current().number, policies.draft_differs()) == (number, False)

    def test_edits_that_wait_for_a_reload_go_on_waiting_when_the_simulator_moves(self, demo):
        demo("http://127.0.0.1:8001")
        RoutingPolicy.objects.update(providers=["alpaca"])
        demo("http://127.0.0.1:9001")
        assert {one.base_url for one in policies.current().providers.values()} == {"http://127.0.0.1:9001"}
        assert policies.current().order("bars_1m", "T0") == ("polygon", "alpaca", "twelve_data")
        assert [change.after for change in policies.changes()] == [["alpaca"]] * 3

    @pytest.mark.parametrize(
        "address", ["", "https://api.polygon.io", "http://127.0.0.1.example.com:80", "https://127.0.0.1:8001"]
    )
    def test_real_provider_is_left_alone_and_nothing_is_made_beside_it_when_the_demo_is_loaded(self, demo, address):
        Provider.objects.create(name="polygon", adapter="polygon", base_url=address, credentials={"api_key": "KEY"})
        assert "not loaded" in demo("http://127.0.0.1:9001")
        assert list(Provider.objects.values_list("name", "base_url")) == [("polygon", address)]
        assert not RoutingPolicy.objects.exists()
        assert not Instrument.objects.exists()

    def test_provider_stays_real_when_an_operator_took_it_out_of_the_demo(self, demo):
        demo("http://127.0.0.1:8001")
        Provider.objects.filter(name="polygon").update(base_url="")
        demo("http://127.0.0.1:9001")
        addresses = dict(Provider.objects.values_list("name", "base_url"))
        assert addresses == {"polygon": "", "alpaca": "http://127.0.0.1:9001", "twelve_data": "http://127.0.0.1:9001"}

    def test_series_begin_within_the_live_window_when_the_demo_is_new(self, demo, settings):
        demo("http://127.0.0.1:8001")
        for begins in Series.objects.values_list("collect_from", flat=True):
            assert timedelta(minutes=2) < clock.now() - begins < timedelta(seconds=settings.LIVE_WINDOW_SECONDS)

    def test_demo_is_refused_when_no_simulator_is_named(self, demo):
        with pytest.raises(CommandError, match="MARKETDATA_SIMULATOR_URL"):
            demo("")
