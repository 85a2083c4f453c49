"""The lab's AWS: an endpoint on loopback that tells a story in AWS's own wire formats."""

from lab.aws.gate import AwsDouble, serve

__all__ = ["AwsDouble", "serve"]
