"""A walk through the frames of one replay: where it stands, and where each kind of step leads.

Frames are made by a thread of their own; a step to an event that is not replayed yet waits for it, and can be
interrupted. At both ends of the history a step stays where it is and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from cerebelum.engine.application.frames import Frames
from cerebelum.engine.application.replay import ExecutionReplay
from cerebelum.engine.runtime.frames import Frame, TaskStack
from cerebelum_cli.dap.breakpoints import Breakpoints, Hit
from cerebelum_cli.dap.places import PlaceIndex, place_of

_LOOK_S = 0.02  # for an interruption, while a frame is waited for
_MOST_WATCHES = 50


class Stop(Struct, frozen=True):
    """Where a step has led, and why there."""

    reason: str
    text: str = ""
    hit: Hit | None = None
    task: int = 0  # that it is about; 0: of none in particular


class Walk:
    """Stands at `at`, from 1.

    Args:
        interrupted: whether somebody wants it to stop looking.
    """

    def __init__(self, replay: ExecutionReplay, interrupted: Callable[[], bool]) -> None:
        self.breakpoints = Breakpoints()
        self.at = 1
        self._interrupted = interrupted
        self._watches: list[str] = []
        self._begin(replay)

    def _begin(self, replay: ExecutionReplay) -> None:
        self.replay, self.index = replay, PlaceIndex()
        self.frames = Frames(replay, index=self.index)

    @property
    def total(self) -> int:
        """Events that a whole pass shows."""
        return self.frames.total

    def close(self) -> None:
        """Let go of the frames."""
        self.frames.close()

    # -- frames -------------------------------------------------------------------------------------------------------
    def frame(self, version: int | None = None) -> Frame:
        """Return a frame that has been reached; by default the one it stands at."""
        return self.frames.at(self.at if version is None else version)

    def reach(self, version: int) -> bool:
        """Wait for the frame of an event; return whether there is one."""
        while not self.frames.wait(version, timeout_s=_LOOK_S):
            if self._interrupted():
                return False
        return len(self.frames) >= version

    def standing(self) -> Frame | None:
        """Return the newest frame up to here in which code stood somewhere: of what has ended, its last place."""
        for version in range(self.at, 0, -1):
            frame = self.frame(version)
            if any(task.stack for task in frame.tasks):
                return frame
        return None

    def settle(self, limit_s: float, is_enough: Callable[[], bool]) -> bool:
        """Wait until enough is known, or the whole history is replayed, no longer than that; return whether it is."""
        for _ in range(round(limit_s / _LOOK_S)):
            if is_enough() or self._interrupted() or self.frames.wait(timeout_s=_LOOK_S):
                break
        return self.frames.done

    def watch(self, *texts: str) -> None:
        """Have these expressions evaluated at every event as well: a new pass, if they are new.

        Raises:
            ValueError: one is no expression.
        """
        new = [text for text in dict.fromkeys(texts) if text not in self.frames.replay.watches]
        if not new:
            return
        kept = [text for text in self._watches if text not in self.breakpoints.watches]
        kept = kept[len(new) - _MOST_WATCHES :] if len(kept) + len(new) > _MOST_WATCHES else kept
        wanted = list(dict.fromkeys((*self.breakpoints.watches, *kept, *new)))
        replay = self.replay.watching(*wanted)
        self.frames.close()
        self._watches = wanted
        self._begin(replay)
        self.reach(self.at)

    # -- steps --------------------------------------------------------------------------------------------------------
    def one(self) -> Stop:
        """Go to the next event."""
        return self._stopped_at(self.at + 1, "step") if self.reach(self.at + 1) else self._end()

    def back(self) -> Stop:
        """Go to the event before."""
        return self._stopped_at(self.at - 1, "step") if self.at > 1 else Stop("entry", "this is the first event")

    def moved(self, number: int) -> Stop:
        """Go to the next event after which a task stands elsewhere, or has other values; or to a breakpoint."""
        before = _task(self.frame(), number)
        return self._until(lambda frame: _differs(before, _task(frame, number)), number)

    def out(self, number: int) -> Stop:
        """Go to the next event after which a task has returned from the function it stands in; or to a breakpoint."""
        before = _task(self.frame(), number)
        depth = len(before.stack) if before is not None else 0

        def is_out(frame: Frame) -> bool:
            task = _task(frame, number)
            return task is None or len(task.stack) < depth

        return self._until(is_out, number)

    def on(self, *, inclusive: bool = False) -> Stop:
        """Go to the next breakpoint, or to the end."""
        after = self.at - inclusive
        while True:
            done = self.frames.done
            limit = len(self.frames) if done else min(self.index.settled, len(self.frames))
            hit = self.breakpoints.next(self.index, after, limit, self.frame)
            if hit is not None:
                return self._hit(hit)
            if done:
                self.at = max(self.at, limit)
                return self._end()
            after = max(after, limit)
            if self._interrupted():
                self.at = max(self.at, limit)
                return Stop("pause", "paused: the history is still replayed")
            self.frames.wait(timeout_s=_LOOK_S)

    def reverse(self) -> Stop:
        """Go back to the last breakpoint before here, or to the first event."""
        hit = self.breakpoints.previous(self.index, self.at, self.frame)
        if hit is not None:
            return self._hit(hit)
        self.at = 1
        return Stop("entry", "this is the first event")

    def jump(self, version: int, reason: str = "goto") -> Stop:
        """Go to an event, or as near as the replay comes."""
        return self._stopped_at(version, reason) if self.reach(version) else self._end()

    def _until(self, there: Callable[[Frame], bool], number: int) -> Stop:
        for version in self._settled_after(self.at):
            hit = self.breakpoints.at(self.index, version, self.frame)
            if hit is not None:
                return self._hit(hit)
            if there(self.frame(version)):
                return self._stopped_at(version, "step", number)
        return self._end()

    def _settled_after(self, version: int) -> Iterator[int]:
        """Yield the events after `version`, each once all is known of it."""
        while True:
            done = self.frames.done
            limit = len(self.frames) if done else min(self.index.settled, len(self.frames))
            while version < limit:
                version += 1
                yield version
            if done:
                self.at = max(self.at, limit)
                return
            if self._interrupted():
                return
            self.frames.wait(timeout_s=_LOOK_S)

    def _stopped_at(self, version: int, reason: str, task: int = 0) -> Stop:
        self.at = version
        return Stop(reason, task=task or self._task_that_moved())

    def _hit(self, hit: Hit) -> Stop:
        self.at = hit.version
        return Stop(hit.reason, hit.text, hit, self._task_that_moved())

    def _task_that_moved(self) -> int:
        tasks = self.frame().tasks
        return next((task.number for task in tasks if any(entry.changed for entry in task.stack)), 0)

    def _end(self) -> Stop:
        """Nothing comes after here; say why."""
        if not self.frames.done:
            return Stop("pause", "paused: the history is still replayed")
        if self.frames.error is not None:
            first = str(self.frames.error).partition("\n")[0]
            return Stop("exception", f"the replay ends at event {len(self.frames)} of {self.total}: {first}")
        return Stop("pause", f"this is the last event ({self.at})")

    @property
    def problem(self) -> BaseException | None:
        """What ended the pass early."""
        return self.frames.error


def _task(frame: Frame, number: int) -> TaskStack | None:
    return next((task for task in frame.tasks if task.number == number), None)


def _differs(before: TaskStack | None, after: TaskStack | None) -> bool:
    if before is None or after is None:
        return before is not after or before is None
    return [(place_of(entry), entry.locals) for entry in before.stack] != [
        (place_of(entry), entry.locals) for entry in after.stack
    ]
