"""The processes that take up edits: `cerebelum dev`, and uvicorn with `--reload`. Each is ended by its own number."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from benchmarks.start_up import environment

PATIENCE_S = 30.0
_BETWEEN_REQUESTS_S = 0.002
_REQUEST_S = 0.2  # one that a process took which is about to end is never answered: ask anew


class Said(NamedTuple):
    """A line of `cerebelum dev --output jsonl`, and when it was read, of the monotonic clock."""

    at_ns: int
    facts: dict[str, Any]


def save(path: Path, text: str) -> int:
    """Save as editors do, by a file put in the old one's place; return the instant before, of the monotonic clock."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    begun_ns = time.monotonic_ns()
    new.replace(path)
    return begun_ns


class _Process:
    """A process in a folder, ended with the block."""

    def __init__(self, command: list[str], folder: Path, stdout: int | IO[str]) -> None:
        self._errors = (folder.parent / f"{folder.name}.err").open("a+", encoding="utf-8")
        self.begun_ns = time.monotonic_ns()
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment(), text=True, stdout=stdout, stderr=self._errors
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def trouble(self, what: str) -> AssertionError:
        """Return an error with the end of what the process complained of."""
        self._errors.seek(0)
        return AssertionError(f"{what}: {self._errors.read()[-500:]!r}")


class DevProcess(_Process):
    """`cerebelum dev` in a folder."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "cerebelum_cli", "dev", "--output", "jsonl"]
        super().__init__(command, folder, subprocess.PIPE)
        self._news: queue.Queue[Said | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            at_ns = time.monotonic_ns()
            self._news.put(Said(at_ns, json.loads(line)))
        self._news.put(None)

    def said(self, kind: str) -> Said:
        """Wait for the next line of this kind; one that tells of an error ends the measurement."""
        while True:
            try:
                said = self._news.get(timeout=PATIENCE_S)
            except queue.Empty:
                said = None
            if said is None or said.facts["kind"] in ("error", "failed"):
                raise self.trouble(f"instead of {kind!r} it said {said and said.facts}")
            if said.facts["kind"] == kind:
                return said

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


class UvicornProcess(_Process):
    """uvicorn with `--reload` on the `app.py` of a folder."""

    def __init__(self, folder: Path) -> None:
        self._port = _free_port()
        command = [
            sys.executable, "-m", "uvicorn", "app:app", "--reload", "--port", str(self._port), "--log-level", "warning",
        ]  # fmt: skip
        super().__init__(command, folder, subprocess.DEVNULL)

    def takes_up(self, path: Path, text: str, marker: int) -> None:
        """Save until it answers `marker`: it answers before its watch begins, and never sees what was saved between."""
        for _ in range(round(PATIENCE_S)):
            save(path, text)
            with contextlib.suppress(AssertionError):
                self.answered(marker, within_s=2)
                return
        raise self.trouble("uvicorn took up no edit")

    def answered(self, marker: int, *, within_s: float = PATIENCE_S) -> int:
        """Ask until the answer is `marker`; return when it came, of the monotonic clock."""
        until_ns = time.monotonic_ns() + round(within_s * 1e9)
        while time.monotonic_ns() < until_ns:
            if self._ask() == str(marker):
                return time.monotonic_ns()
            time.sleep(_BETWEEN_REQUESTS_S)
        raise self.trouble(f"uvicorn did not answer {marker}")

    def _ask(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_REQUEST_S)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):  # between two of its processes
            return ""
        finally:
            connection.close()


def new_folder(folder: Path, files: Mapping[str, str]) -> Path:
    """Make a folder with these files, in place of what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def has_uvicorn() -> bool:
    """Whether it is installed, with what `--reload` takes; compared with nothing else, it may be missing."""
    from importlib.util import find_spec

    return find_spec("uvicorn") is not None and os.name == "posix"
