"""An execution's past as the replay screen needs it. The one module of the screens that knows how frames are made.

The history is there first, so that one can walk at once; the frames follow, in turns that leave the keys their time.
Where the code that ran cannot be had, the history still tells status and payloads, and `problem` says what is missing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path, PurePath
from typing import cast

from cerebelum.engine.application import query
from cerebelum.engine.application.code_that_ran import codes_that_ran
from cerebelum.engine.application.copies import identity_of
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.replay import ExecutionReplay
from cerebelum.engine.application.watching import parse_watch
from cerebelum.engine.domain.errors import CerebelumError, HistoryMismatch
from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.domain.errors_store import StoreError
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.projection import ExecutionState, advance
from cerebelum.engine.ports.store import LogLine
from cerebelum.engine.runtime.frames import Frame
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.runtime.rendering import Change
from cerebelum.tui.replay.event_index import EventIndex, neighbour

LOGS_MOST = 50_000
_SLICE_S = 0.004  # of making frames, between which keys are taken
_REST_S = 0.001


class Past:
    """One execution. `load` and `catch_up` read; everything else answers at once from what was read."""

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        self.row: ExecutionRow | None = None
        self.index = EventIndex()
        self.logs: list[LogLine] = []
        self.frames: list[Frame] = []
        self.watches: list[str] = []
        self.problem = ""
        self.is_replaying = False
        self._log_id = 0
        self._sources: dict[str, str] = {}
        self._lines: dict[str, list[str]] = {}
        self._changes: dict[str, list[int]] = {}  # local -> versions at which it changed
        self._known = ExecutionState(execution_id=execution_id)  # where frames are missing: what the history says
        self._statuses: list[str] = []  # by version, likewise

    # -- reading ------------------------------------------------------------------------------------------------------
    async def catch_up(self, engine: Engine) -> bool:
        """Read what is new; return whether anything was. Raises `ExecutionNotFound` and `StoreError`."""
        row = await engine.store.get_execution(self.execution_id)
        if row is None:
            raise await query.not_found(engine, self.execution_id)
        known, logged = len(self.index), len(self.logs)
        events = await query.history(engine, self.execution_id, from_version=known + 1)
        self.index.extend(events)
        is_new = bool(events) or self.row is None or row != self.row
        self.row = row
        while len(self.logs) < LOGS_MOST:
            page = await engine.store.read_logs(self.execution_id, after_id=self._log_id)
            if not page:
                break
            self._log_id = page[-1][0]
            self.logs += [line for _, line in page]
        return is_new or len(self.logs) != logged

    async def make_frames(self, engine: Engine, tell: Callable[[], None], *, anew: bool = False) -> None:
        """Replay, and keep the frames that are not known yet; with `anew` all of them, with the watches of now.

        Raises:
            StoreError: the store does not answer.
        """
        if not anew and len(self.frames) >= len(self.index):
            return
        self.is_replaying, self.problem = True, ""
        try:
            assert self.row is not None, "`catch_up` comes first"
            install()  # as for every replay, before stored code is imported
            history = list(self.index.events)  # read once: of a long history, a second time would be felt
            spans, _ = await codes_that_ran(engine, self.row, history)
            replay = ExecutionReplay(
                self.row, history, spans, engine.codec, watch=tuple(self.watches),
                identity=await identity_of(engine, self.row),
            )  # fmt: skip
            self._sources = {file: text for span in spans for file, text in span.code.sources.items()}
            await self._keep(replay, tell, anew=anew)
        except StoreError:
            raise
        except HistoryMismatch as error:
            self.problem = f"the code that ran does not fit from here on: {_first_line(error)}"
        except (ActivationBlocked, CerebelumError) as error:
            self.problem = _first_line(error)
        finally:
            self.is_replaying = False
            tell()
        if self.problem:
            await self._read_statuses(tell)

    async def _read_statuses(self, tell: Callable[[], None]) -> None:
        until = time.perf_counter() + _SLICE_S
        for recorded in self.index.events[self._known.version :]:
            self._statuses.append(advance(self._known, recorded).status)
            if time.perf_counter() > until:
                await asyncio.sleep(_REST_S)
                until = time.perf_counter() + _SLICE_S
        tell()

    async def _keep(self, replay: ExecutionReplay, tell: Callable[[], None], *, anew: bool) -> None:
        until = time.perf_counter() + _SLICE_S
        with closing(cast("Generator[Frame]", iter(replay))) as made:
            for frame in made:
                at = frame.version - 1
                if at < len(self.frames):
                    if anew:
                        self.frames[at] = frame
                elif at == len(self.frames):
                    self.frames.append(frame)
                    self._note_changes(frame)
                if time.perf_counter() > until:
                    tell()
                    await asyncio.sleep(_REST_S)
                    until = time.perf_counter() + _SLICE_S

    def _note_changes(self, frame: Frame) -> None:
        for change in (change for task in frame.tasks for entry in task.stack for change in entry.changed):
            versions = self._changes.setdefault(change.name, [])
            if not versions or versions[-1] != frame.version:
                versions.append(frame.version)

    def add_watch(self, text: str) -> None:
        """Follow an expression over the whole past; the frames must be made anew. Raises `ValueError`: it is none."""
        parse_watch(text)
        if text not in self.watches:
            self.watches.append(text)

    # -- answers ------------------------------------------------------------------------------------------------------
    def frame(self, version: int) -> Frame | None:
        """Return the frame after an event; None before the first one, and while it is not made."""
        return self.frames[version - 1] if 1 <= version <= len(self.frames) else None

    def status(self, version: int) -> str:
        """Return the execution's status after an event; "" while it is not known."""
        frame = self.frame(version)
        if frame is not None:
            return frame.status
        if version == 0:
            return "pending"
        if version <= len(self._statuses):
            return self._statuses[version - 1]
        return self.row.status if self.row is not None and version == self.row.last_version else ""

    def last_change(self, name: str, version: int) -> int | None:
        """Return the event at or before `version` that gave a local its value there; before that one, the one before."""
        return neighbour(self._changes.get(name, ()), version, -1) if name else None

    def standing(self, version: int) -> Frame | None:
        """Return the frame at or before an event in which code stood somewhere: of what has ended, its last place.

        None before the first event, and while the event's own frame is still to come.
        """
        if version > len(self.frames) and not self.problem:
            return None
        for at in range(min(version, len(self.frames)), 0, -1):
            frame = self.frames[at - 1]
            if any(task.stack for task in frame.tasks):
                return frame
        return None

    def watch_changes(self, text: str) -> list[tuple[int, Change]]:
        """Return when a watched expression changed, and how, over the whole past."""
        return [
            (frame.version, change) for frame in self.frames for change in frame.watched_changed if change.name == text
        ]

    def source(self, file: str) -> list[str]:
        """Return the lines of a file as they ran; [] where neither the store nor the disk has them."""
        lines = self._lines.get(file)
        if lines is None:
            text = self._sources.get(file)
            if text is None:
                text = next((known for name, known in self._sources.items() if PurePath(name).name == file), None)
            lines = self._lines[file] = (_read(on_disk(file)) if text is None else text).splitlines()
        return lines


def on_disk(file: str) -> str:
    """Return where the file of a frame lies, or lay: stored code is run under its path and digest, `order.py@3f2a`."""
    path, at, digest = file.rpartition("@")
    return path if at and digest.isalnum() and path.endswith(".py") else file


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
