"""The settings: what is refused, in which words, and what never shows."""

import os
import re
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from graph.errors import SettingsError
from graph.model_ids import MODEL_IDS
from graph.settings import GraphMapping, Settings, load

KEY = "sk-do-not-show-me-4711"
PASSWORD = "graph-password-0815"
TOKEN = "ann-do-not-show-me-1337"
EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting from whoever runs the tests, and a working directory without `.env`."""
    names = {name.upper() for name in Settings.model_fields}
    for name in list(os.environ):
        if name.upper() in names or name.upper().startswith("GRAPH_MAPPING__"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one required setting is there."""
    monkeypatch.setenv("MINIMAX_API_KEY", KEY)


def complaint() -> str:
    with pytest.raises(SettingsError) as caught:
        load()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_missing_key_is_named_with_its_remedy() -> None:
    message = complaint()
    assert message.startswith("MINIMAX_API_KEY is not set")
    assert "platform.minimax.io" in message


def test_an_empty_key_is_a_missing_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIMAX_API_KEY", "")
    assert complaint().startswith("MINIMAX_API_KEY is not set")


@pytest.mark.usefixtures("key")
def test_with_the_key_alone_everything_has_a_default() -> None:
    settings = load()
    assert settings.minimax_api_key.get_secret_value() == KEY
    assert settings.neo4j_uri is None
    assert settings.graph_mapping == GraphMapping()
    assert settings.state_dir == Path(".netforge")


def test_several_complaints_stand_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_ATTEMPTS", "0")
    monkeypatch.setenv("TOOL_TIMEOUT_S", "soon")
    monkeypatch.setenv("GRAPH_MAPPING__HOST", "My Host")
    complaints = complaint().split("; ")
    names = [re.match(r"[A-Z0-9_]+", entry) for entry in complaints]
    assert sorted(name.group() for name in names if name) == [
        "GRAPH_MAPPING__HOST",
        "MINIMAX_API_KEY",
        "MODEL_ATTEMPTS",
        "TOOL_TIMEOUT_S",
    ]


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("role", ["ORCHESTRATOR_MODEL", "ANALYST_MODEL"])
@pytest.mark.parametrize(
    "value", ["minimax/MiniMax-M9", "MiniMax-M3", "openai/MiniMax-M3", "minimax/minimax-m3"]
)
def test_an_unknown_model_id_is_refused_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, role: str, value: str
) -> None:
    monkeypatch.setenv(role, value)
    message = complaint()
    assert message.startswith(f"{role}: unknown model id {value!r}")
    for name in MODEL_IDS:
        assert f"minimax/{name}" in message


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("name", MODEL_IDS)
def test_every_listed_model_id_fits_both_roles(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("ORCHESTRATOR_MODEL", f"minimax/{name}")
    monkeypatch.setenv("ANALYST_MODEL", f"minimax/{name}")
    assert (load().orchestrator_model, load().analyst_model) == (f"minimax/{name}",) * 2


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    "value", ["https://api.minimax.io/anthropic", "https://api.minimaxi.com/anthropic/"]
)
def test_the_anthropic_endpoint_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MINIMAX_API_BASE", value)
    message = complaint()
    assert message.startswith("MINIMAX_API_BASE: ")
    assert "Anthropic endpoint; use the one that ends in /v1" in message


@pytest.mark.usefixtures("key")
def test_an_endpoint_without_http_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIMAX_API_BASE", "api.minimax.io/v1")
    assert (
        complaint()
        == "MINIMAX_API_BASE: 'api.minimax.io/v1' has no host or no scheme of http, https"
    )


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("value", ["A-B", "9lives", "a`) DETACH DELETE (n", "zwei wörter", "naïve"])
def test_a_mapped_name_that_is_no_identifier_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("GRAPH_MAPPING__SERVICE", value)
    message = complaint()
    assert message.startswith("GRAPH_MAPPING__SERVICE: ")
    assert "is not a plain identifier" in message


