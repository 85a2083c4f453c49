"""The connection pool under the official client: each answer whole, in time, and of bounded size.

The client's own pool knows a limit for each wait on the socket alone: an answer that comes a byte
at a time would hold its thread for ever. It also follows redirects with the keys in the headers,
and repeats what timed out.
"""

import io
import time
from typing import Any

from urllib3 import BaseHTTPResponse, HTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from graph.tools.threads import THREADS

ANSWER_LIMIT = 32_000_000
"""Bytes of one answer, unpacked."""
_CHUNK = 65_536


class AnswerTooLate(HTTPError):
    """The answer began, and did not end within its time."""


class AnswerTooLarge(HTTPError):
    """The answer has more than ANSWER_LIMIT bytes; the rest was not read."""


class BoundedPool(PoolManager):
    """Connections for as many requests at once as there are threads."""

    def __init__(self) -> None:
        super().__init__(maxsize=THREADS, retries=False, cert_reqs="CERT_REQUIRED")

    def urlopen(  # type: ignore[override]
        self, method: str, url: str, redirect: bool = True, **request: Any
    ) -> BaseHTTPResponse:
        """The answer, read within the read timeout of the request; redirects are not followed.

        Raises urllib3's HTTPError: no connection, AnswerTooLate, AnswerTooLarge.
        """
        del redirect
        timeout = request["timeout"]
        assert isinstance(timeout, Timeout)
        assert isinstance(timeout.read_timeout, float)
        deadline = time.monotonic() + timeout.read_timeout
        request["preload_content"] = False
        response = super().urlopen(method, url, redirect=False, **request)
        try:
            body = _whole(response, deadline)
        except HTTPError:
            response.close()
            raise
        response.release_conn()
        return HTTPResponse(
            body=io.BytesIO(body),
            headers=response.headers,
            status=response.status,
            reason=response.reason,
            decode_content=False,
        )


def _whole(response: BaseHTTPResponse, deadline: float) -> bytes:
    parts, size = [], 0
    while part := response.read1(_CHUNK, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > ANSWER_LIMIT:
            raise AnswerTooLarge(f"the answer has more than {ANSWER_LIMIT:,} bytes")
        if time.monotonic() > deadline:
            raise AnswerTooLate("the answer did not end")
    return b"".join(parts)
