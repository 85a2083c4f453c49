"""What AWS or its client says when it does not answer, and what an operator can do about it."""

import re
from collections.abc import Sequence
from functools import cache

from graph.tools.aws.guard import THROTTLED, NoAwsAnswer, WriteRefused
from graph.tools.question import ReadFailed
from graph.untrusted import printable

WORDS_LIMIT = 600
_KEY_ID = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{8,}\b")
_POLICY = "the policy in docs/operating.md lists what is needed"
_RENEW = "the credentials have expired; renew them"
_CREDENTIALS = (
    "correct AWS_PROFILE, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
)
_SLOWER = "AWS limits the rate; ask for less, or again in a minute"
_REMEDIES = (
    (re.compile(r"AccessDenied|Unauthorized|Authorization|NotAuthorized|OptInRequired"), _POLICY),
    (re.compile(r"Expired"), _RENEW),
    (
        re.compile(
            r"UnrecognizedClient|InvalidClientTokenId|Signature|AuthFailure|InvalidAccessKey"
            r"|MissingAuthenticationToken|InvalidToken"
        ),
        _CREDENTIALS,
    ),
    (THROTTLED, _SLOWER),
    (re.compile(r"^5\d\d$|InternalFailure|InternalError|ServiceUnavailable"), "ask again"),
)


class AwsRefused(ReadFailed):
    """AWS refused or did not answer; `code` is AWS's own, empty when its client failed."""

    def __init__(self, said: str, query: str, code: str = "") -> None:
        super().__init__(said, query)
        self.code = code


@cache
def refusals() -> tuple[type[Exception], ...]:
    """What the official client and its watch raise."""
    # Only here and below: the refusal itself is wanted without the client.
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    return (BotoCoreError, ClientError, ResponseParserError, NoAwsAnswer, WriteRefused)


def words(error: Exception, keys: Sequence[str]) -> tuple[str, str]:
    """AWS's code, and its words on one line with a remedy, without any of the keys."""
    from botocore.exceptions import (
        ClientError,
        ConnectTimeoutError,
        EndpointConnectionError,
        NoCredentialsError,
        ReadTimeoutError,
    )

    code, said, remedy = "", f"{error}", ""
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        code = str(told.get("Code") or "Unknown")
        said = f"{code}: {told.get('Message') or 'no message'}"
        remedy = next((advice for codes, advice in _REMEDIES if codes.search(code)), "")
    elif isinstance(error, NoCredentialsError):
        remedy = _CREDENTIALS
    elif isinstance(error, ReadTimeoutError):
        remedy = "ask for a narrower part, or again"
    elif isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        remedy = "is the endpoint reachable from here?"
    for key in keys:
        said = said.replace(key, "[key]")
    said = _KEY_ID.sub("[key]", printable(said))[:WORDS_LIMIT]
    return code, f"{said}: {remedy}" if remedy else said
