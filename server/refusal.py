"""What the server refuses, beside what the graph and the replay refuse; see `server.problems`."""

from graph.errors import NetForgeError


class NotFound(NetForgeError):
    """What was asked for is not known."""


class TokenRefused(NetForgeError):
    """The request holds no token, or none of ours."""

    def __init__(self, message: str, challenge: str) -> None:
        super().__init__(message)
        self.challenge = challenge


class NotPermitted(NetForgeError):
    """The caller is known, and may not do that."""


class Cancelled(NetForgeError):
    """The run was cancelled before it had an answer."""

    def __init__(self, message: str, run_id: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class TooManyRequests(NetForgeError):
    """The caller asks more often than it may."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooManyAtOnce(TooManyRequests):
    """The caller has as many requests open as it may."""


class BodyTooLarge(NetForgeError):
    """The body has more bytes than may be."""


class UnsupportedMediaType(NetForgeError):
    """The body is not called JSON."""
