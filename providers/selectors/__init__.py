"""Reads across what is configured: who is asked for what, in which order."""

from providers.selectors.routes import Candidate, candidate, ranks, read_credentials, route, routing_order

__all__ = ["Candidate", "candidate", "ranks", "read_credentials", "route", "routing_order"]
