"""Each kind of change of the code has a first divergence of its own, at the right address."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.replay.edited import TAPE, Edit, edited, rerun

PLAN = "graph/nodes/plan.py"
RESPOND = "graph/nodes/respond.py"
ENRICH = "graph/nodes/enrich.py"
TOPOLOGY = "graph/tools/topology/__init__.py"
QUESTIONS = "graph/tools/topology/questions.py"
RESULT = "graph/tools/result.py"
STATE = "graph/state.py"
BUILD = "graph/build.py"
LAST_TOOL = "        topology.find_path,\n"
CONCLUDED = '        await self.concluded(state["turn"], summary(known))\n'
ENRICHED = "        await self.enriched(entry)\n"
SYSTEM = "message 1 of 2 (system):"
OTHER_REQUEST = "is asked for something else"


@dataclass(frozen=True)
class Change:
    """Edits, and what a rerun says of them."""

    edits: list[Edit]
    head: str
    lines: list[str] = field(default_factory=list)
    """How the changed lines begin, in their order."""
    only: bool = True
    """Whether there are no others."""


def one(file: str, old: str, new: str, head: str, *lines: str, only: bool = True) -> Change:
    return Change([Edit(file, old, new)], head, list(lines), only)


REQUESTS = {
    "a word in the prompt": one(
        "graph/prompts/plan.md",
        "- Look before you judge.",
        "- Think before you judge.",
        f"diverged at plan#1: model orchestrator {OTHER_REQUEST}",
        "-- Look before you judge. Start from the component that shows the symptom and follow the "
        "calls it makes.",
        "+- Think before you judge. Start from the component that shows the symptom and follow the "
        "calls it makes.",
    ),
    "a word far into a long line of the prompt": one(
        "graph/prompts/plan.md",
        "when it lies on the path of the symptom",
        "when it lies off the path of the symptom",
        f"diverged at plan#1: model orchestrator {OTHER_REQUEST}",
        "-…ymptom. A recent deployment is only a suspect when it lies on the path of the symptom "
        "and its time fits.",
        "+…ymptom. A recent deployment is only a suspect when it lies off the path of the symptom "
        "and its time fits.",
    ),
    "a word in the analyst's prompt": one(
        "graph/prompts/enrich.md",
        "in under 160 characters",
        "in under 120 characters",
        f"diverged at enrich#1: model analyst {OTHER_REQUEST}",
        '-      "title": "what, where, in under 160 characters",',
        '+      "title": "what, where, in under 120 characters",',
    ),
    "a tool added": Change(
        [
            Edit(TOPOLOGY, LAST_TOOL, f"{LAST_TOOL}        topology.count_services,\n"),
            Edit(
                QUESTIONS,
                "    async def get_component(",
                "    async def count_services(self, team: Name) -> ToolResult:\n"
                '        """Count the services of a team."""\n'
                "        return await self.find_services(team)\n\n"
                "    async def get_component(",
            ),
        ],
        f"diverged at plan#1: model orchestrator {OTHER_REQUEST}",
        ["+tool count_services(team)"],
    ),
    "a tool removed": one(
        TOPOLOGY,
        LAST_TOOL,
        "",
        f"diverged at plan#1: model orchestrator {OTHER_REQUEST}",
        "-tool find_path(source, target, depth=)",
    ),
    "a tool's argument renamed": one(
        QUESTIONS,
        'query: Annotated[str, Field(description="Part of a name',
        'part: Annotated[str, Field(description="Part of a name',
        f"diverged at plan#1: model orchestrator {OTHER_REQUEST}",
        "-tool find_services(query=, limit=)",
        "+tool find_services(part=, limit=)",
    ),
    "a tool described in other words": one(
        QUESTIONS,
        '"""Find services and databases by a part',
        '"""Look for services and databases by a part',
        f"diverged at plan#1: model orchestrator {OTHER_REQUEST}",
        " tool find_services(query=, limit=): its description, or what its arguments may be, has "
        "changed",
    ),
    "the time in a prompt": Change(
        [
            Edit(PLAN, "import json\n", "import json\nimport time\n"),
            Edit(PLAN, "Boundary word: {turn['boundary']}.", "Now: {time.time()}."),
        ],
        f"diverged at plan#1: model orchestrator {OTHER_REQUEST}",
        ["-Asked at: ", "+Asked at: "],
    ),
    "a message more between two steps": one(
        PLAN,
        "        if used_up:\n            reason",
        '        if state["spent"]["visits"]:\n            view.append(HumanMessage("Go on."))\n'
        "        if used_up:\n            reason",
        f"diverged at plan#2: model orchestrator {OTHER_REQUEST}",
        "+message 5 of 5 (human):",
        "+  Go on.",
    ),
    "a lower budget": one(
        PLAN,
        'spent["visits"] >= self.visits',
        'spent["visits"] >= 2',
        f"diverged at plan#3: model orchestrator {OTHER_REQUEST}",
        "+  The budget of this turn is used up (visits). Conclude now from what you have.",
        "-tool find_services(query=, limit=)",
        "-tool list_changes(service=, window=, limit=)",
        only=False,
    ),
    "the calls of a step in another order": one(
        PLAN,
        "in enumerate(answer.tool_calls):",
        "in enumerate(answer.tool_calls[::-1]):",
        "diverged at tool#2.0: tool aws_alarms is asked, which was not recorded there",
        '-tool get_topology(depth=6, direction="dependencies", name="checkout-service")',
        "+tool aws_alarms()",
    ),
    "what the analyst begins with": one(
        "graph/study.py",
        "STUDY_CHARACTERS = 1200",
        "STUDY_CHARACTERS = 100",
        f"diverged at respond#1: detach hand_over {OTHER_REQUEST}",
        " messages[study human].content:",
        "-checkout-service CALLS cart-service ",
        only=False,
    ),
    "a question to memory": one(
        "graph/memory/keeper.py",
        '{"question": question, "focus"',
        '{"question": question.upper(), "focus"',
        f"diverged at plan#1: memory recall {OTHER_REQUEST}",
        "-question: checkout-service is slow",
        "+question: CHECKOUT-SERVICE IS SLOW",
    ),
    "a node that asks once more": one(
        RESPOND,
        CONCLUDED,
        CONCLUDED * 2,
        "diverged at respond#1: run concluded is asked, which was not recorded there",
        "+run concluded(",
    ),
}

