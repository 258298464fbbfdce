"""Where a flow stands, as data: recorded now and then, so that a long one is recovered without its whole history.

Rules:
- A position is a stack of frames, one for each graph, loop and foreach on the main line: which node, which pass.
- It is recorded between two nodes only, when nothing runs beside. A flow that has something to undo records none: what a
  compensation needs is no data.
- A flow that begins from a checkpoint walks down its frames to where it stood, running nothing on the way.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NoReturn

from cerebelum.engine.authoring.flow_state import Branch, plain
from cerebelum.engine.authoring.waits import activation_of
from cerebelum.engine.domain.errors import HistoryMismatch

if TYPE_CHECKING:
    from cerebelum.engine.authoring.saga import Saga

EVERY = 250  # commands between two checkpoints, at least
Frame = dict[str, Any]


class Checkpoints:
    """The stack of one running flow."""

    def __init__(self, undo: Saga) -> None:
        self._undo = undo
        self._frames: list[Frame] = []
        self._ahead: deque[Frame] = deque()  # of the checkpoint, not yet walked down
        self._root: Branch | None = None
        self._last = 0

    def begin(self, input_: Any, *, is_state: bool) -> Branch:
        """Return the main branch: at the flow's beginning, or as the checkpoint holds it."""
        self._root = Branch.begin(input_, is_state=is_state)
        activation = activation_of("a flow")
        held = activation.restored
        if held is not None:
            self._root.restore(held["branch"])
            activation.restore_context(self._root.context)
            self._undo.begin_at(held["since"])
            self._ahead.extend(held["frames"])
            self._last = activation.next_number() - 1
        return self._root

    def enter(self, branch: Branch, frame: Frame) -> Frame:
        """Push the frame of a graph, choice, loop or foreach; where the checkpoint has one for it, that one."""
        if not branch.is_main:
            return frame
        if self._ahead:
            held = self._ahead.popleft()
            if held.keys() != frame.keys():
                self.refuse("the flow has other blocks there now")
            frame = held
        self._frames.append(frame)
        return frame

    def leave(self, branch: Branch) -> None:
        """Pop the newest frame."""
        if branch.is_main:
            self._frames.pop()

    @property
    def is_walking_down(self) -> bool:
        """Whether the position lies deeper: the node in hand was begun before the checkpoint."""
        return bool(self._ahead)

    def between_nodes(self, branch: Branch, frame: Frame) -> None:
        """Record the position, if it is time, and nothing is open. `frame` is the newest."""
        activation, root = activation_of("a flow"), self._root
        if root is None or not branch.is_main or activation.next_number() - self._last <= EVERY:
            return
        if self._undo.is_filled or root.dirty or branch.dirty or self._ahead:
            return
        try:
            if "result" in frame:
                frame["result"] = plain(branch.result)
            state = {"branch": root.held(), "frames": plain(self._frames), "since": self._undo.since}
        except (TypeError, NotImplementedError):
            return  # a result or an item that is no JSON: later, when it is gone
        number = activation.next_number()
        if activation.checkpoint(state):
            self._last = number

    def refuse(self, reason: str) -> NoReturn:
        """Leave the execution to people: where it stood, this code has no place."""
        activation = activation_of("a flow")
        error = HistoryMismatch(
            activation.info().execution_id, version=0, recorded="a checkpoint", requested=f"nothing there: {reason}"
        )
        activation.abandon(error)
        raise error
