"""A database in which commits are real, as in tests of the write path."""

from tests.integration.collector.conftest import database

__all__ = ["database"]
