"""Check of AWS: who is calling, and whether every operation which the tools use is allowed."""

import asyncio
import re

from graph.settings import Settings
from graph.tools import NOT_SET
from graph.tools.aws.client import Aws, open_aws
from graph.tools.aws.refusal import AwsRefused
from graph.tools.threads import open_threads
from server.doctor.aws_reads import Operation, Parameters, asked, in_policy
from server.doctor.check import Disabled, Trouble

TOOL_LIMIT_S = 15.0
"""The identity is asked for first: two questions must end within the limit of the check."""
AGAIN = "try again in a minute, and if it stays see what AWS says, and that it can be reached"
_DENIED = re.compile(r"AccessDenied|UnauthorizedOperation|NotAuthorized|AuthorizationError")
_NOT_THERE = re.compile(r"NotFound|DoesNotExist|InvalidParameter|Validation")
"""What is said of a thing that nobody has, by AWS that would tell of one that is there."""
_CREDENTIALS = re.compile(r"Token|Signature|InvalidAccessKey|AuthFailure|UnrecognizedClient")


async def allows(settings: Settings) -> str:
    """Who calls, and that each operation of the tools is allowed."""
    limit_s = min(settings.tool_timeout_s, TOOL_LIMIT_S)
    hurried = settings.model_copy(update={"tool_timeout_s": limit_s})
    async with open_threads() as threads, open_aws(hurried, threads) as aws:
        if aws is None:
            raise Disabled(NOT_SET["aws"])
        caller = await _caller(aws, settings)
        operations = asked(aws.region, caller)
        refusals = await asyncio.gather(*(_refusal(aws, *entry) for entry in operations.items()))
    failed = [(entry, why) for entry, why in zip(operations, refusals, strict=True) if why]
    if failed:
        raise _trouble(failed, caller)
    return f"{caller} in {aws.region}, {len(operations)} operations are allowed"


async def _caller(aws: Aws, settings: Settings) -> str:
    """The ARN of whoever calls."""
    try:
        answer = await aws.call("sts", "GetCallerIdentity")
    except AwsRefused as refused:
        remedy = _identity_remedy(refused, own=settings.aws_access_key_id is not None)
        raise Trouble(f"sts:GetCallerIdentity: {refused}", remedy) from refused
    return str(answer["Arn"])


def _identity_remedy(refused: AwsRefused, *, own: bool) -> str:
    """What mends it; `own` is whether the credentials are in settings of ours."""
    if "Expired" in refused.code:
        return "renew the credentials: they have expired"
    if _DENIED.search(refused.code):
        return "take away what denies sts:GetCallerIdentity, which needs no permission"
    if _CREDENTIALS.search(refused.code) and own:
        return "correct AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
    if _CREDENTIALS.search(refused.code) or "locate credentials" in str(refused):
        return (
            "give this machine a role, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        )
    if refused.code:
        return AGAIN
    return "let this machine reach STS in AWS_REGION, or correct AWS_ENDPOINT_URL"


async def _refusal(aws: Aws, operation: Operation, parameters: Parameters) -> AwsRefused | None:
    """Why the operation is not allowed; not to be found is an answer."""
    try:
        await aws.call(*operation, **parameters)
    except AwsRefused as refused:
        return None if _NOT_THERE.search(refused.code) else refused
    return None


def _trouble(failed: list[tuple[Operation, AwsRefused]], caller: str) -> Trouble:
    denied = [in_policy(entry) for entry, why in failed if _DENIED.search(why.code)]
    if len(denied) == len(failed):
        return Trouble(
            f"{failed[0][1].code} for {', '.join(denied)}",
            f"allow {', '.join(denied)} to {caller} (the policy is in docs/operating.md)",
        )
    said = "; ".join(f"{in_policy(entry)}: {why}" for entry, why in failed)
    allow = f"allow {', '.join(denied)} to {caller}; for the others " if denied else ""
    return Trouble(said, f"{allow}{AGAIN}")
