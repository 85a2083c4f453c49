"""Why a webhook was not taken, in words for a person; nothing of it was stored."""

from graph.errors import NetForgeError


class Refused(NetForgeError):
    """The request is not taken."""


class Malformed(Refused):
    """The body cannot be read."""


class NotAuthentic(Refused):
    """The message is not proved to be from SNS, for a topic of ours, and of now."""


class OtherTemplate(Refused):
    """The payload is not filled in from our template."""


class SnsUnreachable(Refused):
    """SNS did not give what is needed to take the message; sent again, it may work."""


class Ignored(NetForgeError):
    """The request is right, and there is nothing to investigate; it is answered with the reason."""
