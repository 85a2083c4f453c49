"""Incident folders: the shipped ones load, and a broken one says what is wrong with it."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.incident import INCIDENTS, IncidentError, load, shipped
from lab.signals import Signals


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
    root_cause, decoys = incident.expected.root_cause, incident.expected.decoys
    assert set(filter(None, {root_cause, *decoys})) <= incident.topology.blamable
    assert root_cause not in decoys
    assert incident.signals.log


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


def test_a_dot_is_the_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert load(".").name == "mine"


def test_an_empty_name_is_no_incident(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(IncidentError, match="no incident ''"):
        load("")


def test_a_path_that_cannot_be_looked_at_is_named(tmp_path: Path) -> None:
    folder = tmp_path / ("f" * 300)
    assert refusal(folder) == f"{folder}: File name too long"


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


@pytest.mark.parametrize("name", ["incident.toml", "topology.toml", "expected.toml"])
def test_a_folder_in_the_place_of_a_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()
    assert refusal(folder) == f"{folder / name}: Is a directory"


def test_a_file_that_is_not_utf_8_is_named(folder: Path) -> None:
    (folder / "expected.toml").write_bytes(b'root_cause = "caf\xe9"\n')
    assert refusal(folder).startswith(f"{folder / 'expected.toml'}: ")


@pytest.mark.parametrize(
    ("file", "old", "new", "key"),
    [
        ("incident.toml", "title", "colour = 1\ntitle", "colour"),
        ("incident.toml", "title", 'name = "x"\ntitle', "name"),
        ("incident.toml", "title", "topology = {}\ntitle", "topology"),
        ("incident.toml", "title", "expected = {}\ntitle", "expected"),
        ("expected.toml", "decoys", "colour = 1\ndecoys", "colour"),
        ("topology.toml", "team = [", "colour = 1\nteam = [", "colour"),
        ("topology.toml", "{ name =", "{ colour = 1, name =", "team.0.colour"),
    ],
)
def test_an_unknown_key_is_named_with_its_file(
    folder: Path, file: str, old: str, new: str, key: str
) -> None:
    edit(folder / file, old, new)
    assert refusal(folder) == f"{folder / file}: {key}: Extra inputs are not permitted"


@pytest.mark.parametrize(
    ("file", "old", "key"),
    [
        ("incident.toml", "question", "question"),
        ("expected.toml", "root_cause", "root_cause"),
        ("topology.toml", "deployed_by", "deployment.0.deployed_by"),
        ("topology.toml", "from", "call.0.from"),
    ],
)
def test_a_missing_key_is_named_with_its_file(folder: Path, file: str, old: str, key: str) -> None:
    edit(folder / file, f"{old} =", f"{old}_not =")
    assert refusal(folder) == f"{folder / file}: {key}: Field required"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('team = "storefront"', 'team = "ghost"', "service.0.team: no team"),
        ('sql", team = "checkout"', 'sql", team = "ghost"', "database.0.team: no team"),
        ('"shop-node-2"]', '"ghost"]', "service.1.hosts.1: no host"),
        ('host = "data-node-1"', 'host = "ghost"', "database.0.host: no host"),
        ('from = "web-shop"', 'from = "ghost"', "call.0.from: no service"),
        ('to = "api-gateway"', 'to = "ghost"', "call.0.to: no service or database"),
        ('service = "pricing-service"', 'service = "ghost"', "deployment.1.service: no service"),
    ],
)
def test_a_reference_to_nothing_is_named(folder: Path, old: str, new: str, complaint: str) -> None:
    edit(folder / "topology.toml", old, new)
    assert refusal(folder) == f"{folder / 'topology.toml'}: {complaint} is named 'ghost'"


def test_a_database_calls_nothing_and_a_host_is_not_called(folder: Path) -> None:
    edit(folder / "topology.toml", 'to = "api-gateway"', 'to = "data-node-1"')
    assert refusal(folder).endswith("call.0.to: no service or database is named 'data-node-1'")
    edit(folder / "topology.toml", 'from = "web-shop"', 'from = "orders-db"')
    assert refusal(folder).endswith("call.0.from: no service is named 'orders-db'")


@pytest.mark.parametrize(
    ("old", "new", "key", "kind"),
    [
        ("web-shop", "report-worker", "service.13", "service"),
        ("orders-db", "prices-db", "database.1", "database"),
        ("shop-node-1", "shop-node-2", "host.1", "host"),
        ("orders-db", "tax-service", "database.0", "service"),
        ("shop-node-3", "tax-service", "host.2", "service"),
        ("shop-node-3", "orders-db", "host.2", "database"),
    ],
)
def test_services_databases_and_hosts_may_not_share_a_name(
    folder: Path, old: str, new: str, key: str, kind: str
) -> None:
    edit(folder / "topology.toml", f'name = "{old}"', f'name = "{new}"')
    complaint = f"{key}.name: {new!r} is already the name of a {kind}"
    assert refusal(folder) == f"{folder / 'topology.toml'}: {complaint}"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('name = "checkout"', 'name = "storefront"', "team.1.name: 'storefront' is used twice"),
        ('id = "dep-9104"', 'id = "dep-9107"', "deployment.1.id: 'dep-9107' is used twice"),
    ],
)
def test_two_teams_may_not_share_a_name_nor_two_deployments_an_id(
    folder: Path, old: str, new: str, complaint: str
) -> None:
    edit(folder / "topology.toml", old, new)
    assert refusal(folder) == f"{folder / 'topology.toml'}: {complaint}"


def test_a_team_may_be_called_like_a_service(folder: Path) -> None:
    text = (folder / "topology.toml").read_text(encoding="utf-8")
    renamed = text.replace('"checkout"', '"checkout-service"')
    (folder / "topology.toml").write_text(renamed, encoding="utf-8")
    assert "checkout-service" in {team.name for team in load(str(folder)).topology.team}


@pytest.mark.parametrize(
    ("old", "key"), [("pricing-service", "root_cause"), ("search-index", "decoys.1")]
)
@pytest.mark.parametrize("name", ["ghost", "platform"])
def test_a_cause_or_a_decoy_that_is_no_component_is_named(
    folder: Path, old: str, key: str, name: str
) -> None:
    edit(folder / "expected.toml", f'"{old}"', f'"{name}"')
    complaint = f"{key}: no service, database or host is named {name!r}"
    assert refusal(folder) == f"{folder / 'expected.toml'}: {complaint}"


def test_a_host_may_be_the_cause_and_a_decoy(folder: Path) -> None:
    edit(folder / "expected.toml", '"pricing-service"', '"shop-node-3"')
    edit(folder / "expected.toml", '"search-index"', '"search-node-1"')
    assert load(str(folder)).expected.root_cause == "shop-node-3"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('type = "frontend"', 'type = "fronted"', "service.0.type"),
        ('criticality = "critical"', 'criticality = "vital"', "service.0.criticality"),
        ('status = "succeeded"', 'status = "done"', "deployment.0.status"),
        ("error_rate = 0.028", "error_rate = 2.8", "call.0.error_rate"),
        ("cpu_percent = 46", 'cpu_percent = "much"', "host.0.cpu_percent"),
    ],
)
def test_a_wrong_value_is_named_by_its_file_and_key(
    folder: Path, old: str, new: str, key: str
) -> None:
    edit(folder / "topology.toml", old, new)
    assert refusal(folder).startswith(f"{folder / 'topology.toml'}: {key}: ")


@pytest.mark.parametrize(
    ("file", "old", "new", "key"),
    [
        ("topology.toml", "cpu_percent = 46", "cpu_percent = nan", "host.0.cpu_percent"),
        ("topology.toml", "cpu_percent = 46", "cpu_percent = 101", "host.0.cpu_percent"),
        ("topology.toml", "avg_latency_ms = 345", "avg_latency_ms = inf", "call.0.avg_latency_ms"),
        (
            "topology.toml",
            "p99_latency_ms = 2390",
            "p99_latency_ms = 1e12",
            "call.0.p99_latency_ms",
        ),
        ("topology.toml", "requests_per_min = ", "requests_per_min = -", "call.0.requests_per_min"),
        ("topology.toml", "minutes_ago = 12", "minutes_ago = -12", "deployment.0.minutes_ago"),
        ("topology.toml", "minutes_ago = 12", "minutes_ago = 1e12", "deployment.0.minutes_ago"),
        (
            "topology.toml",
            "max_connections = ",
            "max_connections = 99999999999999999999",
            "database.0.max_connections",
        ),
        ("topology.toml", 'name = "storefront"', 'name = ""', "team.0.name"),
        ("topology.toml", 'name = "web-shop"', 'name = " "', "service.0.name"),
        ("topology.toml", 'name = "web-shop"', f'name = "{"w" * 201}"', "service.0.name"),
        ("topology.toml", 'id = "dep-9107"', 'id = ""', "deployment.0.id"),
        ("incident.toml", "title = ", 'title = " " #', "title"),
        ("incident.toml", "question = ", 'question = "" #', "question"),
        ("incident.toml", "question = ", f'question = "{"q" * 8001}" #', "question"),
    ],
)
def test_a_value_out_of_its_limits_is_named_by_its_file_and_key(
    folder: Path, file: str, old: str, new: str, key: str
) -> None:
    edit(folder / file, old, new)
    assert refusal(folder).startswith(f"{folder / file}: {key}: ")


@pytest.mark.parametrize("value", ["[" * 5000, "9" * 5000])
def test_toml_that_python_cannot_take_is_a_fault_of_the_file(folder: Path, value: str) -> None:
    (folder / "incident.toml").write_text(f"title = {value}\n")
    assert refusal(folder).startswith(f"{folder / 'incident.toml'}: ")


def test_deployments_are_dated_back_from_now() -> None:
    topology = load("bad-deploy").topology
    deployment = next(entry for entry in topology.deployment if entry.minutes_ago == 31)
    now = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    assert topology.deployed_at(deployment, now) == "2026-11-24T09:29:00Z"


def test_nothing_wrong_is_expected_by_an_empty_cause(folder: Path) -> None:
    assert load("false-alarm").expected.root_cause == ""
    edit(folder / "expected.toml", '"pricing-service"', '""')
    assert load(str(folder)).expected.root_cause == ""


def test_without_signals_there_is_what_follows_from_the_topology(folder: Path) -> None:
    (folder / "signals.toml").unlink()
    assert load(str(folder)).signals == Signals()


def test_a_list_of_signals_may_be_missing(folder: Path) -> None:
    (folder / "signals.toml").write_text("began_minutes_ago = 5\n")
    assert load(str(folder)).signals == Signals(began_minutes_ago=5)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("began_minutes_ago", "colour = 1\nbegan_minutes_ago", "colour"),
        ("metric = [", "metrics = [", "metrics"),
        ("normal = 50", "colour = 1, normal = 50", "metric.0.colour"),
        (
            "minutes_ago = 31, message",
            "colour = 1, minutes_ago = 31, message",
            "tasks.0.event.0.colour",
        ),
    ],
)
def test_an_unknown_key_of_signals_is_named(folder: Path, old: str, new: str, key: str) -> None:
    edit(folder / "signals.toml", old, new)
    complaint = f"{key}: Extra inputs are not permitted"
    assert refusal(folder) == f"{folder / 'signals.toml'}: {complaint}"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("began_minutes_ago = 31", "began_minutes_ago = -1", "began_minutes_ago"),
        ("now = 16.3", "now = -1", "metric.2.now"),
        ("per_min = 2,", "per_min = 0,", "log.0.per_min"),
        ('level = "info"', 'level = "fatal"', "log.0.level"),
        ('message = "received SIGTERM, draining"', 'message = " "', "log.0.message"),
        ('status = "Alert"', 'status = "alert"', "monitor.0.status"),
        ('state = "ALARM"', 'state = "Alert"', "alarm.0.state"),
        ('severity = "SEV-2"', 'severity = "SEV-9"', "declared.0.severity"),
        ("target_percent = 99.9", "target_percent = 101", "objective.0.target_percent"),
        ("desired = 1,", "desired = 1.5,", "tasks.0.desired"),
    ],
)
def test_a_wrong_value_of_signals_is_named(folder: Path, old: str, new: str, key: str) -> None:
    edit(folder / "signals.toml", old, new)
    assert refusal(folder).startswith(f"{folder / 'signals.toml'}: {key}: ")


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        (
            'log = [{service = "ghost", level = "info", message = "m", per_min = 1}]',
            "log.0.service",
        ),
        (
            'event = [{title = "t", source = "s", service = "ghost", minutes_ago = 1}]',
            "event.0.service",
        ),
        ('function = [{name = "f", service = "ghost"}]', "function.0.service"),
        ('target_group = [{name = "g", service = "ghost", target = []}]', "target_group.0.service"),
        ('machine = [{name = "ghost"}]', "machine.0.name"),
        ('machine = [{name = "web-shop"}]', "machine.0.name"),
        ('tasks = [{name = "orders-db", desired = 1, running = 1}]', "tasks.0.name"),
        ('instance = [{name = "shop-node-1"}]', "instance.0.name"),
    ],
)
def test_a_signal_of_what_is_not_there_is_named(folder: Path, entry: str, key: str) -> None:
    (folder / "signals.toml").write_text(f"{entry}\n")
    assert refusal(folder).startswith(
        f"{folder / 'signals.toml'}: {key}: no such component is named"
    )
