"""The stand-in model: a small deterministic policy in the place of MiniMax.

It sees what is on the wire and nothing else: messages, tool schemas, results. It knows no
incident and reads no incident folder. It investigates by rules and concludes from what it got.
"""

from typing import Any

from lab.standin import analyst, orchestrator


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The assistant message for a chat request; the analyst is the one who gets no tools."""
    return orchestrator.answer(request) if request.get("tools") else analyst.answer(request)