RESULTS = {
    "a result cut differently": Change(
        [
            Edit(RESULT, "CHARACTERS_PER_TOKEN = 4", "CHARACTERS_PER_TOKEN = 0.5"),
            Edit(
                RESULT,
                "max_tokens * CHARACTERS_PER_TOKEN - frame",
                "int(max_tokens * CHARACTERS_PER_TOKEN) - frame",
            ),
        ],
        "state differs at tool#2.2: messages not as recorded after it",
        [" messages[tool#2.2 list_changes].content:", "+[10 more lines cut; ask for less]"],
        only=False,
    ),
    "the head of a result": one(
        RESULT,
        "matched={self.matched} returned=",
        "found={self.matched} returned=",
        "state differs at tool#1.0: messages not as recorded after it",
        " messages[tool#1.0 find_services].content:",
        "-E1 status=ok source=neo4j matched=1 returned=1",
        "+E1 status=ok source=neo4j found=1 returned=1",
    ),
    "the reducer of the messages": one(
        STATE,
        "merged.append(message if message.id",
        "merged.insert(0, message if message.id",
        "state differs at plan#1: messages not as recorded after it",
        " messages: the same entries in another order",
        "-question human, plan#1 ai",
        "+plan#1 ai, question human",
    ),
    "the reducer of the evidence": one(
        STATE,
        "[*state, *(entry for write in writes for entry in write)]",
        "[*(entry for write in writes for entry in write), *state]",
        "state differs at tool#2: evidence not as recorded after it",
        " evidence: the same entries in another order",
        "-E1 find_services, E2 get_topology, E3 get_topology, E4 list_changes, E5 search_monitors, "
        "E6 aws_alarms",
        "+E2 get_topology, E3 get_topology, E4 list_changes, E5 search_monitors, E6 aws_alarms, "
        "E1 find_services",
    ),
    "the visits of a step in another order": one(
        PLAN,
        "for visit in self._visits(state, answer)]",
        "for visit in self._visits(state, answer)[::-1]]",
        "state differs at tool#2: evidence, exchanges, messages not as recorded after it",
        " evidence: the same entries in another order",
        "-E2 get_topology, E3 get_topology, E4 list_changes, E5 search_monitors, E6 aws_alarms",
        only=False,
    ),
    "another node after the tools": one(
        BUILD,
        'add_edge("tool", "plan")',
        'add_edge("tool", "respond")',
        "path differs at tool#1: it goes on to another node",
        "-next: plan",
        "+next: respond",
    ),
    "another node at the beginning": one(
        BUILD,
        'add_edge(START, "plan")',
        'add_edge(START, "respond")',
        "path differs at plan#1: it begins with another node",
        "-next: plan",
        "+next: respond",
    ),
    "a node of another name": Change(
        [
            Edit(
                BUILD, '        "enrich",\n        recorded(', '        "study",\n        recorded('
            ),
            Edit(BUILD, '"enrich": "enrich"', '"enrich": "study"'),
            Edit(BUILD, 'add_edge("enrich", END)', 'add_edge("study", END)'),
        ],
        "path differs at plan#1: the current code has no node 'enrich'",
    ),
    "no end after the answer": one(
        RESPOND,
        'return "end" if isinstance',
        'return "plan" if isinstance',
        "path differs at respond#1: it goes on to another node",
        "-next: the end",
        "+next: plan",
    ),
    "an enrichment that is not begun": one(
        RESPOND,
        '        return "enrich"\n',
        '        return "end"\n',
        "path differs at enrich#1: it begins with another node",
        "-next: enrich",
        "+next: the end",
    ),
    "a node that writes one channel more": one(
        RESPOND,
        '            "report": report,\n',
        '            "report": report,\n            "focus": ["api-gateway"],\n',
        "state differs at respond#1: focus not as recorded after it",
        "-focus: []",
        "+focus[0]: api-gateway",
    ),
    "what the receipt counts": one(
        ENRICH,
        '"patterns": len(findings.patterns)',
        '"patterns": len(findings.patterns) + 1',
        "state differs at enrich#1: enrichment not as recorded after it",
        "-enrichment.patterns: 1",
        "+enrichment.patterns: 2",
    ),
    "a node that asks once less": one(
        RESPOND,
        CONCLUDED,
        "        summary(known)\n",
        "leftover at respond#1: run concluded is recorded there and not asked for",
        "-run concluded(",
    ),
    "an enrichment that asks once less": one(
        ENRICH,
        ENRICHED,
        "",
        "leftover at enrich#1: run enriched is recorded there and not asked for",
        "-run enriched(",
    ),
    "code that raises": one(
        RESPOND,
        "draft = self._draft(state)",
        'draft = self._draft(state["nothing"])',
        "raised at respond#1: KeyError: 'nothing'",
        " graph/nodes/respond.py:",
    ),
    "code that raises where all is caught": one(
        ENRICH,
        'entry["id"] for entry in self._state["evidence"]',
        'entry["key"] for entry in self._state["evidence"]',
        "raised at enrich#1: KeyError: 'key'",
        " graph/nodes/enrich.py:",
    ),
    "a read round the tape": one(
        "graph/memory/keeper.py",
        'return await exchange("memory", "recall", request, live)',
        "return await live()",
        "raised at plan#1: WentLive: the code reaches for the database.aget without asking the "
        "tape",
        " graph/memory/shelf.py:",
    ),
    "a write round the tape where all is caught": one(
        "graph/memory/keeper.py",
        'return await exchange("memory", "remember", request, live)',
        "return await live()",
        "raised at enrich#1: WentLive: the code reaches for the database.held without asking the "
        "tape",
        " graph/memory/keeper.py:",
    ),
}


