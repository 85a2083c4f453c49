"""The house rules that no linter knows, and that README, pins and configuration are true."""

import ast
import importlib
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from graph.runtime import Runtime
from graph.settings import GraphMapping, Settings

ROOT = Path(__file__).parents[1]
PRODUCT = ("graph", "replay", "server", "lab", "bench")
MODULES = sorted(path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BANNED = re.compile(r"utils?|help.*|common|misc|managers?|base|core")
CATCHES_ALL = {"graph/nodes/enrich.py": 1}
README = (ROOT / "README.md").read_text()
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_says_its_purpose_and_stays_within_300_lines(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_a_test_module_stays_within_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name)
def test_a_function_stays_within_60_lines(path: Path) -> None:
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name)
def test_no_module_or_folder_has_a_name_that_says_nothing(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    assert not [part for part in parts if BANNED.fullmatch(part)]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_exception_is_caught_at_the_enrich_boundary_alone(path: Path) -> None:
    caught = [ast.unparse(n.type or n) for n in nodes(path) if isinstance(n, ast.ExceptHandler)]
    everything = [kind for kind in caught if re.search(r"\b(Base)?Exception\b|^except", kind)]
    assert len(everything) == CATCHES_ALL.get(name(path), 0)


def wanted() -> list[Requirement]:
    groups = PROJECT["dependency-groups"]
    listed = [entry for group in groups.values() for entry in group if isinstance(entry, str)]
    return [Requirement(entry) for entry in [*PROJECT["project"]["dependencies"], *listed]]


def pinned() -> dict[str, str]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    entries = [Requirement(line) for line in lines if line and not line.lstrip().startswith("#")]
    pins: dict[str, str] = {}
    for entry in entries:
        [pin] = entry.specifier
        assert pin.operator == "==", entry
        pins[canonicalize_name(entry.name)] = pin.version
    return pins


@pytest.mark.parametrize("requirement", wanted(), ids=lambda requirement: requirement.name)
def test_every_dependency_is_pinned_within_its_range(requirement: Requirement) -> None:
    assert requirement.specifier.contains(pinned()[canonicalize_name(requirement.name)])


def test_langgraph_json_names_what_can_be_imported() -> None:
    configuration = json.loads((ROOT / "langgraph.json").read_text())
    places = [configuration[name]["path"] for name in ("checkpointer", "store")]
    for target in (*configuration["graphs"].values(), configuration["http"]["app"], *places):
        module, _, attribute = target.replace(":", ".").rpartition(".")
        assert callable(getattr(importlib.import_module(module), attribute))


def test_the_graph_has_the_edges_of_the_picture_in_the_readme(runtime: Runtime) -> None:
    drawn = {(edge.source, edge.target) for edge in runtime.graph.get_graph().edges}
    assert drawn == {
        ("__start__", "plan"),
        ("plan", "tool"),
        ("tool", "plan"),
        ("plan", "respond"),
        ("respond", "plan"),
        ("respond", "enrich"),
        ("respond", "__end__"),
        ("enrich", "__end__"),
    }
    assert "START → plan ⇄ tool" in README
    assert "respond ┄┄▷ enrich" in README


def test_the_readme_and_the_continuous_integration_run_the_same_test_command() -> None:
    [command] = re.findall(r"^python3.*pytest.*$", README, re.MULTILINE)
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_file_that_a_page_names_exists(path: Path) -> None:
    named = re.findall(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|md|toml|json|txt))`", path.read_text())
    written_by_the_reader = {"incident.toml", "topology.toml", "expected.toml"}
    missing = [file for file in named if not (ROOT / file).exists()]
    assert set(missing) <= written_by_the_reader


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_setting_that_a_page_names_exists(path: Path) -> None:
    mapping = {f"GRAPH_MAPPING__{field.upper()}" for field in GraphMapping.model_fields}
    known = {field.upper() for field in Settings.model_fields} | mapping
    prefixes = {field.partition("_")[0] for field in known}
    words = re.findall(r"\b[A-Z0-9]+(?:_[A-Z0-9]+)+\b", path.read_text())
    settings = {word for word in words if word.partition("_")[0] in prefixes}
    constants = {"BACKSTOP_S", "NEO4J_TEST_URI"}
    assert settings - known <= constants


def test_the_changelog_begins_with_what_is_not_released() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
