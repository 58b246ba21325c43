"""Whether anybody can be asked: the active policy, the keys of those that it names, and who runs another version of it."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings

from collector.models import Tier
from collector.selectors.calendars import calendar_faults
from marketdata_site.observability.version import VERSION
from ops.auth import is_loopback
from ops.health.finding import Finding, error, fine, warning
from providers.adapter import optional_credential_names
from providers.market.types import to_us
from providers.models import ActivePolicy
from providers.policy import ProviderEntry, Snapshot
from providers.registry import get_adapter
from providers.selectors.routes import secrets_of
from providers.selectors.versions import Following, processes
from providers.services import policies

SETTLED = timedelta(minutes=1)
"""So long after a version became active processes may still be in a job that began before."""


def look_at_policy() -> Finding:
    """Whether a version is active, is about tiers that exist, and whether the next reload would go through."""
    active = policies.current()
    if active.number is None:
        return error("no policy version is active, so nobody is asked", advice="run `manage.py reload_config`")
    if faults := policies.validate_draft():
        advice = "mend what it names; the active version runs on meanwhile"
        return warning("the next reload would be refused", advice=advice, detail="; ".join(faults))
    tiers = set(Tier.objects.values_list("code", flat=True))
    if strange := sorted({one.tier for one in active.policies if one.tier} - tiers):
        advice = "correct the row or the variable POLICY_…, then run `manage.py reload_config`"
        return warning(f"the policy says who is asked for {', '.join(strange)}, and there is no such tier", advice=advice)
    return fine("a policy version is active")


def look_at_credentials() -> Finding:
    """Whether the keys of all that may be asked are set for this process. Names of variables are told, never a value."""
    snapshot = policies.current()
    lacking = {entry.name: missing for entry in _in_use(snapshot) if (missing := _missing(entry))}
    if lacking:
        text = "; ".join(f"{name} lacks {', '.join(variables)}" for name, variables in sorted(lacking.items()))
        advice = "set them for every worker, in the environment or in the env file, then run `manage.py reload_config`"
        return error(text, advice=advice)
    return fine("every provider in use has its credentials")


def _in_use(snapshot: Snapshot) -> list[ProviderEntry]:
    """Enabled providers that a policy names, but for the simulated ones of `make run`, which gives them keys itself."""
    names = {name for policy in snapshot.policies for name in policy.providers}
    entries = [entry for name in sorted(names) if (entry := snapshot.providers.get(name)) is not None and entry.is_enabled]
    return [
        entry for entry in entries if not (settings.DATABASE_IS_EMBEDDED and is_loopback(urlsplit(entry.base_url).hostname))
    ]


def _missing(entry: ProviderEntry) -> list[str]:
    """Variables that hold nothing."""
    adapter, held = get_adapter(entry.adapter), secrets_of(entry)
    wanted = set(entry.credentials) - optional_credential_names(adapter)
    return sorted(entry.credentials[name] for name in wanted - set(held))


def look_at_drift(*, now: datetime) -> Finding:
    """Whether all processes that were seen lately run the active version of the policy, and one version of the program."""
    active = ActivePolicy.objects.filter(pk=1).first()
    lately = [
        one for one in processes(active=active.version_id if active else None, now=now) if one.following is not Following.GONE
    ]
    settled = active is not None and now - active.activated_at > SETTLED
    behind = [
        f"{one.process} runs policy {one.version or 'none'}"
        for one in lately
        if one.following is Following.LAGGING and (settled or (active is not None and one.seen_at > active.activated_at))
    ]
    other = [f"{one.process} is of version {one.code or 'unknown'}" for one in lately if one.code != VERSION]
    if behind or other:
        text = f"of {len(lately)} processes {len(behind)} run another policy and {len(other)} another program (this one is {VERSION})"
        advice = "restart those that stay so: an idle one follows at its next job"
        return warning(text, advice=advice, detail="; ".join([*behind, *other]))
    return fine(f"{len(lately)} processes were seen in the last minutes, all of one version")


def look_at_calendars(*, now: datetime) -> Finding:
    """Whether the calendars of all instruments are known and go on for a while."""
    if faults := calendar_faults(now=to_us(now)):
        advice = "update the package exchange_calendars, or give the instruments a calendar that is known"
        return warning(f"{len(faults)} calendars run out or are not known", advice=advice, detail=" ".join(faults))
    return fine("no calendar runs out soon")
