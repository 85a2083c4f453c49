"""Secrets of the estate are shown to nobody and kept nowhere."""

import json
import logging
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graph.redaction import LINE_LIMIT, Redactor
from graph.tools.window import iso
from lab.bolt import BoltServer
from lab.minimax import MiniMaxDouble, Reply, calling
from tests.conftest import SCRATCH, OpenRuntime

PLANTED = {
    "an AWS access key": ("used AKIAQYLPMN5HHHFPZAM2 today", "AKIAQYLPMN5HHHFPZAM2"),
    "an AWS secret key": (
        "aws_secret_access_key = 'uX4kq8sW0v/abcdEFGHijkl1234567890MNOPqrs'",
        "uX4kq8sW0v/abcdEFGHijkl1234567890MNOPqrs",
    ),
    "a GitHub token": ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "ghp_0123456789"),
    "a GitLab token": ("glpat-0123456789abcdefghij", "glpat-0123456789"),
    "a Slack webhook": ("https://hooks.slack.com/services/T0AAA/B0BBB/c3c3c3", "T0AAA/B0BBB"),
    "a Stripe key": ("sk_" + "live_0123456789abcdefghijABCD", "0123456789abcdefghijABCD"),
    "a JSON Web Token": (
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcHMifQ.c2lnbmF0dXJlLWJ5dGVz",
        "c2lnbmF0dXJlLWJ5dGVz",
    ),
    "a private key": (
        "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIPlanted\n-----END EC PRIVATE KEY-----",
        "MHcCAQEEIPlanted",
    ),
    "a connection string": ("postgres://shop:pl4nted-pw@db:5432/orders", "pl4nted-pw"),
    "a password in an address": ("GET https://ops:pl4nted2@internal/x", "pl4nted2"),
    "a named password": ('DB_PASSWORD="correct horse battery"', "correct horse"),
    "a bearer header": ("Authorization: Bearer pl4ntedBearer0001", "pl4ntedBearer0001"),
    "a key in JSON": ('{"apiKey": "pl4nted-api-key"}', "pl4nted-api-key"),
    "an Azure key": ("AccountKey=" + "q" * 86 + "==", "q" * 40),
    "a SendGrid key": ("SG." + "s" * 22 + "." + "g" * 43, "g" * 43),
    "a card number": ("paid with 4111 1111 1111 1111", "4111 1111 1111 1111"),
}


@pytest.mark.parametrize(("text", "secret"), PLANTED.values(), ids=PLANTED)
def test_a_secret_is_taken_out_of_a_text_and_said_to_be(text: str, secret: str) -> None:
    redacted = Redactor().text(f"before {text} after")
    assert secret not in redacted
    assert "[redacted: " in redacted
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")
    assert Redactor().text(redacted) == redacted


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("//registry.npmjs.org/:_authToken=npm_0123456789abcdef", "npm_0123456789"),
        ("//npm.shop:8080/:_authToken=743b294a-cd03-11ec-9d64-0242ac120002", "743b294a"),
        ("sk-proj-" + "a" * 20 + "T3BlbkFJ" + "b" * 20, "T3BlbkFJ"),
    ],
    ids=["of npm", "of an npm registry", "of OpenAI"],
)
def test_a_token_is_found_by_a_format_of_ours_that_is_quicker(text: str, secret: str) -> None:
    assert secret not in Redactor().text(f"key {text} end")
    assert Redactor().text(f"key {text} end").endswith(" end")


@pytest.mark.parametrize(
    "part",
    [*("/", "//x", " sk-", "-sk-a", "=", "a.", "eyJ", "password=", "4111 ", "a@", "://a:"), *"{é"],
)
def test_a_long_line_takes_time_with_its_length_and_no_more(part: str) -> None:
    redactor = Redactor(line_limit=10**9)
    redactor.text("Load the formats first.")
    begun_s = time.process_time()
    redactor.text(part * (200_000 // len(part)))
    assert time.process_time() - begun_s < 5


@pytest.mark.parametrize(
    "text",
    [
        "p99 2340.5 ms at 2026-11-24T10:23:47Z, id dep-9104",
        "max_tokens: 250000, input_tokens=4648",
        "passport=1234567 compass=north-east secretary=annabel",
        "sent at 1763978400000123, order 4111111111111112",
        "digests 83e6134b2239234043628522 and 2239234043628522abcdef01, no card numbers",
        "run 40615998-2596-466c-880c-008463de5bea, whose digits pass for a card",
        "request_id=6f1c3a path=/checkout user=17",
        "mail from jo.doe@example.org",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor().text(text) == text


def test_email_addresses_go_where_that_is_set() -> None:
    assert Redactor(emails=True).text("from jo.doe@example.org, now") == (
        "from [redacted: e-mail address], now"
    )


@pytest.mark.parametrize(
    "name", ["password", "db_password", "dbPassword", "API_KEY", "x-api-key", "auth.token", "pwd"]
)
def test_a_value_goes_whole_when_its_name_says_that_it_is_secret(name: str) -> None:
    assert Redactor().value({"of": {name: "abc"}}) == {"of": {name: "[redacted: by its name]"}}


def test_values_of_other_names_and_kinds_stay() -> None:
    value = {"passengers": "many", "token_count": 17, "list": ["a", 1, None, True, 2.5]}
    assert Redactor().value(value) == value


@pytest.mark.timeout(5)
@pytest.mark.parametrize("piece", ["a-", "a.b-c_", "passpass.-_", "eyJ-", "//", "a@", "://a:", "4"])
def test_a_hostile_line_is_cut_and_takes_no_time(piece: str) -> None:
    redacted = Redactor(emails=True).text(piece * 500_000)
    assert len(redacted) < LINE_LIMIT + 100
    assert redacted.endswith("more characters cut]")


def bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_no_secret_of_the_estate_is_shown_sent_kept_or_logged(
    server: BoltServer,
    open_lab: OpenRuntime,
    provider: MiniMaxDouble,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    texts = [text for text, _ in PLANTED.values()]
    await server.admin.execute_query("MATCH (n) DETACH DELETE n", database_=SCRATCH)
    await server.admin.execute_query(
        "CREATE (s:Service {name: 'a', notes: $texts, env_api_key: 'pl4nted-by-name'}) "
        "WITH s UNWIND $texts AS text CREATE (s)-[:HAD_DEPLOYMENT]->"
        "(:Deployment {id: 'd', deployed_at: $now, change: text})",
        {"texts": texts, "now": iso(datetime.now(UTC))},
        database_=SCRATCH,
    )
    provider.queue(
        "MiniMax-M3",
        calling(("get_component", {"name": "a"}), ("list_changes", {})),
        Reply({"content": "Seen [E1] [E2]."}),
    )
    async with open_lab(neo4j_database=SCRATCH) as runtime:
        state = await runtime.investigate("How is a?")
        await runtime.enrichment(state["turn"]["id"])
        folder: Path = runtime.settings.state_dir
    assert [entry["status"] for entry in state["evidence"]] == ["ok", "ok"]
    seen = json.dumps([request.body for request in provider.requests], ensure_ascii=False)
    seen += repr(state) + caplog.text
    kept = bytes_in(folder)
    for secret in [*(secret for _, secret in PLANTED.values()), "pl4nted-by-name"]:
        assert secret not in seen
        assert secret.encode() not in kept
    assert "[redacted: " in seen
