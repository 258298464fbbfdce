"""A PostgreSQL server of our own: temporary, on a free loopback port, as durable as in production (fsync on).

Used by the tests through the fixtures in `tests/conftest.py`, and by benchmarks directly. The server is a child
process: it is signalled by its pid only. Run as root, it gives its server to an unprivileged user.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

import asyncpg

from tests.servers.postgres_binaries import PostgresUnavailable, find_bin_dir, unprivileged_user

RestartMode = Literal["smart", "fast", "immediate", "kill"]

SIGNALS: Mapping[RestartMode, signal.Signals] = {
    "smart": signal.SIGTERM,  # waits for all sessions to end
    "fast": signal.SIGINT,  # rolls open transactions back
    "immediate": signal.SIGQUIT,  # no checkpoint: the next start recovers from the log
    "kill": signal.SIGKILL,  # as when the machine's memory ran out
}
START_DEADLINE_S = 60
STOP_DEADLINE_S = 60
START_TRIES = 5
USER = "postgres"


class PostgresServer:
    """One server; use as a context manager, or call `start` and `stop`.

    Args:
        settings: server settings beside the defaults, such as {"max_connections": "300"}.

    Raises:
        PostgresUnavailable: from `start`, where this machine cannot run a server.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = dict(settings or {})
        self._numbers = itertools.count(1)
        self._root: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The maintenance database. Use `create_database` for one that is empty and yours alone."""
        return self.url_of("postgres")

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        return self._running().pid

    @property
    def folder(self) -> Path:
        """Where its data and log are, while it runs."""
        assert self._root is not None, "the server was never started"
        return self._root

    def url_of(self, database: str) -> str:
        """Return the URL of `database` on this server."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Make a cluster in a temporary folder and serve it; returns once it accepts connections."""
        self._bin = find_bin_dir()
        self._user = unprivileged_user()
        self._root = Path(tempfile.mkdtemp(prefix="cerebelum-pg-"))
        if self._user is not None:
            os.chown(self._root, self._user.pw_uid, self._user.pw_gid)
        try:
            self._initdb()
            for _ in range(START_TRIES):  # another process may take the free port first
                self.port = _free_port()
                if self._serve():
                    return
            raise PostgresUnavailable(f"PostgreSQL did not start:\n{self.log()[-2000:]}")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server, if it runs, and remove its data."""
        if self._process is not None and self._process.poll() is None:
            self._end("immediate")  # the data is thrown away: no need to write it out
        self._process = None
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)

    def restart(self, mode: RestartMode = "fast") -> None:
        """End the server in the given way and serve the same data again on the same port.

        "smart" waits until every client has disconnected; "immediate" and "kill" make it recover from its log.
        """
        with self.stopped(mode):
            pass

    @contextmanager
    def stopped(self, mode: RestartMode = "fast") -> Iterator[None]:
        """End the server as `restart` does; inside, nothing serves; then it serves the same data again."""
        self._end(mode)
        try:
            yield
        finally:
            self._serve_again()

    def _serve_again(self) -> None:
        deadline_s = time.monotonic() + START_DEADLINE_S
        while not self._serve():  # after "kill" the backends hold shared memory until they have noticed
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"PostgreSQL did not come back:\n{self.log()[-2000:]}")

    def create_database(self) -> str:
        """Create an empty database and return its URL. Works from synchronous and asynchronous callers."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.fetch(f'CREATE DATABASE "{name}"')
        return self.url_of(name)

    def drop_database(self, url: str) -> None:
        """Drop a database made by `create_database`, ending connections that are still open to it."""
        name = url.rpartition("/")[2]
        self.fetch(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def kill_backends(self, sig: signal.Signals = signal.SIGTERM) -> int:
        """Send `sig` to every client's backend and return how many there were.

        SIGTERM ends each connection; SIGKILL of one backend makes the server drop all and recover.
        """
        rows = self.fetch(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        for row in rows:
            os.kill(row["pid"], sig)
        return len(rows)

    def fetch(self, sql: str) -> list[asyncpg.Record]:
        """Run one statement in the maintenance database and return its rows."""

        async def run() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.url)
            try:
                return list(await connection.fetch(sql))
            finally:
                await connection.close()

        with ThreadPoolExecutor(max_workers=1) as thread:  # the caller's thread may have a running loop
            return thread.submit(asyncio.run, run()).result()

    def log(self) -> str:
        """Return what the server has logged so far."""
        return (self.folder / "log").read_text(errors="replace")

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server is not started"
        return self._process

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self._bin / command[0]), *command[1:]],
                cwd=self.folder,  # the server's user may not be able to read the caller's folder
                env={"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user.pw_uid if self._user else None,
                group=self._user.pw_gid if self._user else None,
                extra_groups=[] if self._user else None,
                start_new_session=True,  # Ctrl-C ends the tests, which then end the server
            )

    def _initdb(self) -> None:
        arguments = ["-D", str(self._data), "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        try:
            code = self._spawn("initdb", *arguments).wait()
        except PermissionError as error:
            raise PostgresUnavailable(f"the server's user may not run {self._bin}/initdb") from error
        if code != 0:
            raise PostgresUnavailable(f"initdb failed:\n{self.log()[-2000:]}")

    def _serve(self) -> bool:
        """Start the postmaster; False if it ended before it was ready."""
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", **self._settings}
        flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
        process = self._process = self._spawn("postgres", "-D", str(self._data), "-p", str(self.port), *flags)
        _wait_until(lambda: self._is_ready(process.pid) or process.poll() is not None, START_DEADLINE_S)
        return process.poll() is None

    def _is_ready(self, pid: int) -> bool:
        """Read what the postmaster writes for pg_ctl: its pid in the first line, its state in the eighth."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"  # a killed one's file stays

    def _end(self, mode: RestartMode) -> None:
        process = self._running()
        process.send_signal(SIGNALS[mode])
        process.wait(STOP_DEADLINE_S)

    @property
    def _data(self) -> Path:
        return self.folder / "data"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until(condition: Callable[[], bool], deadline_s: float) -> None:
    """Poll `condition`; raise TimeoutError after `deadline_s`."""
    end_s = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError(f"not so after {deadline_s} s")
        time.sleep(0.01)
