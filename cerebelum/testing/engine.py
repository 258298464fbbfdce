"""An engine for one test: in memory, in virtual time, with steps that can be replaced."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, TypeVar, overload

from cerebelum.adapters.stores.memory import MemoryStore
from cerebelum.adapters.stores.memory_database import MemoryDatabase
from cerebelum.connect import make_codec
from cerebelum.engine.application import result as results
from cerebelum.engine.application.client import Client, Handle
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.schedules import Synced
from cerebelum.engine.authoring.schedules import Schedule
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.durations import duration_us, instant_us
from cerebelum.engine.domain.errors import WaitTimedOut
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.schedules.schedule import ScheduleRow
from cerebelum.engine.runtime.interception import real
from cerebelum.engine.runtime.node import Node, NodeSettings
from cerebelum.engine.testing.death import die
from cerebelum.testing.clock import FlowOfTime, VirtualClock
from cerebelum.testing.execution import Execution, Step, find_step, read_execution
from cerebelum.testing.failure_text import describe
from cerebelum.testing.moment import Moment
from cerebelum.testing.replacing import Replacement, Replacements

R = TypeVar("R")
T = TypeVar("T")
Fault = BaseException | type[BaseException]
_FAULT, _AWAY = RuntimeError("made to fail"), ConnectionError("made to fail")  # copied when they are raised


class FlowHandle(Handle[R]):
    """A handle whose waits let virtual time flow."""

    def __init__(self, kit: InMemoryEngine, handle: Handle[R]) -> None:
        super().__init__(kit.engine, handle.id, handle._annotation, existed=handle.existed)  # noqa: SLF001 - its own kind
        self.kit = kit

    async def result(self, timeout_s: float | None = None) -> R:
        """Return its result, letting virtual time flow until its end; `timeout_s` is in real seconds."""
        return await self.kit.waiting(super().result(timeout_s))

    async def fork(self, at: int | str | None = None, **options: Any) -> FlowHandle[R]:
        """As `Handle.fork`; the waits of the new handle let virtual time flow, too."""
        return FlowHandle(self.kit, await super().fork(at, **options))

    async def execution(self) -> Execution:
        """Return what is known of it now."""
        return await read_execution(self.kit.engine, self.id)


class InMemoryEngine:
    """Made by the fixture `engine`, or by `async with in_memory_engine() as engine: …`.

    Args:
        start_at: where virtual time begins; aware. Default: now.
        settings: of the node.
        store_type: makes the store, given its database and `now_us`.
    """

    def __init__(
        self, *, start_at: datetime | None = None, settings: NodeSettings | None = None,
        store_type: type[MemoryStore] = MemoryStore,
    ) -> None:  # fmt: skip
        start_us = real.now_us() if start_at is None else instant_us(start_at, what="start_at")
        self.clock, self.database = VirtualClock(start_us), MemoryDatabase()
        self.time = FlowOfTime(self.clock, self._node)
        self._replacements = Replacements()
        self.store = store_type(self.database, now_us=self.clock.now_us)
        self.engine = Engine(self.store, make_codec(), settings=settings, clock=self.clock)
        self.client = Client(self.engine)

    def _node(self) -> Node | None:
        return self.engine.node

    async def close(self) -> None:
        """Stop at once, and undo every replacement."""
        self._replacements.undo_all()
        await self.engine.stop_node(0.5)
        await self.engine.store.close()

    # -- running ------------------------------------------------------------------------------------------------------
    @overload
    async def start(self, workflow: WorkflowDefinition[..., R], *args: Any, **options: Any) -> FlowHandle[R]: ...
    @overload
    async def start(self, workflow: str, *args: Any, **options: Any) -> FlowHandle[Any]: ...

    async def start(self, workflow: WorkflowDefinition[..., R] | str, *args: Any, **options: Any) -> FlowHandle[R]:
        """Start an execution; arguments and options as those of `Client.start`."""
        self.clock.move_to(self.clock.now_us() + 1)  # so that lists have an order
        await self._run_node()
        return FlowHandle(self, await self.client.start(workflow, *args, **options))

    @overload
    async def run(self, workflow: WorkflowDefinition[..., R], *args: Any, **options: Any) -> R: ...
    @overload
    async def run(self, workflow: str, *args: Any, **options: Any) -> Any: ...

    async def run(self, workflow: WorkflowDefinition[..., R] | str, *args: Any, **options: Any) -> R:
        """Start an execution and return its result, however long it takes in virtual time.

        Raises:
            ExecutionFailed, ExecutionCancelled: see `Handle.result`.
        """
        return await (await self.start(workflow, *args, **options)).result()

    async def register(self, *workflows: WorkflowDefinition[..., Any]) -> None:
        """Make workflows known, so that they can be started by name."""
        await self._run_node()
        await self.client.register(*workflows)

    async def schedule(
        self, name: str, workflow: WorkflowDefinition[..., Any] | str, when: Schedule, *, timezone: str = "UTC"
    ) -> ScheduleRow:
        """Have a workflow start by itself, in virtual time; see `Client.schedule`."""
        await self._run_node()
        return await self.client.schedule(name, workflow, when, timezone=timezone)

    async def schedule_all(self, *targets: ModuleType | WorkflowDefinition[..., Any], timezone: str = "UTC") -> Synced:
        """Register the `@cron`, `@every` and `@at` above workflows, or of modules; see `Client.schedule_all`."""
        await self._run_node()
        return await self.client.schedule_all(*targets, timezone=timezone)

    def handle(self, execution_id: str) -> FlowHandle[Any]:
        """Return the handle of an execution."""
        return FlowHandle(self, self.client.handle(execution_id))

    async def list(self, **conditions: Any) -> list[ExecutionRow]:
        """Return executions, newest first; the conditions are those of `ExecutionFilter`."""
        return await self.client.list(**conditions)

    async def get_execution(self, which: Handle[Any] | str) -> Execution:
        """Return what is known of an execution now."""
        return await read_execution(self.engine, _id(which))

    async def crash(self) -> None:
        """Have the process die as by `kill -9`, and another go on: what was not committed is lost and done again."""
        node, self.engine.node = self.engine.node, None
        if node is not None:
            await die(node)
        await self._run_node()

    async def _run_node(self) -> None:
        if self.engine.node is None:
            node = await self.engine.start_node()
            node.steps.stand_in = self._replacements.stand_in

    # -- time ---------------------------------------------------------------------------------------------------------
    @property
    def now(self) -> datetime:
        """Virtual time, UTC."""
        return datetime.fromtimestamp(self.clock.now_us() / 1e6, UTC)

    async def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Have that much virtual time pass, and all happen that falls due meanwhile."""
        await self.time.advance(_span_us(days, hours, minutes, seconds))

    async def settle(self) -> None:
        """Return when nothing happens any more without time passing: all that is open waits for something."""
        await self.time.settled()

    def at(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> Moment:
        """Plan something for later, counted from now: `engine.at(days=3).signal(handle, "paid", {…})`."""
        return Moment(self.time, self.clock.now_us() + _span_us(days, hours, minutes, seconds))

    async def waiting(self, work: Coroutine[Any, Any, T]) -> T:
        """Let virtual time flow while `work` runs, and return its result.

        Raises:
            Exception: that of `work`, or of what was planned for a moment that came meanwhile.
        """
        async with self.time.flowing() as flow:
            task = asyncio.get_running_loop().create_task(work)
            try:
                await asyncio.wait({task, flow}, return_when=asyncio.FIRST_COMPLETED)
                if not task.done():
                    flow.result()
                return await task
            finally:
                task.cancel()

    # -- steps --------------------------------------------------------------------------------------------------------
    def replace_step(self, step: object, function: Callable[..., Any]) -> Replacement:
        """Have `function` run in place of `step`, in this engine only; async or plain, whatever the step is.

        Args:
            step: the step, its function, or its name.

        Returns:
            What undoes it before the test ends, and knows the calls.
        """
        return self._replacements.replace(step, function)

    def fail_step(self, step: object, *, times: int | None = None, error: Fault = _FAULT) -> Replacement:
        """Have the next `times` attempts of `step` raise `error`; all of them when `times` is None."""
        return self._replacements.fail(step, times=times, error=error)

    def mock_service_failures(
        self, service: Any, name: str, times: int | None = None, *, error: Fault = _AWAY
    ) -> Replacement:
        """Have the next `times` calls of `service.name` raise `error`, then let calls through.

        Args:
            service: what steps call: an object, a class or a module. Everybody who uses it in this process is affected.
        """
        return self._replacements.fail_attribute(service, name, times=times, error=error)

    # -- assertions ---------------------------------------------------------------------------------------------------
    async def assert_completed(self, which: Handle[Any] | str, *, timeout_ms: float = 5000) -> Execution:
        """Let virtual time flow until an execution ends, and return it.

        Args:
            which: handle or id. An execution that continued as new is followed to its last one.
            timeout_ms: real milliseconds.

        Raises:
            AssertionError: it failed, was cancelled, or has not ended in time; says why, with logs and last events.
        """
        __tracebackhide__ = True
        return await self._assert_ends(which, "completed", timeout_ms)

    async def assert_workflow_completed(self, workflow_id: Handle[Any] | str, timeout: float = 5000) -> Execution:  # noqa: ASYNC109 - the founding document's name; milliseconds
        """As `assert_completed`; `timeout` in real milliseconds."""
        __tracebackhide__ = True
        return await self._assert_ends(workflow_id, "completed", timeout)

    async def assert_failed(
        self, which: Handle[Any] | str, *, match: str | None = None, timeout_ms: float = 5000
    ) -> Execution:
        """As `assert_completed`, for an execution that is to fail.

        Args:
            match: a regular expression that is found in "ErrorName: message".
        """
        __tracebackhide__ = True
        execution = await self._assert_ends(which, "failed", timeout_ms)
        said = "" if execution.error is None else f"{execution.error.name}: {execution.error.message}"
        if match is not None and not re.search(match, said):
            raise AssertionError(describe(execution, f"failed, but its error does not match {match!r}"))
        return execution

    async def assert_cancelled(self, which: Handle[Any] | str, *, timeout_ms: float = 5000) -> Execution:
        """As `assert_completed`, for an execution that is to end as cancelled."""
        __tracebackhide__ = True
        return await self._assert_ends(which, "cancelled", timeout_ms)

    async def _assert_ends(self, which: Handle[Any] | str, status: str, timeout_ms: float) -> Execution:
        __tracebackhide__ = True
        execution_id = _id(which)
        try:
            final = results.final_event(self.engine, execution_id, timeout_s=timeout_ms / 1000)
            execution_id, _ = await self.waiting(final)
        except WaitTimedOut:
            execution = await read_execution(self.engine, execution_id)
            raise AssertionError(describe(execution, f"has not ended within {timeout_ms:g} ms")) from None
        execution = await read_execution(self.engine, execution_id)
        if execution.status != status:
            raise AssertionError(describe(execution, f"{_was(execution.status)}; it was to be {status}"))
        return execution

    def find_step(self, execution: Execution, name: str) -> Step:
        """Return the latest record of a step; see `find_step`."""
        __tracebackhide__ = True
        return find_step(execution, name)


@asynccontextmanager
async def in_memory_engine(**options: Any) -> AsyncIterator[InMemoryEngine]:
    """Give an `InMemoryEngine` that is closed at the end."""
    kit = InMemoryEngine(**options)
    try:
        yield kit
    finally:
        await kit.close()


def assert_completed(handle: FlowHandle[Any], *, timeout_ms: float = 5000) -> Awaitable[Execution]:
    """As `InMemoryEngine.assert_completed`, for a handle that an engine gave."""
    return handle.kit.assert_completed(handle, timeout_ms=timeout_ms)


def assert_failed(
    handle: FlowHandle[Any], *, match: str | None = None, timeout_ms: float = 5000
) -> Awaitable[Execution]:
    """As `InMemoryEngine.assert_failed`, for a handle that an engine gave."""
    return handle.kit.assert_failed(handle, match=match, timeout_ms=timeout_ms)


def _id(which: Handle[Any] | str) -> str:
    return which if isinstance(which, str) else which.id


def _was(status: str) -> str:
    return {"completed": "completed", "failed": "failed"}.get(status, f"is {status}")


def _span_us(days: float, hours: float, minutes: float, seconds: float) -> int:
    return duration_us(days * 86_400 + hours * 3_600 + minutes * 60 + seconds, what="a span of time")
