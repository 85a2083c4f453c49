"""The lab's graph database: ArcadeDB on loopback, spoken to with the real Neo4j driver.

It is not Neo4j: it speaks Bolt and openCypher. It comes as a wheel with its own Java runtime.
The product sees it through an account that may only read, and copies insights through another.
"""

import asyncio
import json
import secrets
import socket
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from signal import SIGTERM
from typing import Any

from neo4j import AsyncDriver, AsyncGraphDatabase
from neo4j.exceptions import DriverError, Neo4jError

from lab.ending import end
from lab.loading import statements
from lab.topology import Topology

START_LIMIT_S = 60
STOP_LIMIT_S = 10
READER, WRITER = "agent", "scribe"


class BoltUnavailable(Exception):
    """The lab's graph database could not be started; the message says why."""


@dataclass(frozen=True)
class BoltServer:
    """A running server: its address, and the accounts that may read and write."""

    uri: str
    reader_password: str
    admin: AsyncDriver
    writer_password: str = ""

    async def load(self, topology: Topology, database: str) -> None:
        """Replace what `database` holds by the estate, with times counted back from now."""
        await self._run("MATCH (n) DETACH DELETE n", database)
        for query, rows in statements(topology, datetime.now(UTC)):
            await self._run(query, database, rows=rows)

    async def _run(self, query: str, database: str, **parameters: Any) -> None:
        await self.admin.execute_query(query, parameters_=parameters, database_=database)


@asynccontextmanager
async def serve(databases: Sequence[str]) -> AsyncIterator[BoltServer]:
    """A server with these empty databases on free loopback ports; stopped at the end.

    Raises BoltUnavailable when the wheel is missing or the server does not come up.
    """
    found = find_spec("arcadedb_embedded")
    if found is None or found.origin is None:
        raise BoltUnavailable("arcadedb-embedded is not installed: use requirements.txt")
    # Removed without a wait in between: a second signal could cut a wait short.
    with tempfile.TemporaryDirectory(prefix="netforge-bolt-", ignore_cleanup_errors=True) as root:
        launch = _Launch(
            package=Path(found.origin).parent,
            root=Path(root),
            databases=databases,
            bolt_port=_free_port(),
            http_port=_free_port(),
        )
        launch.write()
        async with _started(launch) as process:
            uri = f"bolt://127.0.0.1:{launch.bolt_port}"
            async with AsyncGraphDatabase.driver(
                uri,
                auth=("root", launch.admin_password),
                max_transaction_retry_time=0,
                notifications_min_severity="OFF",
                telemetry_disabled=True,
            ) as admin:
                await _until_ready(admin, databases, process, launch.output)
                yield BoltServer(uri, launch.reader_password, admin, launch.writer_password)


@asynccontextmanager
async def _started(launch: "_Launch") -> AsyncIterator[Process]:
    with launch.output.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *launch.command, stdout=log, stderr=log, cwd=launch.root
        )
    try:
        yield process
    finally:
        await end(process, SIGTERM, STOP_LIMIT_S)


@dataclass(frozen=True)
class _Launch:
    """One start of the server: where it lives, what it listens on, who may log in."""

    package: Path
    root: Path
    databases: Sequence[str]
    bolt_port: int
    http_port: int
    admin_password: str = field(default_factory=lambda: secrets.token_hex(16))
    reader_password: str = field(default_factory=lambda: secrets.token_hex(16))
    writer_password: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def output(self) -> Path:
        """Where the server's own words go."""
        return self.root / "server.out"

    @property
    def command(self) -> list[str]:
        """The command line; the options are in a file, which only we can read.

        An argument list would show the passwords to every user of the machine.
        """
        return [str(self.package / "jre" / "bin" / "java"), f"@{self.root / 'java.args'}"]

    def write(self) -> None:
        """Write the groups and the options, which must be there before the first start."""
        everything = ["createRecord", "readRecord", "updateRecord", "deleteRecord"]
        administer = ["updateSecurity", "updateSchema", "updateDatabaseSettings"]
        groups = {
            "admin": _group(administer, everything),
            "reader": _group([], ["readRecord"]),
            "writer": _group(["updateSchema"], everything),
            "*": _group([], []),
        }
        (self.root / "config").mkdir()
        (self.root / "config" / "server-groups.json").write_text(
            json.dumps({"databases": {"*": {"groups": groups}}, "version": 1})
        )
        file = self.root / "java.args"
        file.touch(mode=0o600)
        file.write_text("\n".join(f'"{argument}"' for argument in self._arguments()))

    def _arguments(self) -> list[str]:
        reader = f"{READER}:{self.reader_password}:reader"
        users = f"root,{reader},{WRITER}:{self.writer_password}:writer"
        options = {
            "server.rootPath": self.root,
            "server.databaseDirectory": self.root / "databases",
            "server.rootPassword": self.admin_password,
            "server.defaultDatabases": ";".join(f"{name}[{users}]" for name in self.databases),
            "server.plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
            "bolt.port": self.bolt_port,
            "bolt.host": "127.0.0.1",
            "server.httpIncomingHost": "127.0.0.1",
            "server.httpIncomingPort": self.http_port,
            "opencypher.loadCsv.allowFileUrls": "false",
            "opencypher.loadCsv.allowRemoteUrls": "false",
            "command.timeout": 5000,
        }
        return [
            "-Xmx512m",
            "--add-modules",
            "jdk.incubator.vector",
            "-cp",
            f"{self.package}/jars/*",
            *(f"-Darcadedb.{name}={value}" for name, value in options.items()),
            "com.arcadedb.server.ArcadeDBServer",
        ]


def _group(access: list[str], records: list[str]) -> dict[str, Any]:
    unlimited = {"resultSetLimit": -1, "readTimeout": -1}
    return {"access": access, **unlimited, "types": {"*": {"access": records}}}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _until_ready(
    admin: AsyncDriver, databases: Sequence[str], process: Process, output: Path
) -> None:
    """Wait for an answered query on every database: the port alone comes earlier."""
    try:
        async with asyncio.timeout(START_LIMIT_S):
            for database in databases:
                while not await _answers(admin, database):
                    if process.returncode is not None:
                        raise BoltUnavailable(
                            f"ArcadeDB ended with {process.returncode}: {_tail(output)}"
                        )
                    await asyncio.sleep(0.05)
    except TimeoutError:
        raise BoltUnavailable(f"ArcadeDB not ready in {START_LIMIT_S} s: {_tail(output)}") from None


async def _answers(admin: AsyncDriver, database: str) -> bool:
    try:
        await admin.execute_query("RETURN 1", database_=database)
    except (DriverError, Neo4jError):
        return False
    return True


def _tail(output: Path) -> str:
    return output.read_text(errors="replace")[-2000:]
