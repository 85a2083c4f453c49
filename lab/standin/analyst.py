"""The stand-in as analyst: one insight and one pattern out of a finished investigation."""

import json
import re
from typing import Any

from lab.standin.kinds import ANNOUNCED, EDITED, kind_of

_CAUSE = re.compile(
    r"^\*\*Root cause: (?!not found)(.+?)\*\* \((\w+) confidence\)\n\n(.+)$", re.MULTILINE
)
_CITED = re.compile(r"^- (E\d+): (.+)$", re.MULTILINE)
_SUBJECT = re.compile(r"^Answer:\n(\S+) suffers from ", re.MULTILINE)
_ALARM = re.compile(
    r"Nothing around (\S+) is degraded.*?"
    r"(At \S+ (a monitor was changed|maintenance was announced): .+?)\.(?:\s|$)"
)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """A JSON answer, in a fence and after a thought, as the real model likes to give it."""
    study = str(request["messages"][-1]["content"])
    findings = json.dumps(_findings(study), indent=1)
    return {
        "content": f"```json\n{findings}\n```",
        "reasoning_content": "What would help the next time?",
    }


def _findings(study: str) -> dict[str, Any]:
    cause = _CAUSE.search(study)
    cited = list(dict.fromkeys(_CITED.findall(study)))
    if cause is None or not cited:
        return {"insights": _false_alarm(study, cited), "patterns": []}
    component, confidence, explanation = cause.groups()
    # Who looks at the same symptom again names that one, which may be far from the cause.
    subject = _SUBJECT.search(study)
    components = list(dict.fromkeys([component, *(subject.groups() if subject else ())]))
    evidence = list(dict.fromkeys(id_ for id_, _ in cited))
    degraded = [shows for _, shows in cited if ": p99 " in shows]
    first = cited[0][1]
    shown = f"Degraded calls: {'; '.join(degraded)}"
    if not degraded:
        shown = f"Every call is as always. {explanation}"
    kind = kind_of(explanation)
    action = re.search(r"^\*\*Actions\*\*\n- (.+)$", study, re.MULTILINE)
    recommendation = action.group(1) if action else ""
    return {
        "insights": [
            {
                "category": "reliability",
                "severity": "high",
                "title": f"{component}: {kind}",
                "finding": explanation[:900],
                "components": components,
                "evidence": evidence[:10],
                "recommendation": recommendation,
            }
        ],
        "patterns": [
            {
                "type": kind,
                "description": shown[:900],
                "components": components,
                "trigger": "" if first in degraded else first[:300],
                "confidence": {"high": 0.9, "medium": 0.6}.get(confidence, 0.3),
                "evidence": evidence[:10],
                "recommendation": recommendation,
            }
        ],
    }


def _false_alarm(study: str, cited: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """What to learn where nothing was wrong, but a monitor was changed, or work was announced."""
    alarm = _ALARM.search(study)
    if alarm is None or not cited:
        return []
    component, finding, reason = alarm.groups()
    is_edit = "monitor" in reason
    return [
        {
            "category": "reliability",
            "severity": "low",
            "title": f"{component}: {EDITED if is_edit else ANNOUNCED}",
            "finding": finding[:900],
            "components": [component],
            "evidence": list(dict.fromkeys(id_ for id_, _ in cited))[:10],
            "recommendation": (
                "Look at the threshold of the monitor first"
                if is_edit
                else "Mute the monitor for the time of the maintenance"
            ),
        }
    ]
