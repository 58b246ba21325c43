"""When beat fires: on whole multiples of seconds of the wall clock. Celery's `crontab` knows no seconds, its intervals have a phase of their own."""

import time
from datetime import datetime
from typing import Any

from celery.schedules import BaseSchedule, schedstate


class EverySecond(BaseSchedule):
    """Due whenever the wall clock passes a multiple of `period` seconds; missed ones are not made up for."""

    def __init__(self, period: int, **options: Any) -> None:
        super().__init__(**options)
        self.period = period

    def is_due(self, last_run_at: datetime) -> schedstate:
        now = time.time()
        due = now // self.period > last_run_at.timestamp() // self.period
        return schedstate(due, self.period - now % self.period)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EverySecond) and other.period == self.period

    def __hash__(self) -> int:
        return hash(self.period)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.period,)
