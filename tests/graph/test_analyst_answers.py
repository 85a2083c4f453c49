"""Whatever the analyst answers, there is a receipt, and memory holds only what was valid."""

import json
from typing import Any

import pytest

from lab.faults import Fault, Hang, Raw, Reset
from lab.minimax import MiniMaxDouble, Reply
from tests.conftest import OpenRuntime

ANALYST = "MiniMax-M2.5"
QUESTION = "checkout-service is slow since half an hour. What is wrong?"


def insight(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "category": "performance",
        "severity": "high",
        "title": f"Finding number {number}",
        "finding": "Calls wait for one of five connections of the pool.",
        "components": ["pricing-service"],
        "evidence": ["E1"],
        "recommendation": "Roll back v2.14.0",
        **changes,
    }


def said(*insights: Any) -> str:
    return json.dumps({"insights": list(insights), "patterns": []})


MANY = said(*(insight(number, components=[f"service-{number}"]) for number in range(300)))
MIXED = said(insight(1), insight(2, components="pricing"), 7, None, {"title": []})
# In the middle of the second, without the provider saying so.
TRUNCATED = said(insight(1), insight(2))[:406]
CHINESE = f"以下是我的分析结果\n```json\n{said(insight(1))}\n```\n希望对你有帮助。"


@pytest.mark.parametrize(
    ("answer", "status", "reason", "kept", "dropped"),
    [
        (Hang(), "timeout", "ended by the guard of 1 s", 0, 0),
        (Reset(), "failed", "connection", 0, 0),
        (Raw("<html>gone</html>"), "failed", "", 0, 0),
        (Reply({"content": "Nothing to say."}), "failed", "no JSON object", 0, 0),
        (Reply({"content": '{"insights": [{"ti'}, "length"), "failed", "output limit", 0, 0),
        (Reply({"content": TRUNCATED}), "stored", None, 1, 1),
        (Reply({"content": said()}), "empty", None, 0, 0),
        (Reply({"content": MANY}), "stored", None, 20, 280),
        (Reply({"content": MIXED}), "stored", None, 1, 4),
        (Reply({"content": CHINESE}), "stored", None, 1, 0),
        (Reply({"content": "<html><body>502</body></html>"}), "failed", "no JSON object", 0, 0),
    ],
    ids=[
        *("hangs", "resets", "html", "garbage", "cut", "truncated", "empty"),
        *("300 items", "wrong types", "chinese", "html as text"),
    ],
)
async def test_every_answer_has_its_receipt(
    open_lab: OpenRuntime,
    provider: MiniMaxDouble,
    answer: Fault | Reply,
    status: str,
    reason: str | None,
    kept: int,
    dropped: int,
) -> None:
    provider.queue(ANALYST, answer)
    async with open_lab(model_attempts=1, enrichment_timeout_s=1) as runtime:
        turn_id = (await runtime.investigate(QUESTION))["turn"]["id"]
        ended = await runtime.enrichment(turn_id)
        items = await runtime.memory.items()
        assert ended is not None
        in_state = (await runtime.state(ended["thread_id"] or ""))["enrichment"]
    assert (ended["status"], ended["attempts"], ended["dropped"]) == (status, 1, dropped)
    titles = {f"Finding number {number}" for number in (range(20) if kept == 20 else [1])}
    assert {item["title"] for item in items} == (titles if kept else set())
    assert len(items) == kept
    assert ended == in_state
    assert ended["reason"] is None if reason is None else reason in (ended["reason"] or "")
