"""The exceptions that NetForge raises on purpose.

    NetForgeError
    ├── SettingsError          a setting is missing or wrong; names it and how to get one
    ├── ModelLibraryMissing    litellm or langchain-litellm cannot be imported
    ├── TopologyUnavailable    NEO4J_URI is set and does not answer
    ├── AwsMisconfigured       AWS_REGION or AWS_PROFILE does not exist
    ├── StateUnavailable       the state directory or the database cannot be used
    │   ├── StateInUse         another process works on it, under the same name
    │   └── LockNotFree        somebody else held a name for longer than could be waited
    ├── InvalidQuestion        the input holds no question, or not one that can be asked
    ├── InvalidCursor          a cursor that no answer gave
    ├── ThreadBusy             a turn runs on that thread already; `run_id` says which
    ├── TooManyRuns            this process has accepted as many questions as it may
    ├── KeyReused              a key was used before, for another question
    ├── RunUnknown             there is no such run
    ├── RunEnded               a run has ended, so it cannot be cancelled
    ├── UnreadableValue        what was read back is not what this version writes
    └── EnrichmentRefused      an enrichment cannot be run again, or not like this

Each message is one line for a person: what failed, with what value, and what to do. A
provider that fails while a turn runs is not among them: it is a value in the state
(`graph.models.failure.ModelFailure`), because a turn is never lost.
"""


class NetForgeError(Exception):
    """Anything that NetForge refuses on purpose."""


class SettingsError(NetForgeError):
    """A setting is missing or wrong."""


class ModelLibraryMissing(NetForgeError):
    """The library that reaches the models is not installed."""


class TopologyUnavailable(NetForgeError):
    """The configured graph database does not answer."""


class AwsMisconfigured(NetForgeError):
    """The configured region or profile of AWS does not exist."""


class StateUnavailable(NetForgeError):
    """Checkpoints, memory or the queue cannot be opened or written."""


class StateInUse(StateUnavailable):
    """Another process works on the state directory, or under the same name on the database."""


class LockNotFree(StateUnavailable):
    """Somebody else held a name for longer than could be waited."""


class ThreadBusy(NetForgeError):
    """A turn runs on that thread already; two at once would lose one of them."""

    def __init__(self, message: str, run_id: str | None = None) -> None:
        super().__init__(message)
        self.run_id = run_id


class TooManyRuns(NetForgeError):
    """Too many questions are waiting in this process; nothing was kept of this one."""


class KeyReused(NetForgeError):
    """A key was used before, for another question."""


class RunUnknown(NetForgeError):
    """There is no run of that id."""


class RunEnded(NetForgeError):
    """The run has ended, so that there is nothing to cancel."""


class InvalidCursor(NetForgeError):
    """A cursor that no answer gave."""


class InvalidQuestion(NetForgeError):
    """The input holds no question that could be investigated."""


class UnreadableValue(NetForgeError):
    """A value of the state, or a recording of one, that this version did not write."""


class EnrichmentRefused(NetForgeError):
    """An enrichment cannot be run again by hand: it is unknown, runs, or has no study."""
