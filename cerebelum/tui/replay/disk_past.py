"""The same history on the code on disk. A process of its own replays it; what comes back is walked like what ran."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from pathlib import PurePath

from msgspec import Struct

from cerebelum.engine.application.disk_code import (
    Answer,
    DiskCode,
    DiskFailed,
    DiskFrames,
    DiskLoaded,
    DiskReplay,
    DiskVerdict,
)
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.frame_index import FrameIndex, WatchedChanges
from cerebelum.engine.application.frame_store import FrameStore
from cerebelum.engine.application.history_checks import HistoryCheck
from cerebelum.engine.domain.execution import FINAL
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.runtime.frames import Frame
from cerebelum.engine.runtime.masking import mask_text
from cerebelum.tui.replay.past import Past


class Told(Struct, frozen=True):
    """What is said of the code on disk. `version`: of the event where the ways part; 0: they do not, or nobody knows."""

    text: str
    fits: bool
    version: int = 0


class DiskPast(Past):
    """What `recorded` tells, on the code on disk. History, logs and watches are the same ones."""

    def __init__(self, recorded: Past) -> None:
        super().__init__(recorded.execution_id)
        self._recorded = recorded
        self.index, self.logs, self.watches = recorded.index, recorded.logs, recorded.watches
        self.code: DiskCode | None = None
        self.files: tuple[str, ...] = ()  # that the code was made of when it was loaded last
        self.told: Told | None = None
        self._file, self._turn = "", 0
        self._frames, self._index = FrameStore(), FrameIndex()
        self._is_asking = False
        self._is_shown = False  # on the screen: then frames are wanted of what comes, too
        self._is_wanted = False

    async def catch_up(self, engine: Engine) -> bool:
        """Read what is new; return whether anything was."""
        is_new = await self._recorded.catch_up(engine)
        self.row = self._recorded.row
        return is_new

    async def feed(self, engine: Engine) -> None:  # noqa: ARG002 - the process opens the store by itself
        """Have `frames_made` replay all of it again: a process does not go on where another has stopped."""
        self._is_wanted = self._is_wanted or (self._is_shown and self.made < len(self.index) and not self.problem)

    async def frames_made(self, tell: Callable[[], None]) -> None:
        """Return when the frames are there that are wanted, or no more will come."""
        if self._is_wanted and not self._is_asking:
            await self.replay(tell, frames=True)

    def watch_anew(self) -> None:
        """Have the frames made with the watches of now."""
        self._is_wanted = True

    async def replay(self, tell: Callable[[], None] = lambda: None, *, frames: bool) -> None:
        """Have the code loaded and replayed; `frames`: and take what is to be seen at each event."""
        if self.code is None:
            self.told = Told("the code on disk cannot be tried here", fits=False)
            return
        self.row = self._recorded.row
        self._is_asking, self._turn = True, self._turn + 1
        if frames:
            self._is_shown, self._is_wanted = True, False
        mine = self._turn
        question = DiskReplay(
            self.code.store_url, self.execution_id, frames=frames, watch=tuple(self.watches) if frames else ()
        )
        try:
            async with aclosing(self.code.ask(question)) as answers:
                async for answer in answers:
                    if mine != self._turn:  # it was asked for again meanwhile: that one tells
                        return
                    self._take(answer, frames=frames)
                    tell()
        finally:
            self._is_asking = self._is_asking and mine != self._turn
        tell()

    def _take(self, answer: Answer, *, frames: bool) -> None:
        match answer:
            case DiskLoaded(shown=shown, files=files):
                self.files, self._file = files, shown
            case DiskVerdict(check=check, sources=sources):
                self.told = _told(check, self._file)
                if frames:
                    self._begin_anew(sources)
                    self.problem = "" if self.told.fits else f"the code on disk: {self.told.text}"
            case DiskFrames(frames=made):
                self._keep_all(made)
            case DiskFailed(text=text):
                self.told = Told(_line(text), fits=False)
            case _:
                pass

    def forget(self) -> None:
        """Let go of all frames; what was said of the code stays."""
        self._is_shown = self._is_wanted = False
        self._begin_anew({})

    def close(self) -> None:
        """Let go of all frames."""
        self._frames.close()

    def _begin_anew(self, sources: dict[str, str]) -> None:
        self._frames.close()
        self._frames, self._index = FrameStore(), FrameIndex()
        self._sources, self._lines = sources, {}

    def _keep_all(self, made: list[Frame]) -> None:
        for frame in made:
            self._index.add(frame)
            self._frames.append(frame)

    # -- answers ------------------------------------------------------------------------------------------------------
    @property
    def made(self) -> int:
        """How many events, from the first on, have a frame."""
        return len(self._frames)

    @property
    def is_replaying(self) -> bool:
        """Whether frames are being made."""
        return self._is_asking

    @property
    def made_index(self) -> FrameIndex:
        """Where things are in the frames that there are."""
        return self._index

    def frame(self, version: int) -> Frame | None:
        """Return the frame after an event; None before the first one, and while it is not made."""
        return self._frames[version - 1] if 1 <= version <= self.made else None

    def watched(self, text: str) -> WatchedChanges:
        """Return when a watched expression changed, and how."""
        return self._index.watched(text)


def _told(check: HistoryCheck, file: str) -> Told:
    name = PurePath(file).name or "the code on disk"
    if check.goes_on:
        return Told(f"fits {name}{'' if check.status in FINAL else ' so far'}", fits=True)
    where = f"  {check.now_line}" if check.now_line else ""
    if check.verdict == "diverges":
        recorded, now = (" ".join(text.split()) for text in (check.recorded, check.now))
        text = f"{name} diverges at event {check.version}: recorded {recorded}, now {now}{where}"
        return Told(_line(text), fits=False, version=check.version)
    return Told(_line(f"{name} cannot be replayed: {_line(check.problem)}{where}"), fits=False)


def _line(text: str) -> str:
    """Return the first line of an error; with the line of the source that is wrong, where it tells one."""
    first, _, rest = mask_text(text).partition("\n")
    source = rest.split("\n", 1)[0].strip()
    shown = f"  {' '.join(source[1:].split())}" if source.startswith(">") else ""
    return visible(f"{first}{shown}", keep_newlines=False)
