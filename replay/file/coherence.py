"""How the parts of a segment must fit together, beyond the form of each, followed line by line.

Also how much a segment may make the code that is run on it hold: what is read is never more than
its file, but a call that repeats an earlier one shows that one's result again.
"""

import re
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage

from graph.codec import MESSAGES, canonical, encode_message
from graph.errors import UnreadableValue
from replay.file.exchanges import check_digests, check_exchange, check_referred, referred
from replay.file.lines import values_in
from replay.file.schema import check_entry, is_list
from replay.recording import NODES

CALLS_LIMIT = 1000
"""Calls in one answer of a model."""
REPEATED_LIMIT = 200_000_000
"""Characters that the calls of one answer may come to if each repeats the longest text."""
ARGUMENTS_LIMIT = 100_000
"""Values in the calls of one answer. No model writes so many, and each that is wrong has an error
of its own, which is a thousand times as large."""
_VISIT = re.compile(r"(plan|respond|enrich)#\d{1,9}|(tool)#\d{1,9}\.\d{1,9}")


class Coherence:
    """What is known of a segment so far. Methods raise UnreadableValue for what does not fit."""

    def __init__(self, following: Sequence[str]) -> None:
        self._following = check_following(following)
        self._lengths: dict[str, int] = {}
        self._ids: list[str] = []
        self._known: set[str] = set()
        self._messages: dict[str, AnyMessage] = {}
        self._referred: dict[tuple[str, str], int] = {}
        self._calls = 1
        self._longest = 0

    def step(self, visits: Sequence[str], following: Sequence[str]) -> None:
        """A step begins."""
        nodes = []
        for visit in visits:
            found = _VISIT.fullmatch(visit)
            if found is None:
                raise UnreadableValue(f"{visit[:40]!r} is not the address of a visit")
            nodes.append(found[1] or found[2])
        if nodes != list(self._following):
            raise UnreadableValue("its visits are not of the nodes that were to follow")
        self._following = check_following(following)

    def keeps(self, name: str, keep: int) -> None:
        """Of that list only the first entries are kept."""
        self.begins(name)
        if keep > self._lengths.get(name, 0):
            raise UnreadableValue(f"channel {name}: it keeps more entries than there were")
        self._lengths[name] = keep
        if name == MESSAGES:
            self._known.difference_update(self._ids[keep:])
            del self._ids[keep:]

    def begins(self, name: str) -> None:
        """Entries of that list come next, or none."""
        if not is_list(name):
            raise UnreadableValue(f"channel {name} holds no list")

    def entry(self, name: str, entry: Any) -> None:
        """The next entry of that list."""
        message = check_entry(name, entry)
        self._lengths[name] = self._lengths.get(name, 0) + 1
        if message is not None:
            self._message(message)
        elif name == "exchanges" and (answer := check_exchange(entry)):
            self._makes_hold(answer)

    def refers(self, entry: dict[str, Any]) -> int:
        """That exchange of a step asks what it says, and has its answer in this segment.

        For when all entries of the segment are known. Answers with the values of the message that
        it refers to, which a rerun copies for each exchange that does.
        """
        check_digests(entry)
        found = referred(entry)
        if found is None:
            return 0
        # Once for each message: it can be long, and any number of exchanges can refer to it.
        if found not in self._referred:
            kind, message_id = found
            message = check_referred(kind, message_id, self._messages.get(message_id))
            self._referred[found] = values_in(canonical(encode_message(message)))
        return self._referred[found]

    def _message(self, message: AnyMessage) -> None:
        message_id = str(message.id)
        if message_id in self._known:
            raise UnreadableValue(f"two messages have the id {message_id!r}")
        self._ids.append(message_id)
        self._known.add(message_id)
        self._messages[message_id] = message
        self._makes_hold(message)

    def _makes_hold(self, message: AnyMessage) -> None:
        """Raise UnreadableValue when it would make the code hold too much."""
        if isinstance(message, AIMessage):
            self._calls = max(self._calls, len(message.tool_calls))
            complaints = [len(call["error"] or "") for call in message.invalid_tool_calls]
            self._longest = max(self._longest, *complaints, 0)
            asked = values_in(canonical([call["args"] for call in message.tool_calls]))
            if asked > ARGUMENTS_LIMIT:
                raise UnreadableValue(f"a model makes calls with {asked} values")
        if isinstance(message, ToolMessage):
            shown = message.artifact.get("text") if isinstance(message.artifact, dict) else ""
            self._longest = max(self._longest, len(message.text), len(str(shown)))
        if self._calls > CALLS_LIMIT:
            raise UnreadableValue(f"a model makes {self._calls} calls at once")
        if self._calls * self._longest > REPEATED_LIMIT:
            raise UnreadableValue(
                f"a model makes {self._calls} calls at once, and a text has "
                f"{self._longest} characters"
            )


def check_following(following: Sequence[str]) -> Sequence[str]:
    """Raise UnreadableValue for what are not the nodes of a step."""
    if len(following) > CALLS_LIMIT:
        raise UnreadableValue(f"{len(following)} nodes follow at once")
    for name in following:
        if name not in NODES:
            raise UnreadableValue(f"there is no node {name[:40]!r}")
    return following
