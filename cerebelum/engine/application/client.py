"""The client: start executions and talk to them, from Python."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from types import ModuleType
from typing import Any, Generic, Literal, TypeVar, cast

from cerebelum.engine.application import control, declared_schedules, inputs, messages, query
from cerebelum.engine.application import result as results
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.forking import ForkRequest, edits_of, fork
from cerebelum.engine.application.query import ExecutionView
from cerebelum.engine.application.schedules import Schedules, Synced
from cerebelum.engine.application.start import IfExists, StartOptions, start, start_many
from cerebelum.engine.authoring.schedules import Schedule
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.durations import instant_us
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.projection_inputs import OpenInput
from cerebelum.engine.domain.schedules.schedule import ScheduleRow
from cerebelum.engine.ports.store import ExecutionFilter, LogLine

R = TypeVar("R")
Inputs = list[OpenInput]  # `list` is a method of the client


class Handle(Generic[R]):
    """One execution, to be waited for and talked to."""

    def __init__(self, engine: Engine, execution_id: str, annotation: Any = Any, *, existed: bool = False) -> None:
        self._engine, self._annotation = engine, annotation
        self.id = execution_id
        self.existed = existed  # the start found it there

    async def result(self, timeout_s: float | None = None) -> R:
        """Return its result, waiting for its end; see `application.result.result` for what it raises."""
        return cast("R", await results.result(self._engine, self.id, self._annotation, timeout_s=timeout_s))

    async def signal(self, name: str, payload: Any = None, *, key: str = "") -> bool:
        """Send it a signal; see `application.control.signal`."""
        return await control.signal(self._engine, self.id, name, payload, key=key)

    async def query(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Return what the workflow's `on_query(name, …)` answers; see `application.messages.ask`."""
        return await messages.ask(self._engine, self.id, name, args, kwargs)

    async def update(
        self, name: str, /, *args: Any, key: str = "", timeout_s: float | None = None, **kwargs: Any
    ) -> Any:
        """Send an update and return its handler's result; see `application.messages.update` for what it raises."""
        return await messages.update(self._engine, self.id, name, args, kwargs, key=key, timeout_s=timeout_s)

    async def provide_input(self, name: str, data: Any = None, *, by: str = "") -> Literal["accepted", "stored"]:
        """Answer what it asks of a person; see `application.inputs.provide_input` for what it raises."""
        return await inputs.provide_input(self._engine, self.id, name, data, by=by)

    async def cancel(self, reason: str = "") -> None:
        """Ask it to stop; see `application.control.cancel`."""
        await control.cancel(self._engine, self.id, reason=reason)

    async def pause(self, reason: str = "") -> None:
        """Begin no further step until `resume`."""
        await control.pause(self._engine, self.id, reason=reason)

    async def resume(self, data: Any = None) -> None:
        """Go on after a pause, or out of a sleep."""
        await control.resume(self._engine, self.id, data=data)

    async def fork(
        self,
        at: int | str | None = None,
        *,
        patch: Mapping[str, Any] | None = None,
        code: WorkflowDefinition[..., R] | None = None,
        id: str | None = None,  # noqa: A002 - the word users have for it
    ) -> Handle[R]:
        """Begin a new execution with a part of this one's history; this one is only read. See docs/fork.md.

        Args:
            at: the last event to take over, or a step, `"ship"` or `"ship#2"`: then it runs again.
            patch: what to change in the copy, `{"charge.total": 5}`; see `domain.editing` for what can be named.
            code: the workflow, to run on the code at hand; default: the code that this one ran on.
            id: of your own; default: a new one.

        Raises:
            ForkPointUnknown, ForkRefused, EditRefused, ExecutionExists: see `application.forking`.
            ForkDoesNotFit: the code, or an edit, does not fit what is taken over. Nothing was written.
        """
        if code is not None:
            await self._engine.register(code)
        request = ForkRequest(at=at, edits=edits_of(patch or {}), definition=code, id=id)
        prepared = await fork(self._engine, self.id, request)
        return Handle(self._engine, prepared.execution_id, self._annotation)

    async def describe(self, *, include_logs: bool = False) -> ExecutionView:
        """Return its row, steps, and logs if asked."""
        return await query.get_execution(self._engine, self.id, include_logs=include_logs)

    async def history(self) -> list[RecordedEvent]:
        """Return its events."""
        return await query.history(self._engine, self.id)

    def follow(self) -> AsyncIterator[RecordedEvent]:
        """Yield its events as they are committed, until it ends."""
        return query.follow(self._engine, self.id)

    def logs(self) -> AsyncIterator[LogLine]:
        """Yield its captured lines, until it ends."""
        return query.follow_logs(self._engine, self.id)


