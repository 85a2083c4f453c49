"""How a process of ours is pointed at the lab's doubles."""

import os
import socket
from pathlib import Path

from graph.settings import Settings

ROOT = Path(__file__).parents[2]


def environment(settings: Settings) -> dict[str, str]:
    """The environment of a process that is to have these settings."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "MINIMAX_API_KEY": settings.minimax_api_key.get_secret_value(),
        "MINIMAX_API_BASE": settings.minimax_api_base,
        "NEO4J_URI": str(settings.neo4j_uri),
        "NEO4J_USER": settings.neo4j_user,
        "NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
        "NEO4J_DATABASE": settings.neo4j_database,
        "STATE_DIR": str(settings.state_dir),
        "ENRICHMENT_TIMEOUT_S": str(settings.enrichment_timeout_s),
    }


def free_port() -> int:
    """A port on loopback that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