@pytest.mark.parametrize("change", [*REQUESTS.values(), *RESULTS.values()], ids=REQUESTS | RESULTS)
def test_a_change_is_told_at_its_address_with_what_differs(change: Change, tmp_path: Path) -> None:
    said = rerun(edited(tmp_path, *change.edits), TAPE)
    assert (said.code, said.errors) == (1, "")
    assert said.lines[0] == change.head
    told = [
        line
        for line in said.difference
        if line.startswith(tuple(change.lines)) or (change.only and line[0] in "+-")
    ]
    assert len(told) == len(change.lines)
    assert all(map(str.startswith, told, change.lines))
    # The code that recorded it may be this one, or an older one.
    changed = {Path(edit.file).suffix for edit in change.edits}
    assert {".py": "code ", ".md": "prompt "}[changed.pop()] in "\n".join(said.since)


def test_what_differs_in_a_prompt_is_told_by_its_message_alone(tmp_path: Path) -> None:
    said = rerun(edited(tmp_path, *REQUESTS["a word in the prompt"].edits), TAPE)
    assert said.difference[0] == f" {SYSTEM}"
    assert [line[0] for line in said.difference] == [" ", " ", "-", "+", " "]
    [prompt] = [line for line in said.since if not line.startswith("code ")]
    assert prompt.startswith("prompt plan ")


def test_a_change_of_comments_alone_is_the_same(tmp_path: Path) -> None:
    said = rerun(edited(tmp_path, Edit(PLAN, "import json\n", "# As text.\nimport json\n")), TAPE)
    assert (said.code, said.errors) == (0, "")
    assert said.lines[0].startswith("same: run ")
    [code] = said.since
    assert code.startswith("code ")
