"""Makes the frame after each event of a replay: what the history says, where the code stands, what changed.

One running state and the frame before are all it keeps, so its size is that of what is open, however long the history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import PurePath
from typing import Any

from msgspec.structs import replace

from cerebelum.engine.application.event_text import summarise
from cerebelum.engine.application.flow_contexts import FlowContext
from cerebelum.engine.application.open_state import open_state, pass_by
from cerebelum.engine.application.replay_logs import LogCursor, NewLogs
from cerebelum.engine.application.watching import Watch, WatchFailed
from cerebelum.engine.authoring.flow import FlowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.projection import OpenWait
from cerebelum.engine.runtime.flow_frames import FlowPlaces
from cerebelum.engine.runtime.frames import (
    MAX_OPEN,
    MAX_TASKS,
    Frame,
    StackEntry,
    TaskStack,
    capture_stack,
    shown_frames,
)
from cerebelum.engine.runtime.rendering import Change, changes
from cerebelum.engine.runtime.run import TRIGGERS, WorkflowRun

_ABOUT_ANOTHER = (ev.StepCancelled, ev.TimerCancelled, ev.WaitCompleted, ev.ChildCancelled, ev.InputClosed)
_NO_LOGS = NewLogs()


class FrameRecorder:
    """Give it the run that is replayed, then every event, right after the run has applied it.

    Args:
        last_version: of the history: its frame has all the lines that are left.
    """

    def __init__(
        self,
        execution_id: str,
        watches: Sequence[Watch] = (),
        *,
        logs: LogCursor | None = None,
        last_version: int = 0,
    ) -> None:
        self.state = open_state(execution_id)
        self._watches, self._logs, self._last_version = watches, logs, last_version
        self._run: WorkflowRun
        self._code = ""
        self._is_new_run = True
        self._places: FlowPlaces | None = None
        self._context: FlowContext | None = None
        self._stacks: dict[int, TaskStack] = {}  # by the task's number, without changes
        self._shown: list[TaskStack] = []
        self._still: list[TaskStack] = []  # the same, when nothing has happened since
        self._watched: dict[str, str] = {}
        self._watch_errors: dict[str, str] = {}

    def follow(self, run: WorkflowRun, code: str) -> None:
        """Look at this run from now on: its code is what ran the events that come."""
        self._run, self._code, self._is_new_run = run, code, True
        self._places = FlowPlaces(run.definition) if isinstance(run.definition, FlowDefinition) else None
        if self._places is not None and self._context is None:
            self._context = FlowContext()

    def frame(self, recorded: ev.RecordedEvent, event: ev.Event | ev.UnknownEvent) -> Frame:
        """Return the frame after `event`."""
        state = self.state
        summary = summarise(event, state, recorded.at_us)
        pass_by(state, recorded, event)
        watched_before = self._watched
        moved = type(event) in TRIGGERS or self._is_new_run  # nothing else makes the code run
        if moved:
            self._is_new_run = False
            self._capture()
        tasks = self._shown if moved else self._still
        main = tasks[0].stack if tasks and tasks[0].task == "main" else ()
        context, is_last = self._context, recorded.version == self._last_version
        if context is not None:
            context.look(self._run, self._places, has_run=moved)
        logs = _NO_LOGS if self._logs is None else self._logs.up_to(recorded.at_us, is_last=is_last)
        return Frame(
            version=recorded.version,
            event=recorded.type,
            summary=summary,
            status=state.status,
            at_us=recorded.at_us,
            number=event.of if isinstance(event, _ABOUT_ANOTHER) else getattr(event, "number", 0),
            code=self._code,
            now_us=self._run.now_us(),
            tasks=tasks,
            task_count=len(self._tasks()),
            changed=[change for entry in main for change in entry.changed],
            context=None if context is None else context.text,
            context_values={} if context is None else context.values,
            context_changed=[] if context is None else context.changed,
            open=self._open(),
            open_count=len(state.open) + len(state.steps),
            watched=self._watched,
            watched_changed=changes(watched_before, self._watched) if watched_before is not self._watched else [],
            watch_errors=self._watch_errors,
            log_count=logs.count,
            log_new=logs.new,
            logs=logs.lines,
        )

    def _tasks(self) -> Mapping[int, Any]:
        return self._run.loop.tasks if self._run.started is not None else {}

    def _capture(self) -> None:
        before, self._stacks = self._stacks, {}
        self._shown, self._still = [], []
        places = self._places
        for number, task in islice(self._tasks().items(), MAX_TASKS):
            if task.done():
                continue
            known = before.get(number)
            stack = capture_stack(task.get_coro()) if places is None else places.stack(task.get_coro())
            still = TaskStack(task=task.get_name(), stack=stack, number=number)
            self._stacks[number] = still
            self._still.append(still)
            self._shown.append(replace(still, stack=_marked(known.stack if known else [], stack)))
        if self._watches:
            self._look()

    def _look(self) -> None:
        scopes: list[Mapping[str, Any]] = []
        for task in islice(self._tasks().values(), MAX_TASKS):
            if task.done():
                continue
            if self._places is None:
                scopes.extend(frame.f_locals for frame in reversed(shown_frames(task.get_coro())))
            else:
                scopes.extend(self._places.scopes(task.get_coro()))
        if self._context is not None:
            scopes.extend(self._context.scopes(self._run))
        self._watched, self._watch_errors = {}, {}
        for watch in self._watches:
            try:
                self._watched[watch.text] = watch.find(scopes)
            except WatchFailed as failure:
                self._watch_errors[watch.text] = str(failure)

    def _open(self) -> list[OpenWait]:
        waits = self.state.open.values()
        steps = self.state.steps.values()
        if len(waits) + len(steps) < 2:  # most of the time: nothing to sort
            return [*waits, *_as_waits(steps)]
        return sorted(islice(chain(_as_waits(steps), waits), MAX_OPEN), key=lambda wait: wait.number)


def _marked(before: list[StackEntry], after: list[StackEntry]) -> list[StackEntry]:
    """Return `after` with what changed against the entry of the same function in the same place."""
    marked = []
    for position, entry in enumerate(after):
        known = before[position] if position < len(before) else None
        same = known is not None and known.function == entry.function and _same_file(known.file, entry.file)
        found: list[Change] = changes(known.locals if known is not None and same else {}, entry.locals)
        marked.append(replace(entry, changed=found) if found else entry)
    return marked


def _same_file(one: str, other: str) -> bool:
    """Whether both are one file, also of two versions: `flow.py` and `flow.py@3f2a91bc`."""
    return one == other or PurePath(one).name.partition("@")[0] == PurePath(other).name.partition("@")[0]


def _as_waits(steps: Any) -> Iterator[OpenWait]:
    for step in steps:
        retry_at_us = step.attempts[-1].retry_at_us if step.status == "waiting" and step.attempts else None
        yield OpenWait(
            number=step.number,
            kind="step",
            name=step.place or step.name,
            line=step.line,
            since_us=step.scheduled_us,
            due_us=retry_at_us,
        )
