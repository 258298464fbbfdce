"""Makes the frame after each event of a replay: what the history says, where the code stands, what changed.

One running state and the frame before are all it keeps. The state forgets steps as they end, so its size is that of
what is open, however long the history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from msgspec.structs import replace

from cerebelum.engine.application.event_text import summarise
from cerebelum.engine.application.watching import Watch
from cerebelum.engine.authoring.flow import FlowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.projection import ExecutionState, OpenWait, StepState, advance
from cerebelum.engine.runtime.frames import (
    MAX_OPEN,
    MAX_TASKS,
    Frame,
    StackEntry,
    TaskStack,
    capture_stack,
    shown_frames,
)
from cerebelum.engine.runtime.rendering import Change, changes, render_named
from cerebelum.engine.runtime.run import TRIGGERS, WorkflowRun

_ENDS_A_STEP = ev.StepCompleted | ev.StepFailedEvent | ev.StepCancelled
_OPEN_STATUS = ("running", "waiting")


class FrameRecorder:
    """Give it every event of a replay, right after the run has applied it."""

    def __init__(self, execution_id: str, run: WorkflowRun, watches: Sequence[Watch] = ()) -> None:
        self.state = ExecutionState(execution_id=execution_id, steps=_OpenSteps())
        self._run, self._watches = run, watches
        self._stacks: dict[int, TaskStack] = {}  # by the task's number, without changes
        self._shown: list[TaskStack] = []
        self._still: list[TaskStack] = []  # the same, when nothing has happened since
        self._watched: dict[str, str] = {}

    def frame(self, recorded: ev.RecordedEvent, event: ev.Event | ev.UnknownEvent) -> Frame:
        """Return the frame after `event`."""
        state = self.state
        summary = summarise(event, state, recorded.at_us)
        self.pass_by(recorded, event)
        watched_before = self._watched
        moved = type(event) in TRIGGERS  # nothing else makes the code run
        if moved:
            self._capture()
        tasks = self._shown if moved else self._still
        main = tasks[0].stack if tasks and tasks[0].task == "main" else ()
        return Frame(
            version=recorded.version,
            event=recorded.type,
            summary=summary,
            status=state.status,
            at_us=recorded.at_us,
            now_us=self._run.now_us(),
            tasks=tasks,
            task_count=self._task_count(),
            changed=[change for entry in main for change in entry.changed],
            context=self._context(),
            open=self._open(),
            open_count=len(state.open) + len(state.steps),
            watched=self._watched,
            watched_changed=changes(watched_before, self._watched) if watched_before is not self._watched else [],
        )

    def _context(self) -> str | None:
        """Return what the branches of a flow share, as far as it is recorded; None for all else."""
        if not isinstance(self._run.definition, FlowDefinition):
            return None
        return render_named("context", self._run.recorded_context.held())

    def pass_by(self, recorded: ev.RecordedEvent, event: ev.Event | ev.UnknownEvent) -> None:
        """Take note of an event that nobody wants to see."""
        state = self.state
        advance(state, recorded)
        state.signals.clear()
        if isinstance(event, _ENDS_A_STEP):
            number = event.of if isinstance(event, ev.StepCancelled) else event.number
            if number in state.steps and state.steps[number].status not in _OPEN_STATUS:
                del state.steps[number]
        elif isinstance(event, ev.ExecutionRetried) or recorded.type in ev.FINAL_TYPES:
            state.steps.clear()

    def _task_count(self) -> int:
        return len(self._run.loop.tasks) if self._run.started is not None else 0

    def _capture(self) -> None:
        tasks = self._run.loop.tasks if self._run.started is not None else {}
        before, self._stacks = self._stacks, {}
        self._shown, self._still = [], []
        for number, task in islice(tasks.items(), MAX_TASKS):
            if task.done():
                continue
            known = before.get(number)
            still = TaskStack(task=task.get_name(), stack=capture_stack(task.get_coro()))
            self._stacks[number] = still
            self._still.append(still)
            self._shown.append(replace(still, stack=_marked(known.stack if known else [], still.stack)))
        if self._watches:
            self._watched = self._look()

    def _look(self) -> dict[str, str]:
        tasks = self._run.loop.tasks if self._run.started is not None else {}
        chains = [shown_frames(task.get_coro()) for task in islice(tasks.values(), MAX_TASKS) if not task.done()]
        scopes: list[Mapping[str, Any]] = [frame.f_locals for frames in chains for frame in reversed(frames)]
        found = ((watch.text, watch.find(scopes)) for watch in self._watches)
        return {text: value for text, value in found if value is not None}

    def _open(self) -> list[OpenWait]:
        waits = self.state.open.values()
        steps = self.state.steps.values()
        if not waits and not steps:
            return []
        return sorted(islice(chain(_as_waits(steps), waits), MAX_OPEN), key=lambda wait: wait.number)


class _OpenSteps(dict[int, StepState]):
    """Steps under way. An event may still speak of one that is gone: its end crossed with a cancellation."""

    def __missing__(self, number: int) -> StepState:
        return StepState(number=number, name="")


def _marked(before: list[StackEntry], after: list[StackEntry]) -> list[StackEntry]:
    """Return `after` with what changed against the entry of the same function in the same place."""
    marked = []
    for position, entry in enumerate(after):
        known = before[position] if position < len(before) else None
        same = known is not None and known.function == entry.function and known.file == entry.file
        found: list[Change] = changes(known.locals if known is not None and same else {}, entry.locals)
        marked.append(replace(entry, changed=found) if found else entry)
    return marked


def _as_waits(steps: Any) -> Iterator[OpenWait]:
    for step in steps:
        retry_at_us = step.attempts[-1].retry_at_us if step.status == "waiting" and step.attempts else None
        yield OpenWait(
            number=step.number,
            kind="step",
            name=step.name,
            line=step.line,
            since_us=step.scheduled_us,
            due_us=retry_at_us,
        )