@pytest.mark.usefixtures("key")
def test_a_mapped_name_may_not_end_in_a_line_break(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPH_MAPPING__NAME", "name\n")
    assert complaint().startswith("GRAPH_MAPPING__NAME: ")


@pytest.mark.usefixtures("key")
def test_an_unknown_mapped_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPH_MAPPING__SERVISE", "Service")
    assert complaint().startswith("GRAPH_MAPPING__SERVISE: ")


@pytest.mark.usefixtures("key")
def test_one_mapped_name_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPH_MAPPING__SERVICE", "AWSECSService")
    assert load().graph_mapping == GraphMapping(service="AWSECSService")


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("value", ["Service", '{"service": "S"}', "[1]"])
def test_a_mapping_given_whole_is_refused_with_how_to_give_it(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("GRAPH_MAPPING", value)
    assert complaint() == (
        "GRAPH_MAPPING: set its parts one by one, such as GRAPH_MAPPING__SERVICE=Service"
    )


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    "value", ["http://localhost:7474", "localhost:7687", "bolts://x:7687", "bolt:x:7687"]
)
def test_an_address_that_is_not_bolt_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("NEO4J_URI", value)
    message = complaint()
    assert message.startswith("NEO4J_URI: ")
    assert "bolt, bolt+s, bolt+ssc, neo4j, neo4j+s, neo4j+ssc" in message


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("MEMORY_NEO4J_USER", "NEO4J_URI is not set, but MEMORY_NEO4J_USER is: "),
        ("MEMORY_NEO4J_PASSWORD", "MEMORY_NEO4J_USER is not set, but MEMORY_NEO4J_PASSWORD is: "),
    ],
)
def test_a_copy_of_insights_without_its_place_or_its_user_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: str, said: str
) -> None:
    monkeypatch.setenv(given, PASSWORD)
    message = complaint()
    assert message.startswith(said)
    assert PASSWORD not in message


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("scheme", ["bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"])
def test_every_bolt_scheme_is_taken(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("NEO4J_URI", f"{scheme}://127.0.0.1:7687")
    assert load().neo4j_uri == f"{scheme}://127.0.0.1:7687"


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("value", ["0.0.0.0", "::", "10.0.0.5", "localhost.example.com"])
def test_a_server_address_beyond_loopback_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SERVER_HOST", value)
    assert complaint().startswith(f"SERVER_HOST: {value!r} is not loopback")


@pytest.mark.usefixtures("key")
def test_secrets_do_not_show_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO4J_PASSWORD", PASSWORD)
    monkeypatch.setenv("API_TOKENS", f"ann:{TOKEN}")
    settings = load()
    assert settings.neo4j_password.get_secret_value() == PASSWORD
    shown = [repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()]
    for text in shown:
        assert TOKEN not in text
        assert KEY not in text
        assert PASSWORD not in text


@pytest.mark.usefixtures("key")
def test_secrets_do_not_show_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO4J_PASSWORD", PASSWORD)
    monkeypatch.setenv("MODEL_ATTEMPTS", "0")
    monkeypatch.setenv("GRAPH_MAPPING__TEAM", "no team")
    with pytest.raises(SettingsError) as caught:
        load()
    for secret in (KEY, PASSWORD):
        assert secret not in str(caught.value)
        assert secret not in repr(caught.value)


def test_secrets_do_not_show_in_the_traceback_of_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO4J_PASSWORD", PASSWORD)
    with pytest.raises(SettingsError) as caught:
        load()
    shown = "".join(traceback.format_exception(caught.value))
    assert "MINIMAX_API_KEY is not set" in shown
    assert PASSWORD not in shown


def test_the_env_file_is_read() -> None:
    Path(".env").write_text(
        f"# a comment\nMINIMAX_API_KEY={KEY}\nSERVER_PORT=9001\nGRAPH_MAPPING__CALLS=INVOKES\n"
        "SOMEBODY_ELSES=value\n"
    )
    settings = load()
    assert settings.minimax_api_key.get_secret_value() == KEY
    assert settings.server_port == 9001
    assert settings.graph_mapping.calls == "INVOKES"


def test_the_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("MINIMAX_API_KEY=from-the-file\nSERVER_PORT=9001\n")
    monkeypatch.setenv("MINIMAX_API_KEY", KEY)
    assert load().minimax_api_key.get_secret_value() == KEY
    assert load().server_port == 9001


@pytest.mark.usefixtures("key")
def test_settings_are_frozen() -> None:
    settings = load()
    with pytest.raises(ValidationError, match="frozen"):
        settings.server_port = 1
    with pytest.raises(ValidationError, match="frozen"):
        settings.graph_mapping.service = "Other"


def named_in_the_example() -> dict[str, str]:
    found = re.findall(r"^(?:# )?([A-Z0-9_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
    names = [name for name, _ in found]
    assert len(names) == len(set(names))
    return dict(found)


def test_the_example_names_every_setting_and_no_other() -> None:
    mapped = {f"GRAPH_MAPPING__{name.upper()}" for name in GraphMapping.model_fields}
    fields = {name.upper() for name in Settings.model_fields} - {"GRAPH_MAPPING"}
    assert named_in_the_example().keys() == fields | mapped


def test_the_example_shows_the_defaults() -> None:
    shown = {**named_in_the_example(), "MINIMAX_API_KEY": KEY}
    for without_a_default in ("NEO4J_URI", "DATABASE_URL", "EXECUTOR_ID"):
        del shown[without_a_default]
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in shown.items()))
    from_example = load()
    Path(".env").write_text(f"MINIMAX_API_KEY={KEY}\n")
    assert from_example == load()


