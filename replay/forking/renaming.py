"""What belongs to a run, given to the run that is forked from it."""

from dataclasses import dataclass
from typing import Any

from graph.codec import MESSAGES, digest
from graph.receipts import enrichment_thread
from replay.recording import State


@dataclass(frozen=True)
class Renaming:
    """The names of a run and those of its fork. Only what is such a name is changed, no text."""

    parent: str
    question: str
    """The id of the message that asked; not every client names it for its run."""
    run_id: str
    thread_id: str

    def state(self, state: State) -> dict[str, Any]:
        """The state as the fork's, with the digests of what it asks under these names."""
        known: dict[str, Any] = self._value(dict(state))
        known[MESSAGES] = [
            {**message, **({"id": self._message(message["id"])} if "id" in message else {})}
            for message in known.get(MESSAGES, [])
        ]
        turn, receipt = known.get("turn"), known.get("enrichment")
        if turn and turn["id"] == self.run_id:
            asked_by = self._message(turn["message_id"])
            known["turn"] = {**turn, "thread_id": self.thread_id, "message_id": asked_by}
        if receipt and receipt["turn_id"] == self.run_id:
            branch = enrichment_thread(self.run_id) if receipt["thread_id"] else None
            known["enrichment"] = {**receipt, "of_thread": self.thread_id, "thread_id": branch}
        if "exchanges" in known:
            known["exchanges"] = [self._exchange(entry) for entry in known["exchanges"]]
        return known

    def _exchange(self, entry: dict[str, Any]) -> dict[str, Any]:
        request, response = entry["request"], entry["response"]
        if entry["kind"] == "model":
            messages = [self._message(part) for part in request["messages"]]
            request = {**request, "messages": messages}
        if entry["kind"] == "identity" and response:
            response = {**response, "thread_id": self.thread_id}
        return {**entry, "request": request, "response": response, "digest": digest(request)}

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._value(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self._value(part) for part in value]
        return self._name(value)

    def _message(self, name: Any) -> Any:
        # The first is its id as it was, the second as `_value` leaves it.
        asked_by = (self.question, self._name(self.question))
        return f"{self.run_id}:question" if name in asked_by else self._name(name)

    def _name(self, name: Any) -> Any:
        if name == self.parent or (isinstance(name, str) and name.startswith(f"{self.parent}:")):
            return self.run_id + name[len(self.parent) :]
        return name
