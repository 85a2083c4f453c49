"""Whatever the analyst answers, its valid items are taken and the others counted."""

import json
import time
from typing import Any

import pytest

from graph.findings import MAX_ITEMS, Findings, UnreadableAnswer, read_findings

KNOWN = {"E1", "E2"}


def insight(**changes: Any) -> dict[str, Any]:
    return {
        "category": "reliability",
        "severity": "high",
        "title": "pricing waits for its pool",
        "finding": "The HTTP client pool of pricing is too small.",
        "components": ["pricing"],
        "evidence": ["E1"],
        **changes,
    }


def pattern(**changes: Any) -> dict[str, Any]:
    return {
        "type": "bad deployment",
        "description": "Callers wait while what it calls is as fast as ever.",
        "components": ["pricing"],
        "confidence": 0.9,
        "evidence": ["E2"],
        **changes,
    }


CLEAN = json.dumps({"insights": [insight()], "patterns": [pattern()]}, ensure_ascii=False)


def counts(findings: Findings) -> tuple[int, int, int]:
    return len(findings.insights), len(findings.patterns), findings.dropped


@pytest.mark.parametrize(
    "text",
    [
        CLEAN,
        f"```json\n{CLEAN}\n```",
        f"```\n{CLEAN}\n```",
        f"以下是我的分析结果\n```json\n{CLEAN}\n```\n希望对你有帮助。",
        f"分析如下 {CLEAN}。以上。",
        f"<think>Perhaps {{insights}}?</think>\n{CLEAN}",
        f"It might be `{{}}`…\n</think>\n\n```json\n{CLEAN}\n```",
        CLEAN.replace("}]", "},]"),
        CLEAN.removesuffix("}") + ",}",
        CLEAN.replace('"', "'"),
        CLEAN.removesuffix("]}"),
        f"[{CLEAN}]",
    ],
    ids=[
        "clean",
        "fenced",
        "fenced_without_a_language",
        "fenced_in_chinese",
        "bare_in_chinese",
        "after_a_thought",
        "after_an_unopened_thought",
        "comma_after_the_last_item",
        "comma_after_the_last_key",
        "single_quotes",
        "cut_off",
        "in_a_list",
    ],
)
def test_findings_are_read_from_almost_any_answer(text: str) -> None:
    findings = read_findings(text, KNOWN)
    assert counts(findings) == (1, 1, 0)
    assert findings.insights[0].model_dump(exclude={"recommendation"}) == insight()
    assert findings.patterns[0].type == "bad deployment"
    assert findings.patterns[0].confidence == 0.9


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n",
        "Nothing to report.",
        "<html><head><style>p { color: red }</style></head><body>502</body></html>",
        "[]",
        "null",
        "42",
        '["insights", "patterns"]',
        "{}",
        '{"findings": []}',
        f"{CLEAN}</think>",
    ],
)
def test_an_answer_without_findings_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableAnswer, match="no JSON object with insights or patterns"):
        read_findings(text, KNOWN)


def test_the_complaint_about_an_answer_quotes_its_beginning_only() -> None:
    with pytest.raises(UnreadableAnswer) as caught:
        read_findings("no findings " * 1000, KNOWN)
    assert "no findings no findings" in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("text", ['{"insights": []}', '{"patterns": []}', '{"insights": null}'])
def test_empty_lists_are_an_answer_with_nothing_in_it(text: str) -> None:
    assert read_findings(text, KNOWN) == Findings()


def test_one_kind_alone_is_enough() -> None:
    assert counts(read_findings(json.dumps({"patterns": [pattern()]}), KNOWN)) == (0, 1, 0)


def test_items_beyond_the_cap_are_dropped_and_counted() -> None:
    titles = [f"insight number {number}" for number in range(300)]
    text = json.dumps({"insights": [insight(title=title) for title in titles], "patterns": []})
    findings = read_findings(text, KNOWN)
    assert [entry.title for entry in findings.insights] == titles[:MAX_ITEMS]
    assert findings.dropped == 300 - MAX_ITEMS


def test_the_cap_counts_each_kind_and_valid_items_only() -> None:
    document = {
        "insights": [insight(title="")] * 5 + [insight()] * MAX_ITEMS,
        "patterns": [pattern()] * MAX_ITEMS,
    }
    findings = read_findings(json.dumps(document), KNOWN)
    assert counts(findings) == (MAX_ITEMS, MAX_ITEMS, 5)


@pytest.mark.parametrize(
    "wrong",
    [
        "text",
        7,
        None,
        [],
        insight(category="weather"),
        insight(severity="HUGE"),
        insight(title="short"),
        insight(title="         "),
        insight(title="x" * 161),
        insight(finding="too short"),
        insight(finding=["a list of", "sentences"]),
        insight(components="pricing"),
        insight(components=[]),
        insight(components=["x"] * 21),
        insight(evidence="E1"),
        insight(evidence=[]),
        insight(evidence=[1]),
        {},
    ],
)
def test_a_wrong_insight_is_dropped_and_the_rest_is_kept(wrong: Any) -> None:
    text = json.dumps({"insights": [wrong, insight()], "patterns": [pattern()]})
    assert counts(read_findings(text, KNOWN)) == (1, 1, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        pattern(confidence=1.1),
        pattern(confidence=-0.1),
        pattern(confidence="very"),
        pattern(type="x"),
        pattern(description="short"),
        pattern(trigger="x" * 401),
    ],
)
def test_a_wrong_pattern_is_dropped_and_the_rest_is_kept(wrong: Any) -> None:
    text = json.dumps({"insights": [insight()], "patterns": [wrong, pattern()]})
    assert counts(read_findings(text, KNOWN)) == (1, 1, 1)


