"""An execution's past as the replay screen needs it. The one module of the screens that knows how frames are made.

The history is there first, so that one can walk at once; the frames are the engine's own (`Frames`), made on a thread.
Where the code that ran cannot be had, the history still tells status and payloads, and `problem` says what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath

from cerebelum.engine.application import query
from cerebelum.engine.application.code_that_ran import codes_that_ran
from cerebelum.engine.application.copies import identity_of
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.frame_index import FrameIndex, WatchedChanges
from cerebelum.engine.application.replay import ExecutionReplay
from cerebelum.engine.application.standing import Place
from cerebelum.engine.application.stored_history import read_events
from cerebelum.engine.application.watching import parse_watch
from cerebelum.engine.domain.errors import CerebelumError, HistoryMismatch
from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.domain.errors_store import StoreError
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import LogLine
from cerebelum.engine.runtime.frames import Frame
from cerebelum.engine.runtime.interception import install
from cerebelum.tui.replay.event_index import EventIndex
from cerebelum.tui.replay.passes import Passes

LOGS_MOST = 50_000


class Past:
    """One execution. `catch_up` and `feed` read; everything else answers at once from what was read and made."""

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        self.row: ExecutionRow | None = None
        self.index = EventIndex()
        self.logs: list[LogLine] = []
        self.watches: list[str] = []
        self.problem = ""
        self._passes = Passes()
        self._was_fed = False  # the pass of now was given events that came later
        self._failed_on = ""  # the code that `problem` is about
        self._log_id = 0
        self._sources: dict[str, str] = {}
        self._lines: dict[str, list[str]] = {}

    # -- reading ------------------------------------------------------------------------------------------------------
    async def catch_up(self, engine: Engine) -> bool:
        """Read what is new; return whether anything was. Raises `ExecutionNotFound` and `StoreError`."""
        row = await engine.store.get_execution(self.execution_id)
        if row is None:
            raise await query.not_found(engine, self.execution_id)
        known, logged = len(self.index), len(self.logs)
        async for recorded in read_events(engine, self.execution_id, after_version=known):
            self.index.append(recorded)
        is_new = len(self.index) > known or self.row is None or row != self.row
        self.row = row
        while len(self.logs) < LOGS_MOST:
            page = await engine.store.read_logs(self.execution_id, after_id=self._log_id)
            if not page:
                break
            self._log_id = page[-1][0]
            self.logs += [line for _, line in page]
        return is_new or len(self.logs) != logged

    async def feed(self, engine: Engine) -> None:
        """Have frames made of the events that have none, by the pass that stands at its end where that goes.

        Raises:
            StoreError: the store does not answer.
        """
        assert self.row is not None, "`catch_up` comes first"
        now = self._passes.now
        if now is not None and now.total >= len(self.index):
            return
        if now is not None and now.grow():
            self._was_fed = True
        elif not self.problem or self._failed_on != self.row.code:
            await self._begin(engine, self.row)

    async def _begin(self, engine: Engine, row: ExecutionRow) -> None:
        install()  # as for every replay, before stored code is imported
        try:
            spans, _ = await codes_that_ran(engine, row, self.index.events)
            identity = await identity_of(engine, row)
        except StoreError:
            raise
        except CerebelumError as error:
            self._fail(error, row.code)
            return
        replay = ExecutionReplay(
            row, self.index.events, spans, engine.codec, watch=tuple(self.watches), identity=identity
        )
        self._sources = {file: text for span in spans for file, text in span.code.sources.items()}
        self._lines.clear()
        self.problem, self._was_fed = "", False
        self._passes.begin(replay, follow=not row.ended)

    async def frames_made(self, tell: Callable[[], None]) -> None:
        """Return when there is a frame of every event that was fed, or no more will come; `tell` when there are more."""
        await self._passes.settle(tell)
        now = self._passes.now
        error = now.error if now is not None else None
        if error is not None and self._was_fed:  # only one from the beginning has the last word
            self._was_fed = False
            self._passes.anew(self.watches)
            await self.frames_made(tell)
        elif isinstance(error, CerebelumError | ActivationBlocked):
            self._fail(error, self.row.code if self.row is not None else "")
            tell()
        elif error is not None:
            raise error

    def _fail(self, error: BaseException, code: str) -> None:
        text = str(error).partition("\n")[0]
        self._failed_on = code
        self.problem = (
            f"the code that ran does not fit from here on: {text}" if isinstance(error, HistoryMismatch) else text
        )

    def add_watch(self, text: str) -> None:
        """Follow an expression over the whole past: the frames are made anew. Raises `ValueError`: it is none."""
        parse_watch(text)
        if text not in self.watches:
            self.watches.append(text)
            self.watch_anew()

    def watch_anew(self) -> None:
        """Have the frames made with the watches of now."""
        self._passes.anew(self.watches)

    def close(self) -> None:
        """Make no more frames, and let go of those there are."""
        self._passes.close()

    # -- answers ------------------------------------------------------------------------------------------------------
    @property
    def made(self) -> int:
        """How many events, from the first on, have a frame."""
        return self._passes.made

    @property
    def is_replaying(self) -> bool:
        """Whether frames are being made."""
        return self._passes.now is not None and not self._passes.now.is_current

    @property
    def made_index(self) -> FrameIndex:
        """Where things are in the frames that there are."""
        return self._passes.index

    def frame(self, version: int) -> Frame | None:
        """Return the frame after an event; None before the first one, and while it is not made."""
        return self._passes.frame(version)

    def status(self, version: int) -> str:
        """Return the execution's status after an event."""
        return self.index.status(version)

    def last_change(self, name: str, version: int) -> int | None:
        """Return the event before `version` at which a local last changed."""
        return self.made_index.last_change(name, version - 1) if name else None

    def on_lines(self, places: set[Place], version: int, direction: int) -> int | None:
        """Return the next (direction 1) or previous event in which code stands on one of these lines."""
        return self.made_index.standing.on(places, version, direction)

    def standing(self, version: int) -> Frame | None:
        """Return the frame at or before an event in which code stood somewhere: of what has ended, its last place.

        None before the first event, and while the event's own frame is still to come.
        """
        made = self.made
        if version > made and not self.problem:
            return None
        found = self.made_index.standing.last(min(version, made))
        return None if found is None else self.frame(found)

    def watched(self, text: str) -> WatchedChanges:
        """Return when a watched expression changed, and how, over the past as far as it is made with this watch."""
        now = self._passes.now
        return WatchedChanges() if now is None else now.index.watched(text)

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
