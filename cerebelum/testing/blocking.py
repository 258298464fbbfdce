"""The test engine for tests without asyncio: it runs on a loop in a thread of its own, and every call waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import ModuleType
from typing import Any, Generic, TypeVar, overload

from cerebelum.engine.application.schedules import Synced
from cerebelum.engine.authoring.schedules import Schedule
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.schedules.schedule import ScheduleRow
from cerebelum.testing.engine import FlowHandle, InMemoryEngine
from cerebelum.testing.execution import Execution, Step, find_step
from cerebelum.testing.moment import Moment
from cerebelum.testing.replacing import Replacement

R = TypeVar("R")
T = TypeVar("T")


class BlockingFlowHandle(Generic[R]):
    """A `FlowHandle` whose calls wait: `signal`, `cancel`, `pause`, `resume` … as on a handle."""

    def __init__(self, kit: BlockingEngine, handle: FlowHandle[R]) -> None:
        self.kit, self.handle = kit, handle
        self.id, self.existed = handle.id, handle.existed

    def result(self, timeout_s: float | None = None) -> R:
        """Return its result, letting virtual time flow until its end; `timeout_s` is in real seconds."""
        return self.kit.call(self.handle.result(timeout_s))

    def fork(self, at: int | str | None = None, **options: Any) -> BlockingFlowHandle[R]:
        """As `FlowHandle.fork`."""
        return BlockingFlowHandle(self.kit, self.kit.call(self.handle.fork(at, **options)))

    def execution(self) -> Execution:
        """Return what is known of it now."""
        return self.kit.call(self.handle.execution())

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.handle, name)
        return lambda *args, **kwargs: self.kit.call(method(*args, **kwargs))


class BlockingEngine:
    """As `InMemoryEngine`, each call waits. Made by the fixture `blocking_engine`, or by `blocking_in_memory_engine()`."""

    def __init__(self, kit: InMemoryEngine, loop: asyncio.AbstractEventLoop) -> None:
        self.kit, self._loop = kit, loop

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the engine's loop and return its result."""
        __tracebackhide__ = True
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        error = future.exception()
        if isinstance(error, AssertionError):
            raise error.with_traceback(None)  # the test's own line is what counts
        return future.result()

    # -- running ------------------------------------------------------------------------------------------------------
    @overload
    def start(self, workflow: WorkflowDefinition[..., R], *args: Any, **options: Any) -> BlockingFlowHandle[R]: ...
    @overload
    def start(self, workflow: str, *args: Any, **options: Any) -> BlockingFlowHandle[Any]: ...

    def start(self, workflow: WorkflowDefinition[..., R] | str, *args: Any, **options: Any) -> BlockingFlowHandle[R]:
        """As `InMemoryEngine.start`."""
        return BlockingFlowHandle(self, self.call(self.kit.start(workflow, *args, **options)))

    @overload
    def run(self, workflow: WorkflowDefinition[..., R], *args: Any, **options: Any) -> R: ...
    @overload
    def run(self, workflow: str, *args: Any, **options: Any) -> Any: ...

    def run(self, workflow: WorkflowDefinition[..., R] | str, *args: Any, **options: Any) -> R:
        """As `InMemoryEngine.run`."""
        result: R = self.call(self.kit.run(workflow, *args, **options))
        return result

    def register(self, *workflows: WorkflowDefinition[..., Any]) -> None:
        """As `InMemoryEngine.register`."""
        self.call(self.kit.register(*workflows))

    def schedule(
        self, name: str, workflow: WorkflowDefinition[..., Any] | str, when: Schedule, *, timezone: str = "UTC"
    ) -> ScheduleRow:
        """As `InMemoryEngine.schedule`."""
        return self.call(self.kit.schedule(name, workflow, when, timezone=timezone))

    def schedule_all(self, *targets: ModuleType | WorkflowDefinition[..., Any], timezone: str = "UTC") -> Synced:
        """As `InMemoryEngine.schedule_all`."""
        return self.call(self.kit.schedule_all(*targets, timezone=timezone))

    def handle(self, execution_id: str) -> BlockingFlowHandle[Any]:
        """As `InMemoryEngine.handle`."""
        return BlockingFlowHandle(self, self.kit.handle(execution_id))

    def list(self, **conditions: Any) -> list[ExecutionRow]:
        """As `InMemoryEngine.list`."""
        return self.call(self.kit.list(**conditions))

    def get_execution(self, which: BlockingFlowHandle[Any] | str) -> Execution:
        """As `InMemoryEngine.get_execution`."""
        return self.call(self.kit.get_execution(_id(which)))

    def crash(self) -> None:
        """As `InMemoryEngine.crash`."""
        self.call(self.kit.crash())

    # -- time ---------------------------------------------------------------------------------------------------------
    @property
    def now(self) -> datetime:
        """Virtual time, UTC."""
        return self.kit.now

    def advance(self, **span: float) -> None:
        """As `InMemoryEngine.advance`."""
        self.call(self.kit.advance(**span))

    def settle(self) -> None:
        """As `InMemoryEngine.settle`."""
        self.call(self.kit.settle())

    def at(self, **span: float) -> BlockingMoment:
        """As `InMemoryEngine.at`."""
        return BlockingMoment(self.kit.at(**span))

    # -- steps --------------------------------------------------------------------------------------------------------
    def replace_step(self, step: object, function: Callable[..., Any]) -> Replacement:
        """As `InMemoryEngine.replace_step`."""
        return self.kit.replace_step(step, function)

    def fail_step(self, step: object, **how: Any) -> Replacement:
        """As `InMemoryEngine.fail_step`."""
        return self.kit.fail_step(step, **how)

    def mock_service_failures(self, service: Any, name: str, times: int | None = None, **how: Any) -> Replacement:
        """As `InMemoryEngine.mock_service_failures`."""
        return self.kit.mock_service_failures(service, name, times, **how)

    # -- assertions ---------------------------------------------------------------------------------------------------
    def assert_completed(self, which: BlockingFlowHandle[Any] | str, *, timeout_ms: float = 5000) -> Execution:
        """As `InMemoryEngine.assert_completed`."""
        __tracebackhide__ = True
        return self.call(self.kit.assert_completed(_id(which), timeout_ms=timeout_ms))

    def assert_workflow_completed(self, workflow_id: BlockingFlowHandle[Any] | str, timeout: float = 5000) -> Execution:
        """As `InMemoryEngine.assert_workflow_completed`."""
        __tracebackhide__ = True
        return self.call(self.kit.assert_completed(_id(workflow_id), timeout_ms=timeout))

    def assert_failed(
        self, which: BlockingFlowHandle[Any] | str, *, match: str | None = None, timeout_ms: float = 5000
    ) -> Execution:
        """As `InMemoryEngine.assert_failed`."""
        __tracebackhide__ = True
        return self.call(self.kit.assert_failed(_id(which), match=match, timeout_ms=timeout_ms))

    def assert_cancelled(self, which: BlockingFlowHandle[Any] | str, *, timeout_ms: float = 5000) -> Execution:
        """As `InMemoryEngine.assert_cancelled`."""
        __tracebackhide__ = True
        return self.call(self.kit.assert_cancelled(_id(which), timeout_ms=timeout_ms))

    def find_step(self, execution: Execution, name: str) -> Step:
        """Return the latest record of a step; see `find_step`."""
        __tracebackhide__ = True
        return find_step(execution, name)


class BlockingMoment:
    """As `Moment`, for handles of a `BlockingEngine`."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> BlockingMoment:
        """Call a function that does not wait for the engine: it runs on the engine's own thread."""
        self._moment.call(function, *args, **kwargs)
        return self

    def __getattr__(self, name: str) -> Any:
        plan = getattr(self._moment, name)

        def planned(handle: BlockingFlowHandle[Any], *args: Any, **kwargs: Any) -> BlockingMoment:
            plan(handle.handle, *args, **kwargs)
            return self

        return planned


@contextmanager
def blocking_in_memory_engine(**options: Any) -> Iterator[BlockingEngine]:
    """Give a `BlockingEngine` that is closed at the end; options as those of `InMemoryEngine`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="cerebelum-test-engine", daemon=True)
    thread.start()

    async def make() -> InMemoryEngine:
        return InMemoryEngine(**options)

    try:
        kit = asyncio.run_coroutine_threadsafe(make(), loop).result()
        try:
            yield BlockingEngine(kit, loop)
        finally:
            asyncio.run_coroutine_threadsafe(kit.close(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _id(which: BlockingFlowHandle[Any] | str) -> str:
    return which if isinstance(which, str) else which.id
