"""AWS's wire formats: what a request asks, and how an answer or an error is written.

The formats come from botocore's descriptions of the services, read by the protocol layer of
moto. The answers themselves are the lab's.
"""

import contextlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

from botocore.exceptions import ParamValidationError, UnknownServiceError
from botocore.utils import parse_timestamp
from botocore.validate import ParamValidator
from moto.core.parse import PROTOCOL_PARSERS, RequestParserError
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

from lab.aws.scene import Parameters, Refused, Result

XML = ("query", "ec2")
"""The protocols whose answers are XML."""
_SIGNED_FOR = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_JSON = "application/x-amz-json-1.1"
_SERVICES = {
    "monitoring": "cloudwatch",
    "elasticloadbalancing": "elbv2",
    "tagging": "resourcegroupstaggingapi",
}
"""What a service is called in a signature, where boto3 calls it otherwise."""


@dataclass(frozen=True)
class Asked:
    """One request, read: boto3's name of the service, the operation, its parameters."""

    service: str = ""
    operation: str = ""
    region: str = ""
    protocol: str = "json"
    parameters: Parameters = field(default_factory=dict)
    model: Any = None


@dataclass(frozen=True)
class Reply:
    """What goes back over the wire."""

    status: int
    body: str
    headers: dict[str, str]


def read(method: str, url: str, headers: dict[str, str], body: bytes) -> Asked:
    """What that request asks.

    Raises Refused when it is not signed, or asks for what AWS does not have.
    """
    signed = _SIGNED_FOR.search(headers.get("Authorization", ""))
    if not signed:
        raise Refused("MissingAuthenticationToken", "the request is not signed", 403)
    service = _SERVICES.get(signed["service"], signed["service"])
    request = Request.from_primitives(method, url, headers, body)
    try:
        model = get_service_model(service)
        protocol = determine_request_protocol(model, request.content_type)
        operation, labels = get_service_router(service).match(request)
    except (UnknownServiceError, NotFound, NotImplementedError) as error:
        raise Refused("UnknownOperationException", f"{service} has no such operation") from error
    parser = PROTOCOL_PARSERS[protocol](operation, timestamp_parser=_moment)
    try:
        parameters = parser.parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": request.data,
                "url_path": request.path,
                "url_params": labels,
            }
        )
    except (RequestParserError, ValueError) as error:
        raise Refused("SerializationException", f"the request cannot be read: {error}") from error
    return Asked(
        service, str(operation.name), signed["region"], protocol, dict(parameters or {}), operation
    )


def load(services: Iterable[str]) -> None:
    """Load what AWS says of these services, once a process: up to 0.3 s each at first.

    Else the first request would take that long, and a test of short limits depend on the order.
    """
    for service in services:
        signature = f"Credential=lab/1/lab/{service}/aws4_request"
        with contextlib.suppress(Refused):
            read("GET", "http://lab/", {"Authorization": signature}, b"")


def write(asked: Asked, result: Result) -> Reply:
    """The result in the format of what was asked.

    Raises ParamValidationError for a result that is not of the shape AWS describes.
    """
    if asked.model.output_shape is not None:
        faults = ParamValidator().validate(result, asked.model.output_shape)
        if faults.has_errors():
            raise ParamValidationError(report=f"{asked.operation}: {faults.generate_report()}")
    serializer = get_serializer_class(asked.service, asked.protocol)(asked.model)
    written = serializer.serialize(result)
    headers = {str(name): str(value) for name, value in written["headers"].items()}
    headers["x-amzn-RequestId"] = str(uuid4())
    if asked.protocol == "json":
        headers["Content-Type"] = _JSON
    return Reply(int(written["status_code"]), str(written["body"]), headers)


def refuse(asked: Asked, refused: Refused) -> Reply:
    """The error in the format of what was asked."""
    code, message, status = refused.code, refused.message, refused.status
    request_id = str(uuid4())
    headers = {"x-amzn-RequestId": request_id}
    side = "Sender" if status < 500 else "Receiver"
    if asked.protocol in XML:
        error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        if asked.protocol == "ec2":
            body = f"<Response><Errors><Error>{error}</Error></Errors>"
            body += f"<RequestID>{request_id}</RequestID></Response>"
        else:
            body = f"<ErrorResponse><Error><Type>{side}</Type>{error}</Error>"
            body += f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        return Reply(status, body, {**headers, "Content-Type": "text/xml"})
    if asked.protocol == "rest-json":
        headers |= {"x-amzn-ErrorType": code, "Content-Type": "application/json"}
        return Reply(status, json.dumps({"Type": side, "message": message}), headers)
    headers["Content-Type"] = _JSON
    if asked.service == "cloudwatch":
        headers["x-amzn-query-error"] = f"{code};{side}"
    return Reply(status, json.dumps({"__type": code, "message": message}), headers)


def _moment(text: Any) -> datetime:
    moment: datetime = parse_timestamp(text)
    return moment
