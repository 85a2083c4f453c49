"""A real Neo4j Community on loopback for the contract suite, and the right to empty a database.

The jars come from Maven Central, see `deploy/neo4j/pom.xml`, and stay in the user's cache.
"""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from filelock import FileLock
from neo4j import AsyncDriver, AsyncGraphDatabase
from neo4j.exceptions import DriverError, Neo4jError

DATABASE = "neo4j"
"""The one database that a Community server has for users."""
POM = Path(__file__).parents[4] / "deploy" / "neo4j" / "pom.xml"
FETCH_LIMIT_S = 900
START_LIMIT_S = 90
MARK = "netforge_contract_suite"
"""The index that says whose the nodes are; unlike a node it outlives the emptying by a test."""


class Neo4jFailed(Exception):
    """Neo4j could not be fetched or started; the message says why, in the words of what failed."""


class NotOurs(Exception):
    """The database holds nodes that the suite did not make."""


@dataclass(frozen=True)
class Address:
    """Where a server listens, and the account; a server without logins takes any."""

    uri: str
    user: str = "neo4j"
    password: str = ""

    @classmethod
    def parse(cls, uri: str) -> Self:
        """The address with its account, `bolt://user:password@host:port`."""
        parts = urlsplit(uri)
        account, _, host = parts.netloc.rpartition("@")
        user, _, password = account.partition(":")
        bare = parts._replace(netloc=host).geturl()
        return cls(bare, unquote(user) or cls.user, unquote(password))

    def driver(self) -> AsyncDriver:
        """A driver that may write and does not try twice."""
        return AsyncGraphDatabase.driver(
            self.uri,
            auth=(self.user, self.password),
            max_transaction_retry_time=0,
            notifications_min_severity="OFF",
            telemetry_disabled=True,
        )


def missing() -> str | None:
    """What Neo4j needs and this machine does not have; None when nothing is missing."""
    other_way = "or set NEO4J_TEST_URI to an empty Neo4j"
    if _java() is None:
        return f"there is no Java to run Neo4j: install Java 17 or newer, {other_way}"
    if not _folder().exists() and shutil.which("mvn") is None:
        return (
            f"there is no Neo4j in {_folder()} and no Maven (mvn) to fetch it: "
            f"install Maven, {other_way}"
        )
    return None


def _java() -> str | None:
    """The Java that Maven would take."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else None
    return found or shutil.which("java")


def _folder() -> Path:
    """Where the jars are, or will be."""
    version = ElementTree.parse(POM).findtext(".//{*}neo4j.version")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "netforge", f"neo4j-{version}").absolute()


def jars() -> Path:
    """The folder with the jars of Neo4j, fetched by Maven when they are not in the cache.

    Raises Neo4jFailed when something is missing, and when Maven fails.
    """
    if reason := missing():
        raise Neo4jFailed(reason)
    folder = _folder()
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock", timeout=FETCH_LIMIT_S):
        if not folder.exists():
            # The jars get their name when all are there, so an interrupted fetch leaves no half.
            part = Path(f"{folder}.part")
            shutil.rmtree(part, ignore_errors=True)
            _fetch(part)
            part.rename(folder)
    return folder


def _fetch(folder: Path) -> None:
    command = ["mvn", "-q", "-B", "-f", str(POM)]
    command += ["dependency:copy-dependencies", "-DincludeScope=runtime"]
    # A file and not a pipe: nobody waits for the end of a pipe that a grandchild holds.
    with tempfile.TemporaryFile("w+") as said:
        try:
            ended = subprocess.run(
                [*command, f"-DoutputDirectory={folder}"],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=FETCH_LIMIT_S,
                check=False,
            )
            how = f"ended with {ended.returncode}" if ended.returncode else ""
        except subprocess.TimeoutExpired:
            how = f"was not done in {FETCH_LIMIT_S} s"
        said.seek(0)
        words = re.sub(r"\x1b\[[0-9;]*m", "", said.read())[:2000]
    if how:
        raise Neo4jFailed(f"{' '.join(command)} {how}: {words}")


@asynccontextmanager
async def serve(folder: Path) -> AsyncIterator[Address]:
    """A new, empty server with these jars on a free loopback port; killed at the end.

    Raises Neo4jFailed when the server does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="netforge-neo4j-", ignore_cleanup_errors=True) as root:
        address = Address(f"bolt://127.0.0.1:{_free_port()}")
        command = [_java() or "java", *_arguments(folder, Path(root), address)]
        output = Path(root, "server.out")
        with output.open("wb") as log:  # noqa: ASYNC230 (a local file, once)
            process = await asyncio.create_subprocess_exec(
                *command, stdin=DEVNULL, stdout=log, stderr=log
            )
        try:
            await _until_ready(address, process, output)
            yield address
        finally:
            # Stopping in order takes it 5 to 10 s, and nothing that it holds is worth that.
            if process.returncode is None:
                process.kill()
            await process.wait()


