"""`manage.py explain_route bars_1m --tier T0`: who would be asked now, and why not the others."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collector.models import Instrument, Tier
from collector.selectors.overrides import providers_away
from collector.selectors.refusals import refusal_for
from collector.selectors.series import find_instruments
from marketdata_site.observability import clock
from providers.api_errors import ApiError
from providers.explaining import as_json, as_text
from providers.lanes import Lane
from providers.market.types import Capability, Micros
from providers.selectors.explanations import explain
from providers.services import policies
from providers.services.choosing import Refusal


class Command(BaseCommand):
    """Looks at what all workers share, by the active version of the policy, and changes nothing."""

    help = "Say which providers would be asked now, in which order and how, and why not the others."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to explain."""
        parser.add_argument("capability", help="such as bars_1m, bars_1d, quotes_l1")
        parser.add_argument("--tier", required=True, help="such as T0")
        parser.add_argument("--lane", default=Lane.LIVE.value, choices=[lane.value for lane in Lane], help="default: live")
        parser.add_argument("--symbol", help="look at the limits for this instrument too")
        parser.add_argument("--mic", help="its venue, where the symbol trades at several")
        parser.add_argument("--json", action="store_true", help="all of it, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises: CommandError (exit status 1) that names what is unknown and what is known."""
        now = clock.now_us()
        capability = _capability(options["capability"])
        explanation = explain(
            policies.current(),
            capability=capability,
            tier=_tier(options["tier"]),
            lane=Lane(options["lane"]),
            now=now,
            refusal=_refusal(options["symbol"], options["mic"], capability=capability, now=now),
            away=providers_away(now=now),
        )
        if options["json"]:
            self.stdout.write(json.dumps(as_json(explanation), indent=2))
        else:
            self.stdout.write("\n".join(as_text(explanation)))


def _capability(text: str) -> Capability:
    try:
        return Capability(text)
    except ValueError:
        raise CommandError(f"unknown capability {text!r}; known: {', '.join(Capability)}") from None


def _tier(code: str) -> str:
    known = list(Tier.objects.values_list("code", flat=True))
    if code not in known:
        raise CommandError(f"unknown tier {code!r}; known: {', '.join(known) or 'none'}")
    return code


def _refusal(symbol: str | None, mic: str | None, *, capability: Capability, now: Micros) -> Refusal:
    if symbol is None:
        return lambda _: None
    return refusal_for(_instrument(symbol, mic), capability=capability, now=now)


def _instrument(symbol: str, mic: str | None) -> Instrument:
    try:
        return find_instruments(symbols=[symbol], mic=mic)[0]
    except ApiError as error:
        raise CommandError(error.message) from error
