"""STS: who is calling."""

from lab.aws.scene import ACCOUNT, Parameters, Result, Scene


def caller(_scene: Scene, _parameters: Parameters) -> Result:
    """GetCallerIdentity."""
    return {
        "UserId": "AIDALABLABLABLABLAB00",
        "Account": ACCOUNT,
        "Arn": f"arn:aws:iam::{ACCOUNT}:user/lab",
    }
