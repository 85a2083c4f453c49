"""Who may send through SNS: every way to pass for it is refused, and nothing is submitted."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.server.webhooks.conftest import Recorded
from tests.server.webhooks.sender import CERTIFICATE, CONFIRM, HOST, TOPIC, Sender, alarm
from tests.server.webhooks.sender import certificate as certificate_of

CERTIFICATE_PATH = CERTIFICATE.removeprefix(HOST)
ELSEWHERE = "arn:aws:sns:eu-central-1:999999999999:alarms"


async def sent(client: httpx.AsyncClient, message: dict[str, Any]) -> httpx.Response:
    """As SNS sends it."""
    headers = {"Content-Type": "text/plain; charset=UTF-8"}
    return await client.post("/webhooks/sns", content=json.dumps(message), headers=headers)


def refused(answer: httpx.Response, status: int, words: str, recorded: Recorded) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert words in problem["detail"]
    assert recorded.submitted == []


async def test_a_signed_alarm_is_submitted(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded
) -> None:
    answer = await sent(client, sender.signed())
    [asked] = recorded.submitted
    assert answer.status_code == 202
    assert answer.json() == {
        "run_id": asked.run_id,
        "thread_id": asked.thread_id,
        "run": f"/v1/runs/{asked.run_id}",
        "duplicate": False,
    }
    assert (asked.origin, asked.queue) == ("webhook", True)
    assert sender.asked == [CERTIFICATE_PATH]


async def test_a_certificate_is_fetched_once(client: httpx.AsyncClient, sender: Sender) -> None:
    answers = await asyncio.gather(*(sent(client, sender.signed()) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [202] * 5
    assert (await sent(client, sender.signed())).status_code == 202
    assert sender.asked == [CERTIFICATE_PATH]


async def test_eight_certificates_are_kept_and_no_more(
    client: httpx.AsyncClient, sender: Sender
) -> None:
    addresses = [f"{HOST}/number-{number}.pem" for number in range(9)]
    for address in [*addresses, addresses[-8], addresses[0]]:
        assert (await sent(client, sender.signed(SigningCertURL=address))).status_code == 202
    assert len(sender.asked) == 10
    assert sender.asked[-1] == "/number-0.pem"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Message", json.dumps(alarm(AlarmName="another"))),
        ("MessageId", "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf325"),
        ("Subject", "ALARM: another"),
        ("Timestamp", datetime.now(UTC).isoformat()),
        ("Type", "UnsubscribeConfirmation"),
        ("Subject", None),
    ],
    # One of the values is the time, and every worker has to collect the same names.
    ids=("Message", "MessageId", "Subject", "Timestamp", "Type", "no Subject"),
)
async def test_a_signed_field_that_was_changed_is_noticed(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded, field: str, value: str | None
) -> None:
    message = {**sender.signed(), field: value}
    refused(await sent(client, message), 403, "does not fit the message", recorded)


@pytest.mark.parametrize("chosen", [{"webhook_sns_topics": f"{TOPIC},{ELSEWHERE}"}])
async def test_a_message_of_one_topic_does_not_pass_for_one_of_another(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded
) -> None:
    message = {**sender.signed(), "TopicArn": ELSEWHERE}
    refused(await sent(client, message), 403, "does not fit the message", recorded)


@pytest.mark.parametrize("field", ["SubscribeURL", "Token", "Message"])
async def test_a_changed_field_of_a_subscription_is_noticed(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded, field: str
) -> None:
    message = {**sender.subscription(), field: "x"}
    refused(await sent(client, message), 403, "does not fit the message", recorded)
    assert sender.asked == [CERTIFICATE_PATH]


async def test_one_signed_value_does_not_pass_for_two(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded
) -> None:
    message = sender.signed()
    joined = f"{message['MessageId']}\nSubject\n{message.pop('Subject')}"
    refused(await sent(client, {**message, "MessageId": joined}), 400, "MessageId", recorded)


async def test_another_key_signs_in_vain(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded
) -> None:
    sender.key = rsa.generate_private_key(65537, 2048)
    refused(await sent(client, sender.signed()), 403, "does not fit the message", recorded)


@pytest.mark.parametrize("signature", ["", "bm90IGEgc2lnbmF0dXJl", "not base64", "é"])
async def test_what_is_no_signature_is_refused(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded, signature: str
) -> None:
    message = {**sender.signed(), "Signature": signature}
    refused(await sent(client, message), 403, "signature", recorded)


@pytest.mark.parametrize("version", ["1", "3", ""])
async def test_a_signature_of_another_version_is_refused_with_the_remedy(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded, version: str
) -> None:
    answer = await sent(client, sender.signed(SignatureVersion=version))
    refused(answer, 403, "set the attribute SignatureVersion of the topic to 2", recorded)
    assert sender.asked == []


async def test_a_topic_that_is_not_allowed_makes_us_fetch_nothing(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded
) -> None:
    for message in (sender.signed(TopicArn=ELSEWHERE), sender.subscription(TopicArn=ELSEWHERE)):
        refused(await sent(client, message), 403, "not in WEBHOOK_SNS_TOPICS", recorded)
    assert sender.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "http://sns.eu-central-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com.cn/a.pem",
        "https://sns.eu-central-1.amazonaws.com.evil.example/a.pem",
        "https://sns.eu-central-1.amazonaws.com@evil.example/a.pem",
        "https://evil.example/sns.eu-central-1.amazonaws.com/a.pem",
        "https://sns.s3.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com:8443/a.pem",
        "https://user@sns.eu-central-1.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com\\@evil.example/a.pem",
        "https://sns.eu-central-1.amazonaws.com/a.pem?x=.pem",
        "https://sns.eu-central-1.amazonaws.com/a.pem#.pem",
        "https://sns.eu-central-1.amazonaws.com/../a.pem",
        "https://sns.eu-central-1.amazonaws.com/a.txt",
        "HTTPS://SNS.EU-CENTRAL-1.AMAZONAWS.COM/a.pem",
        "https://169.254.169.254/a.pem",
        "file:///etc/a.pem",
        "/a.pem",
        "",
    ],
)
async def test_a_certificate_from_another_host_is_not_fetched(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded, address: str
) -> None:
    message = sender.signed(SigningCertURL=address)
    refused(await sent(client, message), 403, "SigningCertURL is not", recorded)
    assert sender.asked == []


NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"begin": NOW - 2 * DAY, "end": NOW - DAY}, "not valid now"),
        ({"begin": NOW + DAY, "end": NOW + 2 * DAY}, "not valid now"),
        ({"names": ("evil.example",)}, "not one of SNS"),
        ({"names": ("evil.example", "sns.eu-west-1.amazonaws.com")}, "not one of SNS"),
        ({"names": ("evil.example",), "alternative": False}, "not one of SNS"),
        ({"authority": True}, "no RSA key of 2048 bits"),
    ],
    ids=["expired", "not begun", "another name", "another region", "by subject", "authority"],
)
async def test_a_certificate_that_sns_does_not_sign_with_is_refused(
    client: httpx.AsyncClient,
    sender: Sender,
    recorded: Recorded,
    changed: dict[str, Any],
    words: str,
) -> None:
    chosen = {"names": ("sns.amazonaws.com",), **changed}
    sender.served = certificate_of(sender.key, **chosen)
    refused(await sent(client, sender.signed()), 403, words, recorded)


async def test_a_short_key_is_refused(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded
) -> None:
    sender.key = rsa.generate_private_key(65537, 1024)
    sender.served = certificate_of(sender.key, ("sns.amazonaws.com",))
    refused(await sent(client, sender.signed()), 403, "no RSA key of 2048 bits", recorded)


async def test_a_key_of_another_kind_is_refused(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded
) -> None:
    other: Any = ec.generate_private_key(ec.SECP256R1())
    sender.served = certificate_of(other, ("sns.amazonaws.com",))
    refused(await sent(client, sender.signed()), 403, "no RSA key of 2048 bits", recorded)


@pytest.mark.parametrize(
    "name",
    [
        "sns.amazonaws.com",
        "sns.eu-central-1.amazonaws.com",
        "sns-signing.eu-central-1.amazonaws.com",
    ],
)
@pytest.mark.parametrize("alternative", [True, False])
async def test_the_names_that_sns_signs_under_are_taken(
    client: httpx.AsyncClient, sender: Sender, name: str, alternative: bool
) -> None:
    sender.served = certificate_of(sender.key, (name,), alternative=alternative)
    assert (await sent(client, sender.signed())).status_code == 202


CHINA = "arn:aws-cn:sns:cn-north-1:123456789012:alarms"
GOVERNMENT = "arn:aws-us-gov:sns:us-gov-east-1:123456789012:alarms"


@pytest.mark.parametrize("chosen", [{"webhook_sns_topics": f"{CHINA},{GOVERNMENT}"}])
@pytest.mark.parametrize(
    ("topic", "host", "name"),
    [
        (CHINA, "sns.cn-north-1.amazonaws.com.cn", "sns-cn-north-1.amazonaws.com.cn"),
        (GOVERNMENT, "sns.us-gov-east-1.amazonaws.com", "sns-us-gov-west-1.amazonaws.com"),
    ],
)
async def test_the_other_partitions_have_hosts_and_names_of_their_own(
    client: httpx.AsyncClient, sender: Sender, topic: str, host: str, name: str
) -> None:
    sender.served = certificate_of(sender.key, (name,))
    message = sender.signed(TopicArn=topic, SigningCertURL=f"https://{host}/a.pem")
    assert (await sent(client, message)).status_code == 202
    assert sender.hosts == [host]
    sender.served = certificate_of(sender.key, ("sns.amazonaws.com",))
    message = sender.signed(TopicArn=topic, SigningCertURL=f"https://{host}/b.pem")
    assert (await sent(client, message)).status_code == 403


async def test_a_certificate_that_expires_while_it_is_kept_is_refused_then(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await sent(client, sender.signed())).status_code == 202

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Later":
            return super().now(tz) + timedelta(days=3)

    monkeypatch.setattr("server.webhooks.signature.datetime", Later)
    message = sender.signed(Timestamp=Later.now(UTC).isoformat())
    recorded.submitted.clear()
    refused(await sent(client, message), 403, "not valid now", recorded)


@pytest.mark.parametrize("served", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
async def test_what_is_no_certificate_may_be_sent_again(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded, served: bytes
) -> None:
    right, sender.served = sender.served, served
    refused(await sent(client, sender.signed()), 502, "is no certificate", recorded)
    sender.served = right
    assert (await sent(client, sender.signed())).status_code == 202


async def test_a_host_that_fails_may_be_asked_again(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded
) -> None:
    sender.status = 500
    refused(await sent(client, sender.signed()), 502, "it answered 500", recorded)
    sender.status = 200
    assert (await sent(client, sender.signed())).status_code == 202


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(minutes=61), "older than an hour"),
        (timedelta(days=400), "older than an hour"),
        (-timedelta(minutes=6), "from the future"),
    ],
)
async def test_a_message_of_another_time_is_refused(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded, age: timedelta, words: str
) -> None:
    message = sender.signed(Timestamp=(datetime.now(UTC) - age).isoformat())
    refused(await sent(client, message), 403, words, recorded)
    assert sender.asked == []


@pytest.mark.parametrize("minutes", [59, -4])
async def test_the_last_attempt_of_sns_and_a_clock_that_is_a_little_off_are_taken(
    client: httpx.AsyncClient, sender: Sender, minutes: int
) -> None:
    time = datetime.now(UTC) - timedelta(minutes=minutes)
    assert (await sent(client, sender.signed(Timestamp=time.isoformat()))).status_code == 202


@pytest.mark.parametrize("time", ["", "yesterday", "2026-11-26T14:03:27", "9" * 5000])
async def test_a_time_that_is_none_is_refused(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded, time: str
) -> None:
    refused(await sent(client, sender.signed(Timestamp=time)), 400, "Timestamp", recorded)


async def test_a_subscription_to_an_allowed_topic_is_confirmed(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded
) -> None:
    answer = await sent(client, sender.subscription())
    assert (answer.status_code, answer.json()) == (200, {"confirmed": TOPIC})
    assert sender.asked == [CERTIFICATE_PATH, CONFIRM.removeprefix(HOST)]
    assert recorded.submitted == []


@pytest.mark.parametrize(
    "address",
    [
        CONFIRM.replace("https", "http"),
        CONFIRM.replace("eu-central-1.amazonaws.com", "evil.example", 1),
        CONFIRM.replace("ConfirmSubscription", "DeleteTopic"),
        CONFIRM.replace(TOPIC, ELSEWHERE),
        CONFIRM.replace("2336412f37", "0"),
        CONFIRM.replace("/?", "/elsewhere?"),
        f"{CONFIRM}&Action=DeleteTopic",
        "",
    ],
)
async def test_a_signed_address_that_does_not_confirm_that_topic_is_not_fetched(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded, address: str
) -> None:
    message = sender.subscription(SubscribeURL=address)
    refused(await sent(client, message), 403, "SubscribeURL does not confirm", recorded)
    assert sender.asked == [CERTIFICATE_PATH]


async def test_a_subscription_that_cannot_be_confirmed_may_be_sent_again(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded
) -> None:
    assert (await sent(client, sender.signed())).status_code == 202
    recorded.submitted.clear()
    sender.status = 302
    answer = await sent(client, sender.subscription())
    refused(answer, 502, "could not be confirmed: it answered 302", recorded)


async def test_the_end_of_a_subscription_is_not_undone(
    client: httpx.AsyncClient, sender: Sender, recorded: Recorded
) -> None:
    answer = await sent(client, sender.subscription("Unsubscribe"))
    assert answer.status_code == 200
    assert "the topic no longer sends here" in answer.json()["ignored"]
    assert sender.asked == [CERTIFICATE_PATH]
    assert recorded.submitted == []
