"""Imported once by the process that the children are forked from."""

from importlib import import_module

from graph.settings import keep_litellm_offline

keep_litellm_offline()

import detect_secrets.core.plugins.util  # noqa: E402

import graph.models.minimax  # noqa: E402, F401
import tests.graph.detached.child  # noqa: E402, F401

# The libraries import these at their first use: without them here, each child does so again,
# for a second and a half. They are only imported; a call here could start threads, which a fork
# does not copy.
LOADED_LATE = (
    "anyio._backends._asyncio",
    "httpcore",
    "litellm.litellm_core_utils.default_encoding",
    "litellm.llms.minimax.chat.transformation",
    "litellm.proxy._types",
    "litellm.responses.mcp.chat_completions_handler",
    "sqlalchemy.dialects.sqlite",
)
for name in LOADED_LATE:
    import_module(name)
detect_secrets.core.plugins.util.get_mapping_from_secret_type_to_class()
