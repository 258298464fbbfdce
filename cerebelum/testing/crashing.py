"""`crash_everywhere`: a flow is run, then again with a crash after each event and before each commit, and compared.

After an event: a fresh store is given the history up to there, as a process leaves it that dies right then. Before a
commit: the engine dies in the middle of its work, so the steps whose results that commit would have held run again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, structs

from cerebelum.engine.application.event_text import summarise
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ForbiddenTransition
from cerebelum.engine.domain.projection import ExecutionState, advance
from cerebelum.engine.runtime.node import NodeSettings
from cerebelum.engine.testing.answers import answer_what_was_asked, answers_in
from cerebelum.engine.testing.crashes import leave_behind, lost_messages
from cerebelum.engine.testing.invariants import check_store
from cerebelum.testing.crash_profile import Mismatch, looseness, mismatch, profile_of
from cerebelum.testing.crash_store import DyingStore
from cerebelum.testing.engine import FlowHandle, InMemoryEngine
from cerebelum.testing.execution import Execution
from cerebelum.testing.failure_text import describe

Drive = Callable[[InMemoryEngine, FlowHandle[Any]], Awaitable[None] | None]
Progress = Callable[[int, int], None]
_ID = "exec-under-test"
_LOOK_S = 0.0005


class CrashReport(Struct, frozen=True):
    """What was tried, and the first crash that changed something.

    Attributes:
        events, commits: of the run without a crash; after each, and before each, there was a crash.
        crash: where the crash was, if one changed something.
        difference: what it changed.
        notes: what could not be compared.
    """

    workflow: str
    end: str
    events: int
    commits: int
    crash: str = ""
    difference: Mismatch | None = None
    notes: tuple[str, ...] = ()

    @property
    def crashes(self) -> int:
        """How many crashes there are to try."""
        return self.events + self.commits

    def __str__(self) -> str:
        tail = [f"  note: {note}" for note in self.notes]
        if self.difference is None:
            head = f"{self.workflow}: the same after each of {self.crashes} crashes"
            tail.insert(0, f"  {self.events} events, {self.commits} commits; {self.end}")
        else:
            head = f"{self.workflow}: a crash changes {self.difference.what}"
            tail[:0] = [
                f"  crash    {self.crash}",
                f"  without  {self.difference.whole}",
                f"  with     {self.difference.again}",
            ]
        return "\n".join([head, *tail])


class CrashDiffers(AssertionError):
    """A crash changes what the flow does; `report` says which, and what."""

    def __init__(self, report: CrashReport) -> None:
        super().__init__(str(report))
        self.report = report


async def crash_everywhere(
    workflow: WorkflowDefinition[..., Any],
    *args: Any,
    drive: Drive | None = None,
    prepare: Callable[[InMemoryEngine], None] | None = None,
    on_progress: Progress | None = None,
    timeout_s: float = 30.0,
    node_settings: NodeSettings | None = None,
    **kwargs: Any,
) -> CrashReport:
    """Run a flow, then again with a crash after each event and before each commit; return what was tried.

    Steps really run, many times. What differs from run to run without any crash (a clock, a random id) is not compared.

    Args:
        args, kwargs: of the workflow.
        drive: called with engine and handle after each start: plans or sends the signals that the flow waits for.
        prepare: called with each new engine: replaces steps.
        on_progress: told (crashes done, crashes in all).
        timeout_s: real seconds that one run may take.
        node_settings: of the nodes, such as their queues.

    Raises:
        CrashDiffers: a crash changes the result or the recorded effects of steps; an `AssertionError`.
        AssertionError: the flow does not end even without a crash.
    """
    __tracebackhide__ = True
    runs = _Runs(workflow, args, kwargs, drive, prepare, timeout_s, node_settings or NodeSettings())
    report = await runs.compare(on_progress or (lambda *_: None))
    if report.difference is not None:
        raise CrashDiffers(report)
    return report


class _Runs:
    def __init__(
        self, workflow: WorkflowDefinition[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
        drive: Drive | None, prepare: Callable[[InMemoryEngine], None] | None, timeout_s: float,
        settings: NodeSettings,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._workflow, self._args, self._kwargs = workflow, args, kwargs
        self._drive, self._prepare, self._timeout_s = drive, prepare, timeout_s
        self._known: dict[str, WorkflowDefinition[..., Any]] = {workflow.name: workflow}
        self._start_at = datetime.now(UTC)  # all runs begin at one instant, so that times can be compared

    async def compare(self, on_progress: Progress) -> CrashReport:
        """Return the report, which ends with the first difference."""
        whole, commits = await self._whole()
        profile = profile_of(whole)
        second, _ = await self._whole()
        loose = looseness(profile, profile_of(second))
        events = len(whole.events)
        report = CrashReport(self._workflow.name, profile.end, events, commits, notes=tuple(loose.notes()))
        for done in range(events + commits):
            on_progress(done, events + commits)
            if done < events:
                place, again = _after(whole, done + 1), await self._from_prefix(whole, done + 1)
            else:
                number = done - events + 1
                place, again = f"before commit {number} of {commits}", await self._dying(number)
            found = again if isinstance(again, Mismatch) else mismatch(profile, profile_of(again), loose)
            if found is not None:
                return CrashReport(report.workflow, report.end, events, commits, place, found, report.notes)
        on_progress(events + commits, events + commits)
        return report

    async def _whole(self) -> tuple[Execution, int]:
        kit, store = self._engine()
        try:
            handle = await kit.start(self._workflow, *self._args, id=_ID, **self._kwargs)
            ended = await self._end(kit, self._drive_it(kit, handle))
            if isinstance(ended, Mismatch):
                problem = f"{self._workflow.name}, without any crash: {ended.what}\n{ended.again}"
                raise AssertionError(problem)  # noqa: TRY004 - a finding about the flow, no wrong argument
            self._known |= {name: kit.engine.registry.get(name) for name in kit.engine.registry.names()}
            self._configure_queues(kit)
            return ended, store.commits
        finally:
            await kit.close()

    def _configure_queues(self, kit: InMemoryEngine) -> None:
        """Have the other runs know the queues that this one has used: what is said of one is said once."""
        if kit.engine.node is not None:
            used = {lane.name: lane.concurrency for lane in kit.engine.node.steps.queues.lanes}
            self._settings = structs.replace(self._settings, queues={**used, **self._settings.queues})

    async def _from_prefix(self, whole: Execution, version: int) -> Execution | Mismatch:
        """Go on from the first `version` events; messages that are not recorded in them come when they came before."""
        kit, _ = self._engine()
        try:
            for definition in self._known.values():
                await kit.engine.register(definition)
            kept = whole.events[:version]
            kit.clock.move_to(kept[-1].at_us)
            if not await leave_behind(kit.engine, self._workflow, kept):
                for recorded in whole.events[version:]:
                    kit.time.plan(recorded.at_us, functools.partial(_say_again, kit, recorded))
            await kit.register()
            return await self._end(kit, None)
        finally:
            await kit.close()

    async def _dying(self, number: int) -> Execution | Mismatch:
        """Run from the start, and have the process die before commit `number`."""
        kit, store = self._engine()
        store.dies_before = number
        crashing = asyncio.create_task(self._crash_when_dying(kit, store))
        try:
            starting = asyncio.create_task(kit.start(self._workflow, *self._args, id=_ID, **self._kwargs))
            if number == 1:  # the start itself is lost, and whoever asked for it asks again
                await crashing
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
                starting = asyncio.create_task(kit.start(self._workflow, *self._args, id=_ID, **self._kwargs))
            return await self._end(kit, self._drive_it(kit, await starting))
        finally:
            crashing.cancel()
            await asyncio.gather(crashing, return_exceptions=True)
            await kit.close()

    @staticmethod
    async def _crash_when_dying(kit: InMemoryEngine, store: DyingStore) -> None:
        await store.dying.wait()
        await kit.crash()

    def _engine(self) -> tuple[InMemoryEngine, DyingStore]:
        kit = InMemoryEngine(start_at=self._start_at, settings=self._settings, store_type=DyingStore)
        if self._prepare is not None:
            self._prepare(kit)
        assert isinstance(kit.store, DyingStore)
        return kit, kit.store

    async def _drive_it(self, kit: InMemoryEngine, handle: FlowHandle[Any]) -> None:
        if self._drive is not None:
            driven = self._drive(kit, handle)
            if driven is not None:
                await driven

    async def _end(self, kit: InMemoryEngine, drive: Coroutine[Any, Any, None] | None) -> Execution | Mismatch:
        """Let virtual time flow until the execution ends, and return it; or what is wrong.

        It looks at the store, not at the node: that may die meanwhile.
        """
        driving = asyncio.create_task(drive or asyncio.sleep(0))
        ends_at = time.monotonic() + self._timeout_s
        try:
            async with kit.time.flowing() as flow:
                execution_id = _ID
                while (ended := await _ended_id(kit, execution_id)) is None or ended != execution_id:
                    execution_id = ended or execution_id
                    if flow.done():
                        flow.result()
                    if driving.done():
                        driving.result()
                    nothing_comes = driving.done() and kit.time.dry.is_set()
                    if (nothing_comes or time.monotonic() > ends_at) and await _ended_id(kit, execution_id) is None:
                        return await self._stuck(kit, execution_id)
                    await asyncio.sleep(_LOOK_S)
            execution = await kit.get_execution(execution_id)
            violations = await check_store(kit.store, kit.engine.codec, self._known, must_have_ended=False)
            return Mismatch("what must always hold", "it holds", violations[0]) if violations else execution
        finally:
            driving.cancel()
            await asyncio.gather(driving, return_exceptions=True)

    @staticmethod
    async def _stuck(kit: InMemoryEngine, execution_id: str) -> Mismatch:
        execution = await kit.get_execution(execution_id)
        return Mismatch("whether it ends", "it ends", describe(execution, "does not end"))


async def _say_again(kit: InMemoryEngine, recorded: ev.RecordedEvent) -> None:
    """Send the message that became this event, if one did; to an execution that ended without it, nobody can."""
    with contextlib.suppress(ForbiddenTransition):
        for message in lost_messages([recorded]):
            await kit.engine.post(message)
        answers = answers_in([recorded])
        if answers:
            await answer_what_was_asked(kit.engine, _ID, await kit.store.read_history(_ID), answers)


async def _ended_id(kit: InMemoryEngine, execution_id: str) -> str | None:
    """Return the id if that execution has ended, its successor's if it continued as new; None if it is open."""
    last = await kit.store.last_event(execution_id)
    if last is None or last.type not in ev.FINAL_TYPES:
        return None
    event = last.event()
    return event.execution_id if isinstance(event, ev.ContinuedAsNew) else execution_id


def _after(whole: Execution, version: int) -> str:
    """Return the place of a crash after event `version`, with the line of the flow that it is about."""
    state = ExecutionState(execution_id=whole.id)
    for recorded in whole.events[: version - 1]:
        advance(state, recorded)
    recorded = whole.events[version - 1]
    event = recorded.event()
    about = summarise(event, state, recorded.at_us)
    number = getattr(event, "number", getattr(event, "of", 0))
    step = state.steps.get(number)
    line = getattr(event, "line", "") or (step.line if step is not None else "")
    text = f"after event {version} of {len(whole.events)}, {recorded.type} {about}".rstrip()
    return f"{text} ({line})" if line else text
