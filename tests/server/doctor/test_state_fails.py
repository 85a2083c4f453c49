"""A database that cannot be used fails its own line alone, with what mends it."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import MakeSettings
from tests.server.conftest import free_port
from tests.server.doctor.conftest import only_failure

on_postgres = pytest.mark.parametrize("database", ["postgres"], indirect=True)


async def test_a_file_in_place_of_the_folder(estate_settings: MakeSettings, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("not a folder")
    failure = await only_failure(estate_settings(), "database")
    assert failure.detail.startswith(f"STATE_DIR={tmp_path / 'state'}: ")
    assert failure.remedy == "move it away, or give a folder that can be written"


async def test_a_broken_queue(estate_settings: MakeSettings, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "queue.sqlite").write_bytes(b"this is no database" * 1000)
    failure = await only_failure(estate_settings(), "database")
    assert "queue.sqlite cannot be used: file is not a database" in failure.detail


@on_postgres
async def test_postgresql_that_is_down(estate_settings: MakeSettings) -> None:
    url = f"postgresql://netforge:secret-password@127.0.0.1:{free_port()}/netforge"
    failure = await only_failure(estate_settings(database_url=url), "database")
    assert "/netforge cannot be used: " in failure.detail
    assert "secret-password" not in failure.detail
    assert failure.remedy == (
        "check that it runs, and that the database exists and belongs to this user"
    )


@on_postgres
async def test_a_wrong_password_of_postgresql(
    estate_settings: MakeSettings, postgres_database: str
) -> None:
    password = str(urlsplit(postgres_database).password)
    url = postgres_database.replace(password, "wrong-password")
    failure = await only_failure(estate_settings(database_url=url), "database")
    assert 'authentication failed for user "netforge"' in failure.detail
    assert "wrong-password" not in failure.detail
