"""The disk under a running node fills up: not a byte more goes into the store's files."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.engine.testing.invariants import check_store
from tests.campaign.starter import small_work

PATIENCE_S = 60.0  # a test that waits longer has failed
FULL_BYTES = 4096  # less than what SQLite must write for the smallest commit
WITHOUT_END = 1_000_000
NO_LIMIT = resource.RLIM_INFINITY

pytestmark = pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="sets the limit of another process")


class Starter:
    """The process, and what it has said so far. It is killed after `PATIENCE_S`, so that no read waits for ever."""

    def __init__(self, url: str, count: int) -> None:
        self.lines: list[str] = []
        command = [sys.executable, "-m", "tests.campaign.starter", url, str(count)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.log: list[str] = []
        self._drain = threading.Thread(target=self._read_log)
        self._drain.start()
        self._patience = threading.Timer(PATIENCE_S, self.process.kill)
        self._patience.start()

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(self.process.stderr)

    def read_until(self, word: str, count: int = 1) -> None:
        """Read on until it has said so many more lines that begin with `word`."""
        assert self.process.stdout is not None
        while count:
            line = self.process.stdout.readline()
            assert line, "".join(self.log[-20:])
            self.lines.append(line)
            count -= line.startswith(word)

    def limit_files(self, size_bytes: int) -> None:
        """Have no file of it grow, or be written to, beyond that size."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size_bytes, NO_LIMIT))

    def end(self, *, kill: bool) -> int:
        """Wait for its end, after a kill -9 if asked, and read the rest; return the exit code."""
        if kill:
            self.process.kill()
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)
        code = self.process.wait()
        self._patience.cancel()
        self._drain.join()
        self.process.stdout.close()
        if self.process.stderr is not None:
            self.process.stderr.close()
        return code

    def said(self, word: str) -> list[str]:
        return [line.split()[1] for line in self.lines if line.startswith(word)]


@pytest.mark.parametrize("then", ["it is killed", "there is room again"])
async def test_on_a_full_disk_nothing_acknowledged_is_lost(tmp_path: Path, then: str) -> None:
    """I1, I2, I6-I9, I12, R4, R5: the node says that it is in trouble and keeps trying; with room again it goes on.

    Whatever was acknowledged before, amid and after is ended by the next process.
    """
    url = f"sqlite:///{tmp_path}/store.db"
    first = Starter(url, WITHOUT_END)
    first.read_until("effect", 50)
    first.limit_files(FULL_BYTES)
    first.read_until("trouble")
    assert first.process.poll() is None
    if then == "there is room again":
        first.limit_files(NO_LIMIT)
        first.read_until("acknowledged", 20)
    first.end(kill=True)

    second = Starter(url, 0)
    assert second.end(kill=False) == 0, "".join(second.log[-20:])
    store = open_store(url)
    await store.open()
    try:
        violations = await check_store(
            store, make_codec(), {"small_work": small_work}, ledger=first.said("effect") + second.said("effect"),
            deaths=2,  # the kill; and the lease runs out while it cannot be renewed
            acknowledged=first.said("acknowledged"),
        )  # fmt: skip
        rows = await store.list_executions(ExecutionFilter(limit=10_000))
    finally:
        await store.close()
    assert violations == []
    assert {row.status for row in rows} == {"completed"}
