"""The version of the service, equal to pyproject's (held by a test)."""

VERSION = "0.1.0"
