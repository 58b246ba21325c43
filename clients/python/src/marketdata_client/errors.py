"""What can go wrong.

ClientError
├── Refused      the server understood and said no: the same question gets the same answer
│   └── NotAllowed   the key is missing, wrong, expired or revoked
├── Unavailable  the server could not be reached, or could not answer now, however often it was asked
├── Closed       the client or the subscription was closed, by this program
└── HoleFound    frames do not join: the connection is given up and resumed, callers never see it
"""


class ClientError(Exception):
    """Everything that this package raises, but for ValueError and TypeError where a parameter is wrong."""


class Refused(ClientError):
    """`code` is stable, the text is for people, `field` is the parameter at fault, if one is."""

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.field = code, message, field


class NotAllowed(Refused):
    """Asking again helps only when the key has changed."""


class Unavailable(ClientError):
    """Retryable."""


class Closed(ClientError):
    """Nothing more can be asked for here."""


class HoleFound(ClientError):
    """A frame does not begin where the one before ended."""


def told(error: BaseException) -> str:
    """An error in a line of text. Not its `repr`: that of aiohttp's shows the headers that were sent, the key among them."""
    return f"{type(error).__name__}: {error}"
