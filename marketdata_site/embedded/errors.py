"""What can go wrong with embedded servers."""


class EmbeddedServerError(Exception):
    """A server could not be started, found or stopped. The message says what to do."""