def test_the_example_as_it_is_lacks_the_key_alone() -> None:
    Path(".env").write_text(EXAMPLE.read_text())
    assert complaint().startswith("MINIMAX_API_KEY is not set")
    assert ";" not in complaint()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NEO4J_URI", "http://user:hunter2@host"),
        ("NEO4J_URI", "bolt://user:hunter2@host:7687"),
        ("MINIMAX_API_BASE", "https://user:hunter2@host/v1"),
        ("MINIMAX_API_BASE", "https://user:hunter2@host/anthropic"),
    ],
)
def test_an_address_with_a_password_is_refused_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("MINIMAX_API_KEY", "a-key")
    monkeypatch.setenv(name, value)
    text = complaint()
    assert text.startswith(f"{name}: ")
    assert "hunter2" not in text


def test_white_space_round_a_key_is_not_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIMAX_API_KEY", " a-key\n")
    assert load().minimax_api_key.get_secret_value() == "a-key"


@pytest.mark.parametrize("value", ["a\nkey", "a key", "schlüssel"])
def test_a_key_that_fits_no_header_is_refused_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("MINIMAX_API_KEY", value)
    assert complaint().startswith("MINIMAX_API_KEY: it holds a character that no key has")
    assert value not in complaint()


@pytest.mark.parametrize(
    ("name", "value"),
    [("NEO4J_URI", "bolt"), ("MINIMAX_API_BASE", "https://"), ("MINIMAX_API_KEY", "   ")],
)
def test_half_an_address_or_a_blank_key_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("MINIMAX_API_KEY", "a-key")
    monkeypatch.setenv(name, value)
    assert complaint().startswith(f"{name}: ")


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ("DD_API_KEY", "DD_APP_KEY"),
        ("DD_APP_KEY", "DD_API_KEY"),
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
    ],
)
def test_half_a_pair_of_credentials_is_refused_by_the_name_of_the_other(
    monkeypatch: pytest.MonkeyPatch, there: str, missing: str
) -> None:
    monkeypatch.setenv(there, "s3cret-value")
    assert complaint() == f"{missing} is not set, but {there} is: set both, or none"


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("value", ["datadoghq.de", "https://api.datadoghq.com"])
def test_an_unknown_datadog_site_is_refused_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("DD_SITE", value)
    assert complaint().startswith("DD_SITE: ")
    assert "'datadoghq.eu'" in complaint()


@pytest.mark.usefixtures("key")
def test_a_database_needs_a_name_for_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hidden@db.example/netforge")
    with pytest.raises(
        SettingsError, match=r"^EXECUTOR_ID is not set, but DATABASE_URL is"
    ) as told:
        load()
    assert "hidden" not in str(told.value)
    monkeypatch.setenv("EXECUTOR_ID", "netforge-0")
    assert load().executor_id == "netforge-0"


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    "address",
    ["mysql://user:hidden@h/d", "postgresql://user:hidden@h", "postgresql:///d", "hidden"],
)
def test_an_address_of_no_database_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", address)
    monkeypatch.setenv("EXECUTOR_ID", "one")
    with pytest.raises(SettingsError, match=r"^DATABASE_URL: it ") as told:
        load()
    assert "hidden" not in str(told.value)
