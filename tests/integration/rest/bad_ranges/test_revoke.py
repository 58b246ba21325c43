"""`manage.py coverage revoke`: a provider's silence that was believed, and should not have been."""

from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from collector.core.spans import from_multirange, spans_of
from collector.models import Absence, Backfill, Series
from collector.services import evidence_revoking
from collector.store import write_bars
from collector.store_batch import AbsentSlots
from marketdata_site.observability.clock import now_us
from ops.models import AuditEntry
from providers.market.types import MINUTE_US, to_us
from tests.builders import minutes, moment, us
from tests.integration.collector.reading import coverage
from tests.integration.collector.rows import make_provider, make_series, make_write
from tests.integration.rest.bad_ranges.ranges import SESSION, SLOTS


class TestRevoke:
    """A provider's silence that was believed, and should not have been."""

    @pytest.fixture(autouse=True)
    def _silence(self, world, series):
        self.series, self.world = series, world

        series.collect_until = moment("2025-10-08 14:20")
        series.save()
        for name, slots in (("polygon", range(10, 16)), ("alpaca", range(14, 18))):
            starts = minutes(SLOTS[0], 20)
            absent = AbsentSlots(series.pk, SESSION, spans_of(np.array([starts[i] for i in slots]), MINUTE_US), True, "settled")
            through = {series.pk: us("2025-10-08 14:18")}
            batch = make_write(
                [series], [], provider=make_provider(name), asked_at=now_us(), absent=[absent], answered_through=through
            )
            write_bars(batch, history_before=0)

    def revoke(self, *more):
        out = StringIO()
        call_command("coverage", "revoke", "--from", "2025-10-08T14:10:00Z", "--to", "2025-10-08T15:00:00Z", *more, stdout=out)
        return out.getvalue()

    def test_what_only_that_provider_proved_is_missing_again_and_gets_a_job(self):
        assert "4 minutes in 1 sessions of 1 series" in self.revoke("--provider", "polygon", "--why", "their feed was mute")
        assert coverage(self.series)[1] == [[us("2025-10-08 14:14"), us("2025-10-08 14:18")]]
        job = Backfill.objects.get(start=moment("2025-10-08 14:10"))
        assert (job.end, job.slots, job.state) == (moment("2025-10-08 14:14"), 4, "queued")
        assert [one.provider.name for one in Absence.objects.all()] == ["alpaca"]
        self.series.refresh_from_db()
        assert to_us(self.series.answered_through) == us("2025-10-08 14:10")
        assert AuditEntry.objects.get().counts == {"series": 1, "sessions": 1, "minutes": 4}
        assert "0 minutes" in self.revoke("--provider", "polygon")

    def test_silence_of_that_provider_which_was_doubted_is_no_witness_any_more(self):
        alone = spans_of(np.array([us("2025-10-08 14:18"), us("2025-10-08 14:19")]), MINUTE_US)
        doubted = [AbsentSlots(one.pk, SESSION, alone, False, "mute_answer") for one in (self.series, make_series("OTHR"))]
        series = [self.series, Series.objects.get(instrument__symbol="OTHR")]
        write_bars(
            make_write(series, [], provider=make_provider("polygon"), asked_at=now_us(), absent=doubted), history_before=0
        )
        assert "4 minutes in 1 sessions of 1 series" in self.revoke("--provider", "polygon")
        assert {one.provider.name for one in Absence.objects.all()} == {"alpaca"}

    def test_whole_slots_that_start_in_the_time_are_missing_again_and_no_parts_of_others(self):
        hourly = make_series("HOUR", interval="1h", collect_from=moment("2025-10-08 13:00"))
        starts = [us(f"2025-10-08 {hour}:00") for hour in (13, 14, 15)]
        absent = AbsentSlots(hourly.pk, SESSION, spans_of(np.array(starts), 60 * MINUTE_US), True, "settled")
        batch = make_write([hourly], [], provider=make_provider("polygon"), asked_at=now_us(), absent=[absent])
        write_bars(batch, history_before=0)
        out = StringIO()
        span = ("--from", "2025-10-08T13:30:00Z", "--to", "2025-10-08T14:30:00Z")
        call_command("coverage", "revoke", "--provider", "polygon", "--symbol", "HOUR", *span, stdout=out)
        assert "60 minutes in 1 sessions of 1 series" in out.getvalue()
        left = [[starts[0], starts[1]], [starts[2], starts[2] + 60 * MINUTE_US]]
        assert coverage(hourly)[1] == left
        assert from_multirange(Absence.objects.get(series=hourly).spans).tolist() == left
        assert Backfill.objects.get(series=hourly).start == moment("2025-10-08 14:00")

    def test_other_symbols_and_other_times_stay_believed(self):
        make_series("OTHR")
        assert "0 minutes" in self.revoke("--provider", "polygon", "--symbol", "OTHR")
        assert len(coverage(self.series)[1]) == 1

    def test_interruption_leaves_on_record_what_was_revoked_before_it(self, monkeypatch):
        other = make_series("OTHR", collect_from=moment("2025-10-08 14:00"), collect_until=moment("2025-10-08 14:20"))
        absent = AbsentSlots(
            other.pk, SESSION, spans_of(np.array([us("2025-10-08 14:10"), us("2025-10-08 14:11")]), MINUTE_US), True, "settled"
        )
        batch = make_write([other], [], provider=make_provider("polygon"), asked_at=now_us(), absent=[absent])
        write_bars(batch, history_before=0)
        monkeypatch.setattr(evidence_revoking, "SESSIONS_A_TRANSACTION", 1)
        forget, calls = evidence_revoking.forget, []

        def break_off(keys, **rest):
            calls.append(keys)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return forget(keys, **rest)

        monkeypatch.setattr(evidence_revoking, "forget", break_off)
        with pytest.raises(KeyboardInterrupt):
            self.revoke("--provider", "polygon")
        assert AuditEntry.objects.get().counts == {"series": 1, "sessions": 1, "minutes": 4}

    def test_unknown_names_are_refused(self):
        backwards = ["--provider", "polygon", "--to", "2025-10-08T14:00:00Z"]
        for more in (["--provider", "nobody"], ["--provider", "polygon", "--symbol", "AAPX"], backwards):
            with pytest.raises(
                CommandError, match=r"nobody|AAPX|after the start \(2025-10-08T14:10:00\+00:00\), got 2025-10-08T14:00"
            ):
                self.revoke(*more)
