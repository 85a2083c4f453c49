"""Each way in which the models fail fails their lines alone, with what mends it."""

import pytest

from lab.estate import KEY
from lab.faults import Status
from lab.minimax import ErrorIn200, MiniMaxDouble
from tests.conftest import MakeSettings
from tests.server.conftest import free_port
from tests.server.doctor.conftest import checked, only_failure

BOTH = ("orchestrator", "analyst")


@pytest.mark.parametrize(
    "fault",
    [Status(401, f"invalid key {KEY}"), ErrorIn200(2049, f"invalid key {KEY}")],
    ids=["401", "200 with an error"],
)
async def test_a_wrong_key_fails_both_models_and_is_not_repeated(
    estate_settings: MakeSettings, provider: MiniMaxDouble, fault: Status | ErrorIn200
) -> None:
    for model in ("MiniMax-M3", "MiniMax-M2.5"):
        provider.always(model, fault)
    failure = await only_failure(estate_settings(), *BOTH)
    assert "minimax/MiniMax-M3: authentication:" in failure.detail
    assert failure.remedy == "set MINIMAX_API_KEY to a key of the provider at MINIMAX_API_BASE"


@pytest.mark.parametrize(
    ("model", "line"), [("MiniMax-M3", "orchestrator"), ("MiniMax-M2.5", "analyst")]
)
async def test_a_model_that_the_provider_does_not_know_fails_its_own_line(
    estate_settings: MakeSettings, provider: MiniMaxDouble, model: str, line: str
) -> None:
    provider.always(model, Status(400, f"invalid params, unknown model '{model}' (2013)"))
    failure = await only_failure(estate_settings(), line)
    assert f"unknown model '{model}'" in failure.detail
    assert failure.remedy.startswith(f"set {line.upper()}_MODEL to a model that the account has")


async def test_a_provider_that_is_down_fails_both_models(estate_settings: MakeSettings) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/v1"
    failure = await only_failure(estate_settings(minimax_api_base=nobody), *BOTH)
    assert failure.remedy == "check MINIMAX_API_BASE and the network"


async def test_an_account_without_money_is_told(
    estate_settings: MakeSettings, provider: MiniMaxDouble
) -> None:
    provider.always("MiniMax-M2.5", ErrorIn200(1008, "insufficient balance"))
    failure = await only_failure(estate_settings(), "analyst")
    assert failure.remedy == "top up the MiniMax account"


async def test_a_model_that_is_too_slow_is_told(
    estate_settings: MakeSettings, provider: MiniMaxDouble
) -> None:
    provider.always("MiniMax-M3", ErrorIn200(1001, "timeout"))
    failure = await only_failure(estate_settings(), "orchestrator")
    assert failure.detail.startswith("minimax/MiniMax-M3: timeout: ")
    assert len(provider.of("MiniMax-M3")) == 2
    assert failure.remedy.startswith("the provider is slow or stuck")


async def test_a_fault_that_passes_is_no_failure(
    estate_settings: MakeSettings, provider: MiniMaxDouble
) -> None:
    provider.queue("MiniMax-M3", Status(529, "overloaded"))
    assert (await checked(estate_settings()))["orchestrator"].status == "ok"
