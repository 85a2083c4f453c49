"""Lambda: the functions of the story. Their environment holds what looks like a secret."""

from typing import Any

from lab.aws.scene import ACCOUNT, Parameters, Refused, Result, Scene, page
from lab.signals import DAY_MINUTES, Function


def function_arn(scene: Scene, name: str) -> str:
    """The ARN of a function."""
    return scene.arn("lambda", f"function:{name}")


def list_functions(scene: Scene, parameters: Parameters) -> Result:
    """ListFunctions."""
    every = scene.story.incident.signals.function
    found = [_configuration(scene, entry, with_state=False) for entry in every]
    part, following = page(parameters, found, ("MaxItems", 50, 50), "Marker", "NextMarker")
    return {"Functions": part, **following}


def configuration(scene: Scene, parameters: Parameters) -> Result:
    """GetFunctionConfiguration."""
    return _configuration(scene, _find(scene, parameters), with_state=True)


def function(scene: Scene, parameters: Parameters) -> Result:
    """GetFunction: also the tags, and a link to the code that nobody should be shown."""
    entry = _find(scene, parameters)
    return {
        "Configuration": _configuration(scene, entry, with_state=True),
        "Code": {"RepositoryType": "S3", "Location": "https://lab.invalid/code?X-Amz-Signature=0"},
        "Tags": {"Service": entry.service},
    }


def _find(scene: Scene, parameters: Parameters) -> Function:
    """By name, by account and name, or by ARN, with a version or without."""
    given = str(parameters["FunctionName"])
    name = (given.partition("function:")[2] or given).partition(":")[0]
    for entry in scene.story.incident.signals.function:
        if entry.name == name:
            return entry
    message = f"Function not found: {function_arn(scene, name)}"
    raise Refused("ResourceNotFoundException", message, 404)


def _configuration(scene: Scene, entry: Function, *, with_state: bool) -> dict[str, Any]:
    """What AWS says of a function; a list of functions leaves the state out."""
    changed = scene.story.ago(30 * DAY_MINUTES).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    reason = {"StateReason": entry.reason} if entry.reason else {}
    state = {"State": entry.state, **reason, "LastUpdateStatus": "Successful"}
    return {
        "FunctionName": entry.name,
        "FunctionArn": function_arn(scene, entry.name),
        "Runtime": entry.runtime,
        "Role": f"arn:aws:iam::{ACCOUNT}:role/{entry.name}",
        "Handler": "main.handle",
        "MemorySize": entry.memory_mb,
        "Timeout": entry.timeout_s,
        "LastModified": changed,
        "Version": "$LATEST",
        "PackageType": "Zip",
        "Environment": {"Variables": {"DB_PASSWORD": "lab-hunter2-not-a-secret"}},
        **(state if with_state else {}),
    }
