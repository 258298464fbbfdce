"""Runs all measurements by turns: every engine does a workload before the next workload begins, round after round.

So a machine that speeds up or slows down does it to all of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.engine import ENGINES, EngineInfo, missing_part
from cerebelum.adapters.stores import migrate
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_binaries import PostgresUnavailable

ROOT = Path(__file__).resolve().parents[1]
ALL_WORKLOADS = ("W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "W9", "D1", "D2", "D3", "T1", "T2", "T3", "T4", "T5")
# Of the command line: on its own default store only, and no peer has it.
OURS_ALONE = ("W8", "D1", "D2", "D3", "T1", "T2", "T3", "T4", "T5")
DEADLINE_S = 180.0
_ERROR = re.compile(r"(\w+\.)*[A-Z]\w+: ")  # the last line of a traceback; lines of a log begin with a time
FLOORS = {"sqlite": "floor-sqlite", "postgres": "floor-postgres"}


def applies(workload: str, info: EngineInfo) -> bool:
    """Return whether a workload has a meaning on an engine."""
    if workload == "W6":
        return info.kind != "memory"  # nothing survives
    if workload in OURS_ALONE:
        return info.name == "cerebelum-sqlite"
    if workload == "W9":
        return info.name in ("cerebelum-memory", "cerebelum-sqlite")  # replay hardly asks the store
    return True


class Results:
    """Figures by engine, workload and metric, one for each round; and why there are none."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str, str], list[float]] = defaultdict(list)
        self.failures: dict[tuple[str, str], str] = {}
        self.missing: dict[str, str] = {}
        self.postgres_version: str | None = None

    def add(self, engine: str, workload: str, metrics: dict[str, float]) -> None:
        for name, value in metrics.items():
            self.values[engine, workload, name].append(value)

    def median(self, engine: str, workload: str, metric: str) -> float | None:
        """Return the median of the rounds; None where nothing was measured."""
        values = self.values.get((engine, workload, metric))
        return statistics.median(values) if values else None

    def spread(self, engine: str, workload: str, metric: str) -> float | None:
        """Return the largest round's figure over the smallest's: how much the machine drifted."""
        values = self.values.get((engine, workload, metric))
        return max(values) / min(values) if values and min(values) > 0 else None


class Rounds:
    """Measures `workloads` on `engines` by turns.

    Args:
        say: told what happens.
    """

    def __init__(
        self, engines: Sequence[str], workloads: Sequence[str], *, size: str, say: Callable[[str], None]
    ) -> None:
        self._workloads, self._size, self._say = workloads, size, say
        self._engines = [ENGINES[name] for name in engines]
        self.results = Results()
        self._server: PostgresServer | None = None
        self._numbers = iter(range(sys.maxsize))

    def run(self, rounds: int) -> Results:
        """Do all rounds and return the figures; a failure is kept in them and does not stop the others."""
        for info in self._engines:
            if reason := missing_part(info):
                self.results.missing[info.name] = reason
        folder = Path(tempfile.mkdtemp(prefix="cerebelum-bench-"))
        try:
            self._start_server()
            for number in range(1, rounds + 1):
                for workload, info in self._plan():
                    self._measure(f"round {number} of {rounds}", workload, info, folder)
        finally:
            if self._server is not None:
                self._server.stop()
            shutil.rmtree(folder, ignore_errors=True)
        return self.results

    def _plan(self) -> Iterator[tuple[str, EngineInfo]]:
        kinds = {info.kind for info in self._engines if info.name not in self.results.missing}
        for kind in sorted(kinds - {"memory"}):
            yield "floor", EngineInfo(FLOORS[kind], f"bare {kind}", kind, "")
        for workload in self._workloads:
            for info in self._engines:
                if info.name not in self.results.missing and applies(workload, info):
                    yield workload, info

    def _start_server(self) -> None:
        wanted = [info for info in self._engines if info.kind == "postgres" and info.name not in self.results.missing]
        if not wanted:
            return
        server = PostgresServer()
        try:
            server.start()
        except PostgresUnavailable as error:
            self._say(f"no PostgreSQL: {error}")
            self.results.missing.update({info.name: "no PostgreSQL here" for info in wanted})
            return
        self._server = server
        self.results.postgres_version = server.fetch("SHOW server_version")[0][0].partition(" ")[0]

    def _measure(self, when: str, workload: str, info: EngineInfo, folder: Path) -> None:
        if (info.name, workload) in self.results.failures:
            return
        url = self._new_database(info, folder)
        command = [
            sys.executable, "-m", "benchmarks.measure", "--workload", workload, "--engine", info.name, "--url", url,
            "--size", self._size,
        ]  # fmt: skip
        try:
            metrics = _metrics_of(command)
        except (RuntimeError, TimeoutError) as error:
            self.results.failures[info.name, workload] = str(error)
            self._say(f"{when}  {workload}  {info.label}: FAILED {error}")
        else:
            self.results.add(info.name, workload, metrics)
            self._say(f"{when}  {workload}  {info.label}: " + "  ".join(f"{k} {v:,.4g}" for k, v in metrics.items()))
        finally:
            if self._server is not None and info.kind == "postgres":
                self._server.drop_database(url.partition("?")[0])

    def _new_database(self, info: EngineInfo, folder: Path) -> str:
        if info.kind == "memory":
            return "memory://"
        if info.kind == "sqlite":
            return f"sqlite:///{folder / f'{next(self._numbers)}.db'}{info.url_options}"
        assert self._server is not None
        url = self._server.create_database()
        if not info.peer and not info.name.startswith("floor"):
            asyncio.run(migrate.upgrade(url))  # as `cerebelum db upgrade`; DBOS makes its tables when it is launched
        return url


def _metrics_of(command: list[str]) -> dict[str, float]:
    """Run a measurement and return what it prints.

    Raises:
        RuntimeError: it failed; the message is the last error it told.
        TimeoutError: it took longer than `DEADLINE_S`.
    """
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        out, talk = process.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"took longer than {DEADLINE_S:.0f} s") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # its own group: a crash workload has processes of its own
            process.communicate()
    if process.returncode != 0 or not out.strip():
        said = [line for line in talk.splitlines() if _ERROR.match(line)]
        raise RuntimeError(said[-1] if said else f"ended with {process.returncode}")
    metrics: dict[str, float] = json.loads(out.splitlines()[-1])
    return metrics