def test_an_item_that_cites_only_unknown_evidence_is_dropped() -> None:
    document = {
        "insights": [insight(evidence=["E9"]), insight(evidence=["E9", "E1"])],
        "patterns": [pattern(evidence=["E10"])],
    }
    findings = read_findings(json.dumps(document), KNOWN)
    assert counts(findings) == (1, 0, 2)
    assert "E1" in findings.insights[0].evidence


def test_without_known_evidence_nothing_is_kept() -> None:
    assert counts(read_findings(CLEAN, set())) == (0, 0, 2)


@pytest.mark.parametrize("entries", ["none", {"0": insight()}, 3, False])
def test_insights_that_are_no_list_count_as_one_dropped(entries: Any) -> None:
    text = json.dumps({"insights": entries, "patterns": [pattern()]})
    assert counts(read_findings(text, KNOWN)) == (0, 1, 1)


def test_unknown_keys_are_ignored_and_blanks_are_stripped() -> None:
    text = json.dumps({"insights": [insight(title="  a padded title ", mood="good")], "note": 1})
    assert read_findings(text, KNOWN).insights[0].title == "a padded title"


FENCE_INSIDE = json.dumps({"insights": [insight(recommendation="Run ```kubectl get pods```")]})
THOUGHT_INSIDE = json.dumps({"insights": [insight(finding="It printed </think> in the log.")]})


@pytest.mark.parametrize(
    "text",
    [
        FENCE_INSIDE,
        f"```json\n{FENCE_INSIDE}\n```",
        THOUGHT_INSIDE,
        f"```\nsome log\n```\n{json.dumps({'insights': [insight()]})}",
        f"结果 {{见下}} {json.dumps({'insights': [insight()]})}",
    ],
)
def test_what_stands_in_or_around_the_json_does_not_hide_it(text: str) -> None:
    assert counts(read_findings(text, KNOWN)) == (1, 0, 0)


def test_a_draft_within_the_thinking_is_not_the_answer() -> None:
    draft = json.dumps({"insights": [insight(), insight()]})
    answer = json.dumps({"insights": [insight()]})
    assert counts(read_findings(f"<think>{draft}</think>{answer}", KNOWN)) == (1, 0, 0)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"insights":' + "[" * 100_000, "{" * 100_000])
def test_nesting_without_end_is_unreadable_and_not_a_crash(text: str) -> None:
    with pytest.raises(UnreadableAnswer):
        read_findings(text, KNOWN)


def test_a_nul_which_no_postgresql_keeps_is_taken_out() -> None:
    text = json.dumps({"insights": [insight(title="pool\0 too small")], "patterns": []}) + "\0"
    assert [item.title for item in read_findings(text, KNOWN).insights] == ["pool too small"]


@pytest.mark.parametrize(
    "text",
    [
        "{" * 400_000,
        "{ " * 200_000,
        '{"' * 200_000,
        '{"a":' * 900 + "[" + "1," * 200_000,
        '{"a":' * 900 + '"' + "x" * 400_000,
        "{" + "[{" * 9_000,
        "{" + '"' * 19_000,
        "{" * 3_000_000,
    ],
    ids=lambda text: f"{text[:8]}… {len(text)}",
)
def test_an_answer_that_is_no_json_is_given_up_soon(text: str) -> None:
    begun_s = time.process_time()
    with pytest.raises(UnreadableAnswer):
        read_findings(text, KNOWN)
    assert time.process_time() - begun_s < 5


def test_what_stands_behind_many_braces_is_found_all_the_same() -> None:
    text = "{x} " * 400 + json.dumps({"insights": [insight()]})
    assert counts(read_findings(text, KNOWN)) == (1, 0, 0)


def test_of_very_many_items_the_first_are_looked_at_and_all_are_counted() -> None:
    text = json.dumps({"insights": [{}] * 5_000 + [insight()]})
    assert counts(read_findings(text, KNOWN)) == (0, 0, 5_001)


def test_an_answer_that_is_too_long_is_not_read() -> None:
    with pytest.raises(UnreadableAnswer, match="it has 500001 characters; 500000 is the most"):
        read_findings(CLEAN.ljust(500_001), KNOWN)
    assert counts(read_findings(CLEAN.ljust(500_000), KNOWN)) == (1, 1, 0)


def broken(note: str) -> str:
    """An answer that begins with this note and lacks its last brackets."""
    return f'{{"note":{note},{CLEAN[1:]}'.removesuffix("]}")


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (f'"{"x" * 10_000}"', f'"{"x" * 20_000}"'),
        (f"{'[' * 40}{']' * 40}", f"{'[' * 60}{']' * 60}"),
    ],
    ids=["long", "deep"],
)
def test_broken_json_is_repaired_unless_it_is_very(short: str, long: str) -> None:
    assert counts(read_findings(broken(short), KNOWN)) == (1, 1, 0)
    with pytest.raises(UnreadableAnswer, match="no JSON object"):
        read_findings(broken(long), KNOWN)


@pytest.mark.parametrize("begun", [50, 100])
def test_what_is_read_in_vain_again_and_again_is_given_up(begun: int) -> None:
    """Each brace begins an object of thirty thousand characters that is none."""
    text = '{"a":' * begun + '"' + "x" * 30_000 + f'" !\n{CLEAN}'
    if begun == 50:
        assert counts(read_findings(text, KNOWN)) == (1, 1, 0)
    else:
        with pytest.raises(UnreadableAnswer, match="no JSON object"):
            read_findings(text, KNOWN)
