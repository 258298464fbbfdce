"""The passes over one history that make its frames: that of now and, until it has come as far, the one before it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from cerebelum.engine.application.frame_index import FrameIndex
from cerebelum.engine.application.frames import Frames
from cerebelum.engine.application.replay import ExecutionReplay
from cerebelum.engine.runtime.frames import Frame

_BETWEEN_SHOWS_S = 0.04


class Passes:
    """Of use within a running event loop; the frames are made on threads of their own."""

    def __init__(self) -> None:
        self.now: Frames | None = None
        self._before: Frames | None = None  # shows what the one of now has not made yet
        self._news = asyncio.Event()

    @property
    def made(self) -> int:
        """How many events have a frame."""
        return max((len(frames) for frames in (self.now, self._before) if frames is not None), default=0)

    @property
    def index(self) -> FrameIndex:
        """Of all frames there are: of the newer pass as soon as it has come as far."""
        found = [frames for frames in (self.now, self._before) if frames is not None]
        return max(found, key=len).index if found else FrameIndex()

    def frame(self, version: int) -> Frame | None:
        """Return the frame after an event; None while there is none."""
        for frames in (self.now, self._before):
            if frames is not None and 1 <= version <= len(frames):
                return frames.at(version)
        return None

    def begin(self, replay: ExecutionReplay, *, follow: bool) -> None:
        """Make the frames from the beginning; what was made before stays until they have come as far."""
        self._take(Frames(replay, follow=follow, tell=_told(self._news)))

    def anew(self, watches: list[str]) -> None:
        """Make them once more, with these watches."""
        if self.now is not None:
            self._take(self.now.watching(*watches))

    def _take(self, frames: Frames) -> None:
        former, self.now = self.now, frames
        if former is None:
            return
        former.end()
        if self._before is not None and len(self._before) > len(former):
            _let_go(former)
        else:
            if self._before is not None:
                _let_go(self._before)
            self._before = former

    async def settle(self, tell: Callable[[], None]) -> None:
        """Return when there is a frame of every event, or no more will come; `tell` whenever there are more."""
        while self.now is not None and not self.now.is_current:
            await self._news.wait()
            self._news.clear()
            tell()
            if not self.now.is_current:
                await asyncio.sleep(_BETWEEN_SHOWS_S)
        if self._before is not None:
            _let_go(self._before)
            self._before = None
        tell()

    def close(self) -> None:
        """End all of them, wherever they are."""
        for frames in (self.now, self._before):
            if frames is not None:
                frames.end()
                _let_go(frames)
        self.now = self._before = None
        self._news.set()


def _told(news: asyncio.Event) -> Callable[[], None]:
    loop = asyncio.get_running_loop()

    def tell() -> None:
        with suppress(RuntimeError):  # the loop has ended, and nobody wants to know
            loop.call_soon_threadsafe(news.set)

    return tell


def _let_go(frames: Frames) -> None:
    """Close them, on a thread: their pass may be within an activation still."""
    asyncio.get_running_loop().run_in_executor(None, frames.close)