def _arguments(folder: Path, root: Path, address: Address) -> list[str]:
    """What Java is started with; writes the configuration that it names."""
    listen = address.uri.removeprefix("bolt://")
    options = {
        "server.default_listen_address": "127.0.0.1",
        "server.bolt.listen_address": listen,
        "server.bolt.advertised_address": listen,
        "server.http.enabled": "false",
        "server.https.enabled": "false",
        "server.memory.pagecache.size": "64m",
        "dbms.security.auth_enabled": "false",
        "dbms.usage_report.enabled": "false",
        "db.transaction.timeout": "30s",
        "db.tx_log.preallocate": "false",
        "db.tx_log.rotation.size": "128k",
    }
    lines = [f"{name}={value}\n" for name, value in options.items()]
    (root / "conf").mkdir()
    (root / "conf" / "neo4j.conf").write_text("".join(lines))
    opened = ["java.nio", "java.io", "sun.nio.ch", "java.util.concurrent"]
    return [
        "-Xmx512m",
        # It lives for half a minute: with these, its start takes half the processor time.
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in opened),
        "-cp",
        f"{folder}/*",
        "org.neo4j.server.CommunityEntryPoint",
        f"--home-dir={root}",
        f"--config-dir={root / 'conf'}",
        "--console-mode",
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _until_ready(address: Address, process: Process, output: Path) -> None:
    """Wait for an answered query: the port alone comes earlier."""
    try:
        async with asyncio.timeout(START_LIMIT_S), address.driver() as driver:
            while not await _answers(driver):
                if process.returncode is not None:
                    raise Neo4jFailed(f"Neo4j ended with {process.returncode}: {_tail(output)}")
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Neo4jFailed(f"Neo4j not ready in {START_LIMIT_S} s: {_tail(output)}") from None


async def _answers(driver: AsyncDriver) -> bool:
    try:
        await driver.execute_query("RETURN 1", database_=DATABASE)
    except (DriverError, Neo4jError):
        return False
    return True


def _tail(output: Path) -> str:
    return output.read_text(errors="replace")[-2000:]


@asynccontextmanager
async def claimed(driver: AsyncDriver) -> AsyncIterator[None]:
    """The database as one to empty; left empty, and without the mark."""
    await claim(driver)
    try:
        yield
    finally:
        await driver.execute_query("MATCH (n) DETACH DELETE n", database_=DATABASE)
        await driver.execute_query(f"DROP INDEX {MARK} IF EXISTS", database_=DATABASE)


async def claim(driver: AsyncDriver) -> None:
    """Mark the database as the suite's.

    Raises NotOurs when it holds nodes without the mark; with it they are of a run that was killed.
    """
    held, _, _ = await driver.execute_query("MATCH (n) RETURN count(n) AS n", database_=DATABASE)
    marks, _, _ = await driver.execute_query(
        "SHOW INDEXES YIELD name WHERE name = $mark RETURN name", mark=MARK, database_=DATABASE
    )
    if held[0]["n"] and not marks:
        raise NotOurs(
            f"the database {DATABASE!r} there holds nodes that this suite did not make "
            f"({held[0]['n']}), and the suite empties it: set NEO4J_TEST_URI to an empty Neo4j"
        )
    await driver.execute_query(
        f"CREATE INDEX {MARK} IF NOT EXISTS FOR (n:NetForgeContractSuite) ON (n.name)",
        database_=DATABASE,
    )
