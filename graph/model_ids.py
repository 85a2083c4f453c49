"""The ids of the models that may be configured."""

MODEL_IDS = (
    "MiniMax-M3",
    "MiniMax-M2.7",
    "MiniMax-M2.7-highspeed",
    "MiniMax-M2.5",
    "MiniMax-M2.5-highspeed",
    "MiniMax-M2.1",
    "MiniMax-M2.1-highspeed",
    "MiniMax-M2",
)
"""What platform.minimax.io lists for text generation (November 2026). The names are exact, and
a wrong one is otherwise noticed only in the middle of the first investigation."""


def model_id(value: str) -> str:
    """The id when it is one of the provider's; raises ValueError that lists them."""
    provider, _, name = value.partition("/")
    if provider != "minimax" or name not in MODEL_IDS:
        known = ", ".join(f"minimax/{known_name}" for known_name in MODEL_IDS)
        raise ValueError(f"unknown model id {value!r}; known: {known}")
    return value
