"""An incident told as the changes of a shipped one: what takes whose place, and what is a fault."""

from pathlib import Path

import pytest

from lab.incident import IncidentError, load

BASE = load("bad-deploy")
HEAD = 'title = "Again"\nlike = "bad-deploy"\n'
CALL = (
    'call = [{ from = "web-shop", to = "api-gateway", avg_latency_ms = 1, p99_latency_ms = 2, '
    "baseline_p99_latency_ms = 3, requests_per_min = 4, error_rate = 0 }]\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that changes a shipped incident in nothing but its title."""
    mine = tmp_path / "mine"
    mine.mkdir()
    write(mine, "incident.toml", HEAD)
    write(mine, "topology.toml", "")
    write(mine, "expected.toml", 'root_cause = "search-index"\nexplanation = "x"\n')
    return mine


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def refusal(folder: Path) -> str:
    with pytest.raises(IncidentError) as caught:
        load(str(folder))
    return str(caught.value).removeprefix(f"{folder}/")


def test_what_is_not_changed_is_that_of_the_other(folder: Path) -> None:
    incident = load(str(folder))
    assert (incident.title, incident.name, incident.like) == ("Again", "mine", "bad-deploy")
    assert incident.question == BASE.question
    assert (incident.topology, incident.signals) == (BASE.topology, BASE.signals)
    assert incident.expected.root_cause == "search-index"


def test_an_entry_takes_the_place_of_the_one_with_the_same_name(folder: Path) -> None:
    write(folder, "topology.toml", CALL)
    calls = load(str(folder)).topology.call
    assert len(calls) == len(BASE.topology.call)
    [call] = [one for one in calls if (one.source, one.target) == ("web-shop", "api-gateway")]
    assert call.p99_latency_ms == 2


def test_an_entry_of_a_new_name_is_added(folder: Path) -> None:
    write(folder, "topology.toml", 'team = [{ name = "new", channel = "#new", oncall = "Ada" }]')
    teams = [team.name for team in load(str(folder)).topology.team]
    assert teams == [*(team.name for team in BASE.topology.team), "new"]


def test_several_lines_take_the_place_of_one_and_one_of_several(folder: Path) -> None:
    known = BASE.signals.log[0]
    line = f'{{ service = "{known.service}", level = "info", message = "{known.message}", per_min='
    write(folder, "signals.toml", f"log = [{line}1}}, {line}2}}]")
    lines = [one for one in load(str(folder)).signals.log if one.message == known.message]
    assert [one.per_min for one in lines] == [1, 2]
    write(folder, "signals.toml", f"log = [{line}3}}]")
    lines = [one for one in load(str(folder)).signals.log if one.message == known.message]
    assert [one.per_min for one in lines] == [3]


def test_what_is_gone_is_gone(folder: Path) -> None:
    write(folder, "topology.toml", 'deployment = [{ id = "dep-9104", gone = true }]')
    deployed = [one.id for one in load(str(folder)).topology.deployment]
    assert deployed == [one.id for one in BASE.topology.deployment if one.id != "dep-9104"]


def test_a_number_takes_the_place_of_a_number(folder: Path) -> None:
    write(folder, "signals.toml", "began_minutes_ago = 7")
    assert load(str(folder)).signals.began_minutes_ago == 7


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        (
            "topology.toml",
            'deployment = [{ id = "dep-0", gone = true }]',
            "topology.toml: deployment.0: there is no such entry that could go",
        ),
        (
            "topology.toml",
            'team = [{ name = "new", gone = "yes" }]',
            f"topology.toml: team.{len(BASE.topology.team)}.channel: Field required",
        ),
        ("signals.toml", "log = [7]", f"signals.toml: log.{len(BASE.signals.log)}: "),
        ("signals.toml", "log = 7", "signals.toml: log: "),
        ("signals.toml", "nonsense = [7]", "signals.toml: nonsense: "),
        ("incident.toml", 'title = "x"\nlike = "bad"', "incident.toml: like: no incident 'bad' in"),
        ("incident.toml", 'title = "x"\nlike = ""', "incident.toml: like: no incident '' in"),
        ("incident.toml", 'title = "x"\nlike = [7]', "incident.toml: like: no incident [7] in"),
        ("incident.toml", 'title = "x"', "incident.toml: question: Field required"),
        ("incident.toml", "title =", "incident.toml: Invalid value"),
    ],
)
def test_a_fault_is_named_with_its_file_and_key(
    folder: Path, name: str, text: str, complaint: str
) -> None:
    write(folder, name, text)
    assert complaint in refusal(folder)


def test_the_host_of_a_service_that_is_gone_is_still_checked(folder: Path) -> None:
    write(folder, "topology.toml", 'host = [{ name = "shop-node-3", gone = true }]')
    assert "no host is named 'shop-node-3'" in refusal(folder)
