"""The settings and their example file."""

from pathlib import Path

from graph.settings import GraphMapping, Settings

ROOT = Path(__file__).parents[2]


def test_the_example_file_names_every_setting() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    written = {line.removeprefix("# ").partition("=")[0] for line in text.splitlines()}
    plain = {name.upper() for name in Settings.model_fields if name != "graph_mapping"}
    nested = {f"GRAPH_MAPPING__{name.upper()}" for name in GraphMapping.model_fields}
    assert plain | nested <= written
