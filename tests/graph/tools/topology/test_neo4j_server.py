"""How the jars of Neo4j get into the cache, with a stand-in for Maven; and addresses."""

import re
from pathlib import Path

import pytest

from tests.graph.tools.topology.neo4j_server import Address, Neo4jFailed, jars, missing

FETCHES = 'for last in "$@"; do :; done; mkdir "${last#*=}" && touch "${last#*=}/a.jar"'
FAILS = 'for last in "$@"; do :; done; mkdir "${last#*=}"; echo "no route to host"; exit 1'


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the one Maven on the path would be; the cache is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "bin").mkdir()
    for tool in ("mkdir", "touch"):
        (tmp_path / "bin" / tool).symlink_to(Path("/bin") / tool)
    (tmp_path / "bin" / "java").symlink_to("/bin/false")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin" / "mvn"


def install(maven: Path, script: str) -> None:
    maven.write_text(f"#!/bin/sh\n{script}\n")
    maven.chmod(0o755)


def test_the_jars_are_fetched_once(maven: Path) -> None:
    install(maven, FETCHES)
    folder = jars()
    assert [jar.name for jar in folder.iterdir()] == ["a.jar"]
    maven.unlink()
    assert jars() == folder


def test_without_maven_the_reason_names_it_and_the_other_way(maven: Path) -> None:
    assert re.search(r"no Maven \(mvn\).*or set NEO4J_TEST_URI", missing() or "")
    with pytest.raises(Neo4jFailed, match="no Maven"):
        jars()
    (maven.parent / "java").unlink()
    assert (missing() or "").startswith("there is no Java")


def test_a_failing_maven_is_quoted_and_leaves_no_half_of_a_cache(maven: Path) -> None:
    install(maven, FAILS)
    for _ in range(2):
        with pytest.raises(Neo4jFailed, match=r"^mvn .* ended with 1: no route to host"):
            jars()
    install(maven, FETCHES)
    assert [jar.name for jar in jars().iterdir()] == ["a.jar"]


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("bolt://127.0.0.1:7687", Address("bolt://127.0.0.1:7687", "neo4j", "")),
        ("neo4j+s://me:p%40ss@db:7687", Address("neo4j+s://db:7687", "me", "p@ss")),
    ],
)
def test_an_address_may_carry_the_account(given: str, address: Address) -> None:
    assert Address.parse(given) == address
