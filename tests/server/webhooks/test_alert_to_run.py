"""An alert on the real runtime: one run, whatever is delivered twice, and one thread."""

import asyncio
import json
from typing import Any

import httpx

from graph.runtime import Runtime
from tests.conftest import OpenRuntime
from tests.server.webhooks.conftest import TOKEN, application, client_of
from tests.server.webhooks.sender import TOPIC, Sender, alarm
from tests.server.webhooks.test_datadog import payload, posted
from tests.server.webhooks.test_sns_messages import sent

CHOSEN = {"webhook_datadog_token": TOKEN, "webhook_sns_topics": TOPIC}


def client_on(runtime: Runtime, sender: Sender) -> httpx.AsyncClient:
    return client_of(application(runtime, runtime.settings, sender.fetch))


async def ended(runtime: Runtime, run_id: str) -> dict[str, Any]:
    async for _ in runtime.turns.follow(run_id):
        pass
    run = await runtime.runs.get(run_id)
    assert run is not None
    return dict(run)


async def test_an_alarm_of_sns_is_investigated_once_however_often_it_is_delivered(
    open_lab: OpenRuntime, sender: Sender
) -> None:
    async with open_lab(**CHOSEN) as runtime, client_on(runtime, sender) as client:
        together = [sent(client, sender.signed()) for _ in range(5)]
        answers = [answer.json() for answer in await asyncio.gather(*together)]
        assert {answer["run_id"] for answer in answers} == {answers[0]["run_id"]}
        assert sorted(answer["duplicate"] for answer in answers) == [False, *[True] * 4]
        run = await ended(runtime, answers[0]["run_id"])
        assert (run["status"], run["origin"]) == ("done", "webhook")
        assert run["alert"]["description"] == alarm()["AlarmDescription"]
        assert (await sent(client, sender.signed())).json() == {**answers[0], "duplicate": True}
        runs, _ = await runtime.runs.page()
        assert [one["run_id"] for one in runs] == [run["run_id"]]


async def test_a_later_alert_goes_on_with_the_conversation_and_waits_its_turn(
    open_lab: OpenRuntime, sender: Sender
) -> None:
    async with open_lab(**CHOSEN) as runtime, client_on(runtime, sender) as client:
        first = (await posted(client, payload())).json()
        later = (await posted(client, payload(alert_cycle_key="2"))).json()
        assert later["duplicate"] is False
        assert later["thread_id"] == first["thread_id"]
        ran = [await ended(runtime, answer["run_id"]) for answer in (first, later)]
        assert [run["status"] for run in ran] == ["done", "done"]
        assert ran[0]["ended_at"] <= ran[1]["ended_at"]
        messages = (await runtime.state(first["thread_id"]))["messages"]
        asked = [message.text for message in messages if message.type == "human"]
        assert asked == [run["question"] for run in ran]


async def test_what_is_refused_leaves_no_run(open_lab: OpenRuntime, sender: Sender) -> None:
    async with open_lab(**CHOSEN) as runtime, client_on(runtime, sender) as client:
        forged = {**sender.signed(), "Message": json.dumps(alarm(AlarmName="forged"))}
        assert (await sent(client, forged)).status_code == 403
        assert (await posted(client, payload(), "Bearer wrong")).status_code == 401
        recovered = payload(alert_transition="Recovered")
        assert (await posted(client, recovered)).status_code == 200
        assert (await runtime.runs.page())[0] == []


async def test_a_secret_in_an_alert_is_not_kept(open_lab: OpenRuntime, sender: Sender) -> None:
    secret = "hunter2-is-not-a-secret"
    async with open_lab(**CHOSEN) as runtime, client_on(runtime, sender) as client:
        answer = await posted(client, payload(text_only_msg=f"login with password={secret}"))
        run = await ended(runtime, answer.json()["run_id"])
        assert run["alert"]["message"].startswith("login with password=[redacted")
        assert secret not in json.dumps(run)
