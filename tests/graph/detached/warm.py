"""Imported once by the process that the children are forked from."""

from graph.settings import keep_litellm_offline

keep_litellm_offline()

import graph.models.minimax  # noqa: E402, F401
import tests.graph.detached.child  # noqa: E402, F401
