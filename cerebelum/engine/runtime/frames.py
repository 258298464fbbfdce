"""Where suspended code stands: file, line, function and locals, read from coroutines without running them.

A chain goes from a coroutine to what it awaits, through async generators and generators, down to the future it waits
for. A future knows no waiter's task, so there is one chain for each live task; `gather` and `TaskGroup` show as several.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import AsyncGeneratorType, CoroutineType, FrameType
from typing import Any

from msgspec import Struct, field

from cerebelum.engine.authoring.plain import with_plain_frames
from cerebelum.engine.authoring.step import StepDefinition
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors_payload import ArgumentError
from cerebelum.engine.domain.projection import OpenWait
from cerebelum.engine.runtime.await_chain import await_chain
from cerebelum.engine.runtime.rendering import Change, render_named

MAX_TASKS = 50  # of one frame: the oldest
MAX_OPEN = 50  # of one frame: the oldest
MAX_ENTRIES = 50  # of one chain: the innermost
MAX_LOCALS = 50  # of one entry
MAX_LOGS = 20  # new lines of one frame: the newest
_MAX_DEPTH = 100_000  # of the walk; a chain cannot be endless, but it is not ours
_ENGINE = str(Path(__file__).resolve().parents[2]) + "/"
_HIDDEN = (_ENGINE, str(Path(asyncio.__file__).parent) + "/", contextlib.__file__)
# A task made of such a call directly (`gather(charge(1))`) has no frame of the user's: the call itself is shown.
_CALLS = (StepDefinition._in_workflow.__code__, WorkflowDefinition._await_child.__code__)


class StackEntry(Struct, frozen=True, kw_only=True):
    """One function of a suspended chain."""

    file: str
    line: int
    function: str  # qualified name
    locals: dict[str, str]  # name -> rendered value, in the order of the code
    changed: list[Change] = field(default_factory=list)  # of `locals`, against the frame before


class TaskStack(Struct, frozen=True, kw_only=True):
    """One live task: its name, and its chain from the outermost function to the one that waits."""

    task: str  # its name; `task-2` and so on where the code gave none
    stack: list[StackEntry]
    number: int = 0  # in the order of making, from 1; the same on every replay


class ShownLog(Struct, frozen=True, kw_only=True):
    """One captured line, cut."""

    at_us: int
    step: str
    attempt: int
    level: str
    message: str


class Frame(Struct, frozen=True, kw_only=True):
    """The state of an execution after one event of its history. Instants in microseconds since the Unix epoch."""

    version: int  # of the event
    event: str  # its type
    summary: str = ""  # what happened, in one line
    status: str
    at_us: int  # when the event was recorded
    number: int = 0  # of the step, timer, wait or child that the event is about; 0: of none
    code: str = ""  # digest of the version that ran
    now_us: int = 0  # workflow time: what `time.time()` says in the workflow
    tasks: list[TaskStack] = field(default_factory=list)  # the main one first; MAX_TASKS at most
    task_count: int = 0  # of live tasks, shown or not
    changed: list[Change] = field(default_factory=list)  # all that of the main task, outermost function first
    context: str | None = None  # of a graph, rendered
    context_values: dict[str, str] = field(default_factory=dict)  # key -> rendered value
    context_changed: list[Change] = field(default_factory=list)  # of these, against the frame before
    open: list[OpenWait] = field(default_factory=list)  # steps, timers, waits, children; MAX_OPEN at most
    open_count: int = 0
    watched: dict[str, str] = field(default_factory=dict)  # expression -> rendered value; left out while there is none
    watched_changed: list[Change] = field(default_factory=list)
    watch_errors: dict[str, str] = field(default_factory=dict)  # expression -> why it has no value here
    log_count: int = 0  # captured lines up to this event
    log_new: int = 0  # of them, since the event before
    logs: list[ShownLog] = field(default_factory=list)  # the new ones; MAX_LOGS at most, the newest


def capture_tasks(tasks: Iterable[asyncio.Task[Any]]) -> list[TaskStack]:
    """Return one chain for each task that is not done, in the order given."""
    live = (task for task in tasks if not task.done())
    return [TaskStack(task=task.get_name(), stack=capture_stack(task.get_coro())) for task in live]


def capture_stack(coroutine: Any) -> list[StackEntry]:
    """Return where `coroutine` stands, outermost function first; [] when it has finished or was closed.

    Frames of the engine and of asyncio are left out, unless nothing else remains. Values are rendered and masked by
    `render_named`. Also for generators and async generators.
    """
    return [entry_of(frame) for frame in shown_frames(coroutine)]


def shown_frames(coroutine: Any) -> list[FrameType]:
    """Return the interpreter's frames of what `capture_stack` shows, outermost first."""
    kept: deque[FrameType] = deque(maxlen=MAX_ENTRIES)
    hidden: deque[FrameType] = deque(maxlen=MAX_ENTRIES)
    for frame in islice(with_plain_frames(chain_frames(coroutine)), _MAX_DEPTH):
        (hidden if is_hidden(frame) else kept).append(frame)
    calls = [frame for frame in hidden if frame.f_code in _CALLS]
    return list(kept) or calls or list(hidden)


def chain_frames(coroutine: Any) -> Iterator[FrameType]:
    """Yield the interpreter's frames of what `coroutine` waits in, outermost first, ours and asyncio's among them."""
    for each in await_chain(coroutine):
        if isinstance(each, CoroutineType):
            frame = each.cr_frame
        else:
            frame = each.ag_frame if isinstance(each, AsyncGeneratorType) else each.gi_frame
        if frame is not None:
            yield frame


def is_hidden(frame: FrameType) -> bool:
    """Whether a frame is the engine's or asyncio's: a reader wants to see their own."""
    return frame.f_code.co_filename.startswith(_HIDDEN)


def entry_of(frame: FrameType) -> StackEntry:
    """Return what is shown of one frame."""
    code = frame.f_code
    if code in _CALLS:
        return _call(frame.f_locals)
    # A name with a dot is the interpreter's own, such as the iterator of a comprehension.
    named = ((name, value) for name, value in frame.f_locals.items() if not name.startswith("."))
    return StackEntry(
        file=code.co_filename,
        line=frame.f_lineno or code.co_firstlineno,
        function=code.co_qualname,
        locals={name: render_named(name, value) for name, value in islice(named, MAX_LOCALS)},
    )


def _call(call: Mapping[str, Any]) -> StackEntry:
    """Return a step or child that a task waits for directly: its name, where it was called, its arguments."""
    called: StepDefinition[..., Any] | WorkflowDefinition[..., Any] = call["self"]
    code, line = call["line"]
    try:
        arguments = called.signature.bind(call["args"], call["kwargs"])
    except ArgumentError:  # a wrong call, which has not been made yet
        arguments = call["kwargs"]
    shown = {name: render_named(name, value) for name, value in islice(arguments.items(), MAX_LOCALS)}
    return StackEntry(file=code.co_filename, line=line, function=called.name, locals=shown)
