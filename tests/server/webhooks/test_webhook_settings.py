"""The settings that switch the webhooks on."""

import pytest
from pydantic import ValidationError

from tests.server.webhooks.conftest import settings_with
from tests.server.webhooks.sender import TOPIC


def test_a_short_token_is_refused_without_being_repeated() -> None:
    with pytest.raises(ValidationError, match="at least 16 characters") as told:
        settings_with(webhook_datadog_token="fifteen-letters")
    assert "fifteen-letters" not in str(told.value.errors(include_input=False))
    taken = settings_with(webhook_datadog_token=" sixteen-letters!\n")
    assert taken.webhook_datadog_token is not None
    assert taken.webhook_datadog_token.get_secret_value() == "sixteen-letters!"


def test_topics_are_separated_by_commas() -> None:
    chosen = f" {TOPIC}, arn:aws-cn:sns:cn-north-1:123456789012:a ,"
    settings = settings_with(webhook_sns_topics=chosen)
    assert settings.webhook_sns_topics == (TOPIC, "arn:aws-cn:sns:cn-north-1:123456789012:a")


@pytest.mark.parametrize("topic", ["alarms", "*", f"{TOPIC}.fifo", f"{TOPIC}*", TOPIC[:-7]])
def test_what_is_no_topic_is_refused_with_an_example(topic: str) -> None:
    with pytest.raises(ValidationError, match="is no standard topic; it wants ARNs"):
        settings_with(webhook_sns_topics=topic)
