"""All frames of a replay, to be walked forwards and backwards at will, while a thread still makes them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from cerebelum.engine.application.frame_index import FrameIndex
from cerebelum.engine.application.frame_store import FrameStore
from cerebelum.engine.application.replay import ExecutionReplay
from cerebelum.engine.application.replay_report import ReplayReport
from cerebelum.engine.runtime.frames import Frame

_BETWEEN_NEWS = 64  # frames


class Frames:
    """The frames of one execution by the version of their event, from 1. One pass, on a thread of its own, makes them.

    Use it as a context manager, or `close` it: the pass ends then, wherever it is.

    Args:
        index: takes each frame before it can be had; by default a new one.
        follow: the pass does not end with the history: it stands at the last event, and `grow` lets it go on.
        tell: called on that thread, now and then, when there are more frames, and at the end.

    Attributes:
        index: of the frames made so far.
        total: events that a whole pass shows.
        error: what ended the pass before its end: `HistoryMismatch`, `ActivationBlocked`, or a bug.
    """

    def __init__(
        self, replay: ExecutionReplay, *, index: FrameIndex | None = None, follow: bool = False,
        tell: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.replay = replay
        self._follow, self._tell_reader = follow, tell
        self.index = FrameIndex() if index is None else index
        self.total = replay.event_count
        self.error: BaseException | None = None
        self._store = FrameStore()
        self._news = threading.Condition()
        self._made, self._done, self._closing = 0, False, False
        self._thread = threading.Thread(target=self._make, name="cerebelum replay", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """How many frames there are by now."""
        return self._made

    @property
    def done(self) -> bool:
        """Whether the pass has ended: no more frames will come."""
        return self._done

    @property
    def is_current(self) -> bool:
        """Whether there is a frame of each event known so far, or no more will come."""
        return self._done or (self._follow and self._made >= self.total)

    @property
    def report(self) -> ReplayReport | None:
        """What the pass has found; None before its end, and where an error ended it."""
        return self.replay.report if self._done and self.error is None else None

    def at(self, version: int, *, timeout_s: float | None = None) -> Frame:
        """Return the frame after the event `version`, waiting for the pass to come that far.

        Raises:
            IndexError: the history has no such event.
            TimeoutError: the pass has not come that far in `timeout_s`.
            HistoryMismatch, ActivationBlocked: the code does not go on to that event.
        """
        if not 1 <= version <= self.total:
            raise IndexError(f"there is no event {version}: there are {self.total}, numbered from 1")
        if not self.wait(version, timeout_s=timeout_s):
            raise TimeoutError(f"event {version} is not replayed yet: {self._made} of {self.total} are")
        if version > self._made:
            raise self.error or IndexError(f"the replay was closed before event {version}")
        return self._store[version - 1]

    def wait(self, version: int | None = None, *, timeout_s: float | None = None) -> bool:
        """Wait until there is a frame of this event, or no more will come; None: of every event, and the pass has ended.

        One that follows has no end: then it is waited for every event known so far. Returns whether that is so now.
        """
        with self._news:
            return self._news.wait_for(
                lambda: self.is_current if version is None else self._done or self._made >= version, timeout_s
            )

    def watching(self, *texts: str) -> Frames:
        """Return new frames of the same history, with these watches instead of the present ones.

        Raises:
            ValueError: a text is no expression.
        """
        return Frames(self.replay.watching(*texts), follow=self._follow, tell=self._tell_reader)

    def grow(self) -> bool:
        """Go on with what came to the history since; return False where that takes new frames from the beginning.

        It does where the pass has ended, or is to end, or as `ExecutionReplay.grow` says.
        """
        with self._news:
            if not self._follow or self._done or self._closing or not self.replay.grow():
                return False
            self.total = self.replay.event_count
            self._news.notify_all()
            return True

    def end(self) -> None:
        """Have the pass end where it is, and do not wait for it; its frames stay. Idempotent."""
        with self._news:
            self._closing = True
            self._news.notify_all()

    def close(self) -> None:
        """End the pass, wait for it, and let go of the frames. Idempotent."""
        self.end()
        self._thread.join()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _make(self) -> None:
        try:
            for frame in self.replay:
                self.index.add(frame)
                self._store.append(frame)
                is_newest = frame.version == self.total
                if self._follow if is_newest else frame.version % _BETWEEN_NEWS == 1:  # else it comes with the report
                    self._tell(frame.version)
                if self._closing or (self._follow and not self._goes_on_after(frame.version)):
                    break
        except BaseException as error:  # raised where somebody asks for a frame: a thread has nobody to tell
            self.error = error
        finally:
            with self._news:
                self._made, self._done = len(self._store), True
                self._news.notify_all()
            self._tell_reader()

    def _tell(self, made: int) -> None:
        with self._news:
            self._made = made
            self._news.notify_all()
        self._tell_reader()

    def _goes_on_after(self, version: int) -> bool:
        """Stand still at the newest event: a replay that is asked for more there would end."""
        with self._news:
            self._news.wait_for(lambda: self._closing or self.total > version)
            return not self._closing
