"""The envelope that SNS puts round a message, and the addresses that it may name."""

import re
from typing import Annotated, Literal
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from server.fields import Text
from server.webhooks.refusal import Malformed, NotAuthentic

_PATH_AND_QUERY = re.compile(r"/[\w/?&=:.%~+-]*", re.ASCII)
_CERTIFICATE_PATH = re.compile(r"/[A-Za-z0-9_-]{1,200}\.pem")

# Without line breaks, which part the signed names and values: with them, one value could pass
# for several.
Short = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\r\n]*$")]


class Envelope(BaseModel):
    """A message of SNS, by the names of its JSON."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    type: Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"] = Field(
        alias="Type"
    )
    message_id: Short = Field(alias="MessageId")
    topic: Short = Field(alias="TopicArn")
    message: Text = Field(alias="Message")
    timestamp: Short = Field(alias="Timestamp")
    signature_version: Short = Field(alias="SignatureVersion")
    signature: Short = Field(alias="Signature")
    certificate_address: Short = Field(alias="SigningCertURL")
    subject: Short | None = Field(default=None, alias="Subject")
    token: Short | None = Field(default=None, alias="Token")
    subscribe_address: Short | None = Field(default=None, alias="SubscribeURL")

    def signed(self) -> bytes:
        """What SNS signed: each name and value on a line of its own, names in order."""
        notified = self.type == "Notification"
        pairs = {
            "Message": self.message,
            "MessageId": self.message_id,
            "Subject": self.subject if notified else None,
            "SubscribeURL": None if notified else self.subscribe_address,
            "Timestamp": self.timestamp,
            "Token": None if notified else self.token,
            "TopicArn": self.topic,
            "Type": self.type,
        }
        present = ((name, value) for name, value in pairs.items() if value is not None)
        return "".join(f"{name}\n{value}\n" for name, value in present).encode()


def opened(content: object) -> Envelope:
    """The envelope in a body; raises Malformed for anything else."""
    try:
        return Envelope.model_validate(content)
    except ValidationError as error:
        wrong = sorted({str(problem["loc"][0]) for problem in error.errors() if problem["loc"]})
        what = f"{', '.join(wrong)} missing or wrong" if wrong else "no object"
        raise Malformed(
            f"no message of SNS: {what}; raw message delivery must be off, it is not signed"
        ) from error


def region_of(topic: str) -> str:
    """The region in the name of a topic that is allowed."""
    return topic.split(":")[3]


def host_of(topic: str) -> str:
    """The one host that SNS names in messages of that topic."""
    china = topic.startswith("arn:aws-cn:")
    return f"sns.{region_of(topic)}.amazonaws.com{'.cn' if china else ''}"


def check_certificate_address(envelope: Envelope) -> str:
    """The address of the signing certificate, when SNS itself serves it; raises NotAuthentic."""
    address = envelope.certificate_address
    if not _CERTIFICATE_PATH.fullmatch(_path_at(address, envelope.topic)):
        raise NotAuthentic(
            f"SigningCertURL is not https://{host_of(envelope.topic)}/….pem, the host of its topic"
        )
    return address


def check_subscribe_address(envelope: Envelope) -> str:
    """The address at SNS that confirms this subscription; raises NotAuthentic."""
    address = envelope.subscribe_address or ""
    path, _, query = _path_at(address, envelope.topic).partition("?")
    given = parse_qs(query, max_num_fields=10) if path == "/" else {}
    wanted = {
        "Action": ["ConfirmSubscription"],
        "TopicArn": [envelope.topic],
        "Token": [envelope.token],
    }
    if {name: given.get(name) for name in wanted} != wanted:
        raise NotAuthentic(
            f"SubscribeURL does not confirm that topic at https://{host_of(envelope.topic)}/"
        )
    return address


def _path_at(address: str, topic: str) -> str:
    """Path and query of an address at SNS's host for that topic; blank for any other address.

    The beginning is compared as text, up to the slash after the host: no parser can make
    another host of it.
    """
    beginning = f"https://{host_of(topic)}"
    rest = address.removeprefix(beginning)
    right = address.startswith(beginning) and _PATH_AND_QUERY.fullmatch(rest)
    return rest if right else ""
