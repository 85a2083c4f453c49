"""Incident folders: the shipped ones load, and a broken one says what is wrong with it."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.incident import INCIDENTS, IncidentError, load, shipped


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a good incident, to be broken."""
    return Path(shutil.copytree(INCIDENTS / "bad-deploy", tmp_path / "mine"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def refusal(folder: Path) -> str:
    with pytest.raises(IncidentError) as caught:
        load(str(folder))
    return str(caught.value)


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_incident_loads_and_expects_what_it_defines(name: str) -> None:
    incident = load(name)
    assert incident.name == name
    assert incident.title
    assert incident.question
    topology = incident.topology
    defined = {entry.name for entry in topology.service}
    defined |= {entry.name for entry in topology.database}
    assert {incident.expected.root_cause, *incident.expected.decoys} <= defined
    assert incident.expected.root_cause not in incident.expected.decoys


def test_the_shipped_incidents_are_the_folders_in_order() -> None:
    assert "bad-deploy" in shipped()
    assert shipped() == sorted(path.parent.name for path in INCIDENTS.glob("*/incident.toml"))


def test_an_unknown_name_is_answered_with_the_shipped_ones() -> None:
    with pytest.raises(IncidentError) as caught:
        load("no-such-incident")
    assert "no incident 'no-such-incident'" in str(caught.value)
    for name in shipped():
        assert name in str(caught.value)


def test_a_path_works(folder: Path) -> None:
    edit(folder / "incident.toml", "Checkout is slow", "Mine is slow")
    incident = load(str(folder))
    assert incident.name == "mine"
    assert incident.title.startswith("Mine is slow")


def test_a_path_from_the_working_directory_works(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    assert load("mine").name == "mine"
    monkeypatch.chdir(folder)
    assert load("../mine").name == "mine"


def test_a_shipped_name_wins_over_a_folder_in_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(folder / "incident.toml", "Checkout is slow", "Mine is slow")
    folder.rename(folder.with_name("bad-deploy"))
    monkeypatch.chdir(folder.parent)
    assert not load("bad-deploy").title.startswith("Mine")


def test_a_file_is_no_incident(tmp_path: Path) -> None:
    file = tmp_path / "incident.toml"
    file.write_text("")
    assert "give a folder" in refusal(file)


@pytest.mark.parametrize("name", ["incident.toml", "topology.toml", "expected.toml"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert refusal(folder) == f"{folder / name} is missing"


@pytest.mark.parametrize("name", ["incident.toml", "topology.toml", "expected.toml"])
def test_broken_toml_is_named_with_its_place(folder: Path, name: str) -> None:
    (folder / name).write_text("good = 1\nbroken =\n")
    assert refusal(folder).startswith(f"{folder / name}: ")
    assert "line 2" in refusal(folder)


def test_a_file_that_is_not_utf_8_is_named(folder: Path) -> None:
    (folder / "expected.toml").write_bytes(b'root_cause = "caf\xe9"\n')
    assert refusal(folder).startswith(f"{folder / 'expected.toml'}: ")


@pytest.mark.parametrize(
    ("file", "old", "new", "key"),
    [
        ("incident.toml", "title", "colour = 1\ntitle", "colour"),
        ("expected.toml", "decoys", "colour = 1\ndecoys", "expected.colour"),
        ("topology.toml", "team = [", "colour = 1\nteam = [", "topology.colour"),
        ("topology.toml", "{ name =", "{ colour = 1, name =", "topology.team.0.colour"),
    ],
)
def test_an_unknown_key_is_named(folder: Path, file: str, old: str, new: str, key: str) -> None:
    edit(folder / file, old, new)
    assert refusal(folder).startswith(f"{folder}: {key}: ")


@pytest.mark.parametrize(
    ("file", "old", "key"),
    [
        ("incident.toml", "question", "question"),
        ("expected.toml", "root_cause", "expected.root_cause"),
        ("topology.toml", "deployed_by", "topology.deployment.0.deployed_by"),
    ],
)
def test_a_missing_key_is_named(folder: Path, file: str, old: str, key: str) -> None:
    edit(folder / file, old, f"{old}_not")
    assert f"{folder}: {key}: " in refusal(folder)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('team = "platform"', 'team = "ghost"', "team names what is not defined: ['ghost']"),
        ('["shop-node-1"]', '["ghost"]', "host names what is not defined: ['ghost']"),
        ('host = "data-node-1"', 'host = "ghost"', "host names what is not defined: ['ghost']"),
        ('from = "web-shop"', 'from = "ghost"', "call.from names what is not defined: ['ghost']"),
        (
            'from = "web-shop"',
            'from = "orders-db"',
            "call.from names what is not defined: ['orders-db']",
        ),
        ('to = "api-gateway"', 'to = "ghost"', "call.to names what is not defined: ['ghost']"),
        (
            'service = "pricing-service"',
            'service = "ghost"',
            "deployment.service names what is not defined: ['ghost']",
        ),
    ],
)
def test_a_reference_to_nothing_is_named(folder: Path, old: str, new: str, complaint: str) -> None:
    edit(folder / "topology.toml", old, new)
    message = refusal(folder)
    assert message.startswith(f"{folder}: topology: ")
    assert message.endswith(complaint)


def test_a_service_and_a_database_may_not_share_a_name(folder: Path) -> None:
    edit(folder / "topology.toml", 'name = "orders-db"', 'name = "tax-service"')
    assert "used for a service and a database: ['tax-service']" in refusal(folder)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('type = "frontend"', 'type = "fronted"', "topology.service.0.type"),
        ('criticality = "critical"', 'criticality = "vital"', "topology.service.0.criticality"),
        ('status = "succeeded"', 'status = "done"', "topology.deployment.0.status"),
        ("error_rate = 0.02", "error_rate = 2", "topology.call.0.error_rate"),
        ("cpu_percent = 46", 'cpu_percent = "much"', "topology.host.0.cpu_percent"),
    ],
)
def test_a_wrong_value_is_named_by_its_key(folder: Path, old: str, new: str, key: str) -> None:
    edit(folder / "topology.toml", old, new)
    assert refusal(folder).startswith(f"{folder}: {key}: ")


def test_deployments_are_dated_back_from_now() -> None:
    topology = load("bad-deploy").topology
    deployment = next(entry for entry in topology.deployment if entry.minutes_ago == 31)
    now = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    assert topology.deployed_at(deployment, now) == "2026-11-24T09:29:00Z"
