"""Questions to Lambda: is a function active, and how did its last update end."""

import asyncio
import re
from typing import Any

from graph.tools.aws.client import Aws
from graph.tools.aws.found import Found, joined, named
from graph.tools.aws.refusal import AwsRefused

FUNCTIONS = 20
_NAME = re.compile(r"[\w-]{1,64}")


async def functions(aws: Aws, name: str, arns: list[str]) -> Found:
    """The Lambda function of that name, and those of the ARNs. Raises AwsRefused.

    The answer of lambda:GetFunctionConfiguration holds the environment: named fields alone are
    taken from it.
    """
    found = Found()
    names = dict.fromkeys([name, *named(arns, "function:")])
    callable_names = [one for one in names if _NAME.fullmatch(one)][:FUNCTIONS]
    for answer in await asyncio.gather(*(_configuration(aws, one) for one in callable_names)):
        if answer is not None:
            _add(found, answer)
    return found


async def _configuration(aws: Aws, name: str) -> dict[str, Any] | None:
    try:
        return await aws.call("lambda", "GetFunctionConfiguration", FunctionName=name)
    except AwsRefused as refused:
        if refused.code != "ResourceNotFoundException":
            raise
        return None


def _add(found: Found, function: dict[str, Any]) -> None:
    state = function.get("State", "?")
    update = function.get("LastUpdateStatus")
    found.resource(
        "lambda function",
        function.get("FunctionName", ""),
        state,
        joined(
            function.get("StateReason"),
            f"last update {update} at {function.get('LastModified')}" if update else None,
            function.get("LastUpdateStatusReason"),
            function.get("Runtime"),
            f"{function.get('MemorySize')} MB",
            f"timeout {function.get('Timeout')} s",
        ),
        # Inactive is a function that was not called for long.
        state in ("Active", "Inactive") and update != "Failed",
    )
