"""API_TOKENS and FORK_CALLERS: what is refused, in which words, and what they allow."""

from pathlib import Path

import pytest

from graph.errors import SettingsError
from graph.settings import load

TOKEN = "ann-do-not-show-me-1337"


@pytest.fixture(autouse=True)
def _the_key_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MINIMAX_API_KEY", "a-key")
    for name in ("API_TOKENS", "FORK_CALLERS", "SERVER_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def complaint() -> str:
    with pytest.raises(SettingsError) as caught:
        load()
    return str(caught.value)


@pytest.mark.parametrize("value", ["0.0.0.0", "::", "10.0.0.5"])
def test_with_tokens_the_server_may_listen_beyond_loopback(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SERVER_HOST", value)
    assert "API_TOKENS" in complaint()
    monkeypatch.setenv("API_TOKENS", f"ann:{TOKEN}, ben.2:sixteen-letters+")
    settings = load()
    assert settings.server_host == value
    held = {name: token.get_secret_value() for name, token in settings.api_tokens.items()}
    assert held == {"ann": TOKEN, "ben.2": "sixteen-letters+"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (TOKEN, "entry 1 is not of the form name:token"),
        (f"ann:{TOKEN},", "entry 2 is not of the form name:token"),
        (f"Ann Lee:{TOKEN}", "entry 1 is not of the form name:token"),
        ("ann:", "the token of ann needs at least 16 characters"),
        ("ann:fifteen-letters", "the token of ann needs at least 16 characters"),
        ("ann:fifteen letters and more", "the token of ann needs at least 16 characters"),
        (f"ann:{TOKEN},ann:{TOKEN}x", "the name or the token of ann is there twice"),
        (f"ann:{TOKEN},ben:{TOKEN}", "the name or the token of ben is there twice"),
    ],
)
def test_tokens_that_would_not_do_are_refused_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch, value: str, said: str
) -> None:
    monkeypatch.setenv("API_TOKENS", value)
    assert complaint().startswith(f"API_TOKENS: {said}")
    assert TOKEN not in complaint()
    assert "fifteen" not in complaint()


def test_nobody_may_fork_who_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().fork_callers == ()
    monkeypatch.setenv("FORK_CALLERS", "local")
    assert load().fork_callers == ("local",)
    monkeypatch.setenv("API_TOKENS", f"ann:{TOKEN}, ben.2:sixteen-letters+")
    monkeypatch.setenv("FORK_CALLERS", "ben.2, ann,")
    assert load().fork_callers == ("ben.2", "ann")


@pytest.mark.parametrize(
    ("tokens", "value", "said"),
    [
        (
            "",
            "ann",
            "entry 1 is no caller, there is local: give names of API_TOKENS, or",
        ),
        (f"ann:{TOKEN}", "local", "entry 1 is no caller, there is ann: give names of API_TOKENS"),
        (f"ann:{TOKEN}", "ann,Ann", "entry 2 is no caller, there is ann: give names of API_TOKENS"),
        ("", "ann lee", "entry 1 is no name; give names alone, with commas"),
    ],
)
def test_a_caller_that_there_is_not_is_not_permitted_to_fork(
    monkeypatch: pytest.MonkeyPatch, tokens: str, value: str, said: str
) -> None:
    monkeypatch.setenv("API_TOKENS", tokens)
    monkeypatch.setenv("FORK_CALLERS", value)
    assert complaint().startswith(f"FORK_CALLERS: {said}")


def test_a_token_where_a_name_belongs_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKENS", f"ann:{TOKEN}")
    for value in (f"ann:{TOKEN}", TOKEN):
        monkeypatch.setenv("FORK_CALLERS", value)
        assert complaint().startswith("FORK_CALLERS: ")
        assert TOKEN not in complaint()
