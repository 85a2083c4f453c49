"""`pattern @message` of a Logs Insights query: lines that differ in tokens alone, counted."""

import json
import re

from lab.aws.answers.insights_filter import Row, malformed

SAMPLES = 10
"""Lines that are shown of one pattern."""
_TOKEN = re.compile(r"\b(?:[0-9a-f]{8,}|\d+(?:\.\d+)*)(?=\b|[a-z])", re.IGNORECASE)
_SEVERITY = re.compile(r"^(DEBUG|INFO|WARN|ERROR)\b")
_FIELDS = ["@pattern", "@ratio", "@sampleCount", "@severityLabel", "@logSamples"]


def patterns(rows: list[Row], name: str) -> tuple[list[Row], list[str]]:
    """The patterns of that field, the most frequent first, and the names of the new fields.

    Raises Refused (MalformedQueryException) for anything but one field.
    """
    if not name or " " in name:
        raise malformed(f"pattern takes one field, not {name!r}")
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(_TOKEN.sub("<*>", row.get(name, "")), []).append(row)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    made = []
    for pattern, group in ordered:
        severity = _SEVERITY.match(pattern)
        samples = [
            {"@timestamp": row["@timestamp"], "@message": row["@message"], "@ptr": row["@ptr"]}
            for row in group[:SAMPLES]
        ]
        made.append(
            {
                "@pattern": pattern,
                "@ratio": f"{len(group) / len(rows):.4f}",
                "@sampleCount": str(len(group)),
                "@severityLabel": severity[1] if severity else "",
                "@logSamples": json.dumps(samples),
            }
        )
    return made, _FIELDS
