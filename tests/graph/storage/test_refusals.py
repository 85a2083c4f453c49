"""A storage that cannot be opened: one line that names it and the remedy, and no password."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from graph.errors import StateUnavailable
from graph.storage import open_storage
from lab.estate import LabSettings
from lab.postgres import PostgresServer
from tests.graph.storage.conftest import MakeStorage

ROOT = Path(__file__).parents[3]
on_postgres = pytest.mark.parametrize("database", ["postgres"], indirect=True)


async def refusal(settings: LabSettings, **options: Any) -> str:
    with pytest.raises(StateUnavailable) as caught:
        async with open_storage(settings, **options):
            pass
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    return said


async def test_a_file_in_place_of_the_folder_is_named(
    storage_settings: MakeStorage, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("not a folder")
    said = await refusal(storage_settings())
    assert said.startswith(f"STATE_DIR={tmp_path / 'state'}: {tmp_path / 'state'} cannot be used:")
    assert said.endswith("move it away, or give a folder that can be written")


@pytest.mark.parametrize("name", ["checkpoints", "memory", "queue"])
async def test_a_broken_file_is_named(
    storage_settings: MakeStorage, tmp_path: Path, name: str
) -> None:
    broken = tmp_path / "state" / f"{name}.sqlite"
    broken.parent.mkdir()
    broken.write_bytes(b"this is no database" * 1000)
    assert f"{broken} cannot be used: file is not a database" in await refusal(storage_settings())


async def test_a_second_worker_on_the_files_is_refused_and_a_reader_is_not(
    storage_settings: MakeStorage,
) -> None:
    async with open_storage(storage_settings()):
        said = await refusal(storage_settings())
        async with open_storage(storage_settings(), alone=False):
            pass
    assert "is in use by another process; stop it, or give another folder" in said


OPEN = """
import asyncio
from graph.errors import StateUnavailable
from graph.settings import load
from graph.storage import open_storage

async def main():
    try:
        async with open_storage(load()):
            print("opened")
    except StateUnavailable as error:
        print(error)

asyncio.run(main())
"""


async def said_on(mount: str, folder: Path) -> str:
    """What opening the folder says in a process for which it is a mount with these options."""
    script = 'mkdir "$2" && mount -t tmpfs -o "$1" tmpfs "$2" && exec "$3" -c "$4"'
    process = await asyncio.create_subprocess_exec(
        *("unshare", "-rm", "sh", "-ec", script, "sh", mount, str(folder), sys.executable, OPEN),
        cwd=folder.parent,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "MINIMAX_API_KEY": "lab",
            "STATE_DIR": str(folder),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return said.decode()


async def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    said = await said_on("ro,size=1m", folder)
    assert said.startswith(f"STATE_DIR={folder}: ")
    assert "Read-only file system" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("size_kb", [4, 16, 64, 128])
async def test_a_full_disk_is_named(tmp_path: Path, size_kb: int) -> None:
    folder = tmp_path / "state"
    said = await said_on(f"size={size_kb}k", folder)
    assert said.startswith(f"STATE_DIR={folder}: {folder}/")
    assert said.endswith("move it away, or give a folder that can be written\n")
    assert len(said.splitlines()) == 1


@on_postgres
async def test_a_second_process_of_the_same_name_is_refused_and_a_reader_is_not(
    storage_settings: MakeStorage,
) -> None:
    async with open_storage(storage_settings()):
        said = await refusal(storage_settings())
        async with open_storage(storage_settings(), alone=False):
            pass
    assert said == (
        "EXECUTOR_ID=one is in use by another process on this database; "
        "name each process differently"
    )
    async with open_storage(storage_settings()):
        pass


@on_postgres
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"port": "1"}, "Connection refused"),
        ({"user": "nobody"}, 'authentication failed for user "nobody"'),
        ({"password": "wrong-password"}, 'authentication failed for user "netforge"'),
        ({"name": "missing"}, 'database "missing" does not exist'),
    ],
    ids=["unreachable", "unknown user", "wrong password", "no such database"],
)
async def test_a_database_that_lets_nobody_in_is_named_without_the_password(
    storage_settings: MakeStorage, change: dict[str, str], reason: str
) -> None:
    database_url = storage_settings().database_url
    assert database_url is not None
    parts = urlsplit(database_url.get_secret_value())
    it = {
        "user": str(parts.username),
        "password": str(parts.password),
        "port": str(parts.port),
        "name": parts.path[1:],
        **change,
    }
    url = f"postgresql://{it['user']}:{it['password']}@127.0.0.1:{it['port']}/{it['name']}"
    said = await refusal(storage_settings(database_url=url))
    assert said.startswith(f"DATABASE_URL=127.0.0.1:{it['port']}/{it['name']} cannot be used: ")
    assert reason in said
    assert it["password"] not in said
    assert "check that it runs, and that the database exists" in said


@on_postgres
async def test_a_user_without_rights_is_told_so(
    storage_settings: MakeStorage, postgres_server: PostgresServer
) -> None:
    url = await postgres_server.database("not_ours")
    await postgres_server.give_to_administrator("not_ours")
    said = await refusal(storage_settings(database_url=url))
    assert "permission denied for schema public" in said
    assert "belongs to this user" in said


@pytest.mark.parametrize("password", ["p/secret", "p#secret", "12?secret", "p@secret", "%zzsecret"])
async def test_a_password_that_is_not_encoded_is_not_repeated(
    storage_settings: MakeStorage, password: str
) -> None:
    url = f"postgresql://user:{password}@127.0.0.1:1/name"
    settings = storage_settings(executor_id="one")
    # Past the check of the settings, which refuses most of these already.
    settings = settings.model_copy(update={"database_url": type(settings.minimax_api_key)(url)})
    said = await refusal(settings)
    assert said.startswith("DATABASE_URL is not of the form postgresql://user:password@host")
    assert "secret" not in said
