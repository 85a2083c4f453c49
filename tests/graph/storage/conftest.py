"""Settings that reach a storage, without the rest of the lab."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.estate import KEY, LabSettings

MakeStorage = Callable[..., LabSettings]


@pytest.fixture
def storage_settings(database: dict[str, Any], tmp_path: Path) -> MakeStorage:
    """Settings of this test's storage; keyword arguments override them."""

    def make(**overrides: Any) -> LabSettings:
        chosen = {"minimax_api_key": KEY, "state_dir": tmp_path / "state"}
        return LabSettings(**{**chosen, **database, **overrides})

    return make
