"""`cerebelum dev` as a process of its own, and waiting for what it says."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from tests.cli.cli_project import command, environ

PATIENCE_S = 60

SHOP = """
import asyncio

from cerebelum import Retry, step, wait_for_signal, workflow


@step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.01))
def charge(n: int) -> int:
    from cerebelum import info

    if info().attempt < 2:
        raise ConnectionError("not yet")
    return n * FACTOR


@workflow
async def order(n: int = 1) -> int:
    paid = await charge(n)
    await asyncio.sleep(0.01)
    return paid


@workflow
async def approval(n: int = 1) -> int:
    answer = await wait_for_signal("go")
    return answer + await charge(n)

"""


def shop(factor: int) -> str:
    """Return the flow's text in another version."""
    return SHOP.replace("FACTOR", str(factor))


class Dev:
    """The process. What it says is read all the time, so that it never waits for its reader."""

    def __init__(self, folder: Path, *words: str, output: str = "jsonl", **environment: str) -> None:
        self.folder = folder
        self._errors = (folder.parent / f"dev-{time.monotonic_ns()}.err").open("w+")
        self.process = subprocess.Popen(
            command("dev", *words, *(["-o", output] if output != "text" else [])), cwd=folder,
            env=environ(**environment), text=True, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip
        self.lines: list[str] = []
        self._news: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._news.put(line)
        self._news.put(None)

    def line(self) -> str:
        """Return the next line."""
        try:
            line = self._news.get(timeout=PATIENCE_S)
        except queue.Empty:
            line = None
        if line is None:
            raise AssertionError(f"it said no more after:\n{''.join(self.lines)}\nand on stderr:\n{self.errors()}")
        self.lines.append(line)
        return line

    def line_with(self, text: str) -> str:
        """Return the next line that holds `text`."""
        while text not in (line := self.line()):
            pass
        return line

    def told(self, kind: str, **facts: Any) -> dict[str, Any]:
        """Return the next object of this kind with these facts."""
        while True:
            found = json.loads(self.line())
            if found["kind"] == kind and all(found.get(name) == value for name, value in facts.items()):
                assert isinstance(found, dict)
                return found

    def errors(self) -> str:
        """Return what was written to stderr so far."""
        self._errors.seek(0)
        return self._errors.read()

    def ended(self) -> int:
        """Return the exit code."""
        code = self.process.wait(timeout=PATIENCE_S)
        while (line := self._news.get(timeout=PATIENCE_S)) is not None:
            self.lines.append(line)
        return code

    def close(self) -> None:
        """Kill what is left."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.close()
