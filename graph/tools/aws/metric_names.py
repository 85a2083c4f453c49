"""Which metrics and sets of dimensions CloudWatch has: what to name when one is not there."""

from collections.abc import Sequence
from typing import Any

from graph.tools.aws.client import Aws
from graph.tools.aws.refusal import AwsRefused
from graph.untrusted import printable

PAGES = 3
"""Pages of 500 names that are read."""
NAMES_SHOWN = 20
Dimensions = dict[str, str]


class MetricNames:
    """Asks cloudwatch:ListMetrics."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def sets(self, namespace: str, metric: str) -> tuple[list[Dimensions], bool]:
        """The sets of dimensions that the metric has, by name, and whether there are more.

        Raises AwsRefused.
        """
        answers, more = await self._aws.pages(
            "cloudwatch", "ListMetrics", PAGES, Namespace=namespace, MetricName=metric
        )
        sets = [_dimensions(entry) for answer in answers for entry in answer.get("Metrics", [])]
        return sorted(sets, key=set_name), more

    async def near(self, namespace: str, metric: str, dimensions: Dimensions) -> str:
        """What there is at the first level that exists: dimensions, metrics, namespaces."""
        try:
            return await self._near(namespace, metric, dimensions)
        except AwsRefused as refused:
            return f"what metrics there are is not known: {refused}"

    async def _near(self, namespace: str, metric: str, dimensions: Dimensions) -> str:
        sets, _ = await self.sets(namespace, metric)
        if sets:
            values = set(dimensions.values())
            sets.sort(key=lambda there: -len(values & set(there.values())))
            return f"{namespace} {metric} has dimensions {_listed([set_name(s) for s in sets])}"
        for scope, level in (({"Namespace": namespace}, "MetricName"), ({}, "Namespace")):
            answers, _ = await self._aws.pages("cloudwatch", "ListMetrics", PAGES, **scope)
            names = {e.get(level, "") for a in answers for e in a.get("Metrics", [])}
            if names:
                of = f"{namespace} has metrics" if scope else "there are namespaces"
                return f"{of} {_listed(sorted(names))}"
        return "CloudWatch has no metric at all here"


def set_name(dimensions: Dimensions) -> str:
    """The set as `name=value`, by name; empty when it has none."""
    return ",".join(f"{name}={value}" for name, value in sorted(dimensions.items()))


def _dimensions(entry: dict[str, Any]) -> Dimensions:
    return {pair["Name"]: pair["Value"] for pair in entry.get("Dimensions", [])}


def _listed(names: Sequence[str]) -> str:
    left = len(names) - NAMES_SHOWN
    shown = "; ".join(name or "none" for name in names[:NAMES_SHOWN])
    return printable(f"{shown} and {left} more" if left > 0 else shown)