class Client:
    """Made by `cerebelum.connect(url)`. A workflow started by its function runs on a node in this process."""

    def __init__(self, engine: Engine, *, node: bool = True) -> None:
        self.engine, self._runs_node = engine, node

    async def start(
        self,
        workflow: WorkflowDefinition[..., R] | str,
        *args: Any,
        id: str | None = None,  # noqa: A002 - the word users have for it
        if_exists: IfExists = "use",
        queue: str | None = None,
        priority: int = 0,
        scheduled_at: datetime | None = None,
        **kwargs: Any,
    ) -> Handle[R]:
        """Start an execution and return once it is durable; see `application.start` for what it raises."""
        options = StartOptions(
            id=id, if_exists=if_exists, queue=queue, priority=priority,
            scheduled_at_us=None if scheduled_at is None else instant_us(scheduled_at, what="scheduled_at"),
        )  # fmt: skip
        annotation = await self._prepare(workflow)
        started = await start(self.engine, workflow, args, kwargs, options)
        return Handle(self.engine, started.execution_id, annotation, existed=started.existed)

    async def signal_with_start(
        self,
        workflow: WorkflowDefinition[..., R] | str,
        *args: Any,
        id: str,  # noqa: A002 - the word users have for it
        signal: str,
        payload: Any = None,
        key: str = "",
        **kwargs: Any,
    ) -> Handle[R]:
        """Signal the execution `id`, and start it first if there is none, in one commit: no signal meets a gap.

        Args:
            args, kwargs: of the workflow, used where it is started.
            key: as `Handle.signal`.

        Raises:
            ForbiddenTransition: the execution is there, and has ended.
            What `start` raises of the workflow and its input.
        """
        annotation = await self._prepare(workflow)
        message = messages.start_signal(self.engine, id, signal, payload, key=key)
        options = StartOptions(id=id)
        started = await messages.signal_with_start(self.engine, workflow, args, kwargs, options, message)
        return Handle(self.engine, started.execution_id, annotation, existed=started.existed)

    async def start_many(self, workflow: WorkflowDefinition[..., R], inputs: list[tuple[Any, ...]]) -> list[Handle[R]]:
        """Start one execution per tuple of arguments; thousands share one commit."""
        annotation = await self._prepare(workflow)
        started = await start_many(self.engine, workflow, inputs)
        return [Handle(self.engine, one.execution_id, annotation) for one in started]

    async def register(self, *workflows: WorkflowDefinition[..., Any]) -> None:
        """Have this process's node run these workflows, and take up their open executions."""
        for workflow in workflows:
            await self._prepare(workflow)
        if self.engine.node is not None:
            self.engine.node.dispatcher.poke()

    async def provide_input(
        self, execution_id: str, name: str, data: Any = None, *, by: str = ""
    ) -> Literal["accepted", "stored"]:
        """Answer what an execution asks of a person; see `application.inputs.provide_input` for what it raises."""
        return await inputs.provide_input(self.engine, execution_id, name, data, by=by)

    async def pending_inputs(self) -> Inputs:
        """Return what waits for people, in all open executions, the longest wait first."""
        return await inputs.pending_inputs(self.engine)

    @property
    def schedules(self) -> Schedules:
        """What is scheduled: list, get, pause, resume, trigger, delete, next_fires, backfill, runs."""
        return Schedules(self.engine)

    async def schedule(
        self, name: str, workflow: WorkflowDefinition[..., Any] | str, when: Schedule, *, timezone: str = "UTC"
    ) -> ScheduleRow:
        """Start a workflow by itself from now on: `await client.schedule("nightly", report, cron("0 3 * * *"))`.

        A schedule of this name is changed; whether it is paused, and its last run, stay.

        Args:
            workflow: by its function, then this process's node runs it; or by name.
            when: `cron(…)`, `every(…)` or `at(…)`, with input, queue, overlap and the rest.
            timezone: of a cron that names none.

        Raises:
            UnknownWorkflow: nobody ever registered this name.
            ArgumentError, PayloadMismatch, PayloadNotEncodable: the input does not fit the workflow.
            InvalidSchedule: the name or the zone cannot be used.
        """
        spec = when.spec_in(timezone)
        await self._prepare(workflow)
        return await self.schedules.put(name, workflow, spec)

    async def schedule_all(self, *targets: ModuleType | WorkflowDefinition[..., Any], timezone: str = "UTC") -> Synced:
        """Register the `@cron`, `@every` and `@at` above these workflows, or above all workflows of these modules.

        To do so again changes what has changed. Of a module, schedules that it does not declare any more are paused.

        Args:
            timezone: of crons that name none.

        Raises:
            InvalidSchedule: two have one name, or the zone is unknown.
            As `schedule`.
        """
        for target in targets:
            if not isinstance(target, ModuleType):
                await self._prepare(target)
        synced = await declared_schedules.schedule_all(self.engine, *targets, timezone=timezone)
        if self._runs_node and self.engine.registry.names():
            await self.engine.start_node()
        return synced

    def handle(self, execution_id: str) -> Handle[Any]:
        """Return a handle for an execution that may run anywhere."""
        return Handle(self.engine, execution_id)

    async def list(self, **conditions: Any) -> list[ExecutionRow]:
        """Return executions; the conditions are those of `ExecutionFilter`."""
        return await query.list_executions(self.engine, ExecutionFilter(**conditions))

    async def _prepare(self, workflow: WorkflowDefinition[..., Any] | str) -> Any:
        if not isinstance(workflow, WorkflowDefinition):
            return Any
        await self.engine.register(workflow)
        if self._runs_node:
            await self.engine.start_node()
        return workflow.signature.result_type
