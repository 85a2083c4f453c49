"""Which request gets which fault, and what AWS calls an error of that status."""

from dataclasses import dataclass, field, replace

from lab.aws.scene import Refused
from lab.aws.wire import XML, Asked, Reply, refuse
from lab.faults import Fault, Status

_CODES = {
    400: "ThrottlingException",
    401: "ExpiredTokenException",
    403: "AccessDeniedException",
    429: "TooManyRequestsException",
    500: "InternalFailure",
    503: "ServiceUnavailable",
}
_XML_CODES = {400: "Throttling", 401: "ExpiredToken", 403: "AccessDenied"}
"""What the services that answer in XML say instead."""


@dataclass(frozen=True)
class Planned:
    """One fault, and the requests that it is for; None is for any."""

    fault: Fault
    service: str | None
    operation: str | None
    code: str | None

    def concerns(self, asked: Asked) -> bool:
        """Whether that request may get it."""
        return self.service in (None, asked.service) and self.operation in (None, asked.operation)

    def reply(self, asked: Asked) -> Reply:
        """The error of a Status, with the given code or the one that the service usually has."""
        assert isinstance(self.fault, Status)
        usual = _CODES.get(self.fault.status, "InternalFailure")
        if asked.protocol in XML:
            usual = _XML_CODES.get(self.fault.status, usual)
        said = Refused(self.code or usual, self.fault.message, self.fault.status)
        reply = refuse(asked, said)
        return replace(reply, headers={**reply.headers, **self.fault.headers})


@dataclass
class Faults:
    """The faults for next requests, used up one each, and those that stay."""

    queued: list[Planned] = field(default_factory=list)
    standing: list[Planned] = field(default_factory=list)

    def stand(self, planned: Planned) -> None:
        """Keep this one, instead of what was kept for the same requests."""
        self.clear(planned.service, planned.operation)
        self.standing.append(planned)

    def clear(self, service: str | None, operation: str | None) -> None:
        """Keep none for exactly these requests."""
        self.standing = [
            kept for kept in self.standing if (kept.service, kept.operation) != (service, operation)
        ]

    def take(self, asked: Asked) -> Planned | None:
        """The fault for that request; a queued one goes before one that stays."""
        for place, planned in enumerate(self.queued):
            if planned.concerns(asked):
                return self.queued.pop(place)
        return next((kept for kept in self.standing if kept.concerns(asked)), None)
