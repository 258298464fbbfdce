"""An execution as a test looks at it: plain attributes, decoded values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from msgspec import Raw, Struct

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.query import ExecutionView, get_execution, history
from cerebelum.engine.domain.events import ErrorInfo, RecordedEvent
from cerebelum.engine.domain.projection import StepState
from cerebelum.engine.ports.store import LogLine


class Fields(dict[str, Any]):
    """A mapping whose string keys can be read as attributes, too: `execution.context.charge_id`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no {name!r} here; there is {', '.join(map(repr, self)) or 'nothing'}") from None


class Step(Struct, frozen=True, kw_only=True):
    """One step of an execution.

    Attributes:
        attempt: of the last attempt, counted from 1.
        status: running, waiting (for its retry), completed, failed or cancelled.
        args: by name, as JSON holds them.
        result: as JSON holds it; None unless it completed.
        error: of the last attempt that failed, if any: `.name`, `.message`, `.traceback`.
        line: where the workflow called it, "flow.py:22".
    """

    name: str
    number: int
    attempt: int
    status: str
    args: Fields
    result: Any = None
    error: ErrorInfo | None = None
    iteration: int = 0
    line: str = ""


class Execution(Struct, frozen=True, kw_only=True):
    """What is known of an execution.

    Attributes:
        status: pending, running, waiting, paused, completed, failed or cancelled.
        result: decoded as the workflow's annotation says; None unless it completed.
        error: if it failed: `.name`, `.message`, `.traceback`.
        context: its state, by key or by attribute.
        started_at, ended_at: in virtual time, UTC.
    """

    id: str
    workflow: str
    status: str
    input: Fields
    result: Any
    error: ErrorInfo | None
    reason: str
    context: Fields
    steps: tuple[Step, ...]
    logs: tuple[LogLine, ...]
    events: tuple[RecordedEvent, ...]
    waits_for: tuple[str, ...]
    started_at: datetime | None
    ended_at: datetime | None


def find_step(execution: Execution, name: str) -> Step:
    """Return the latest record of the step called `name`.

    Raises:
        AssertionError: there is none; names those that there are.
    """
    __tracebackhide__ = True
    found = [step for step in execution.steps if step.name == name]
    if not found:
        names = ", ".join(dict.fromkeys(step.name for step in execution.steps)) or "no step at all"
        raise AssertionError(f"{execution.id} has no step {name!r}; it has {names}")
    return found[-1]


async def read_execution(engine: Engine, execution_id: str) -> Execution:
    """Return an execution as the store has it.

    Raises:
        ExecutionNotFound: no such execution.
    """
    node = engine.node
    if node is not None:
        node.journal.flush_logs()  # what is not committed yet is written soon, but not before anything else happens
        await node.journal.drained()
    view = await get_execution(engine, execution_id, include_logs=True)
    state, decode = view.state, engine.codec.decode
    return Execution(
        id=execution_id, workflow=state.workflow, status=view.row.status, error=state.error, reason=state.reason,
        input=Fields(_object(decode(bytes(state.input), what="input"))), result=_result(engine, view), context=_context(engine, view),
        steps=tuple(_step(engine, step) for step in state.steps.values()), logs=view.logs,
        events=tuple(await history(engine, execution_id)),
        waits_for=tuple(f"{wait.kind} {wait.name}".strip() for wait in state.open.values()),
        started_at=_moment(state.started_us), ended_at=_moment(state.ended_us),
    )  # fmt: skip


def _result(engine: Engine, view: ExecutionView) -> Any:
    if view.state.result is None:
        return None
    known = view.state.workflow in engine.registry.names()
    annotation = engine.registry.get(view.state.workflow).signature.result_type if known else Any
    return engine.codec.decode(bytes(view.state.result), annotation, what=f"result of {view.row.id}")


def _context(engine: Engine, view: ExecutionView) -> Fields:
    """Return the state that a flow's steps have written; a workflow that is a function has none."""
    return Fields({key: _plain(engine, value) for key, value in view.state.context.as_dict().items()})


def _step(engine: Engine, step: StepState) -> Step:
    failed = [attempt.error for attempt in step.attempts if attempt.error is not None]
    return Step(
        name=step.name, number=step.number, status=step.status, iteration=step.iteration, line=step.line,
        attempt=_last(attempt.attempt for attempt in step.attempts), error=failed[-1] if failed else None,
        args=Fields(_object(_plain(engine, step.args))), result=_plain(engine, step.result),
    )  # fmt: skip


def _plain(engine: Engine, value: Any) -> Any:
    return engine.codec.decode(bytes(value), what="a recorded value") if isinstance(value, Raw) else value


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"value": value}


def _last(numbers: Iterable[int]) -> int:
    return max(numbers, default=1)


def _moment(at_us: int | None) -> datetime | None:
    return None if at_us is None else datetime.fromtimestamp(at_us / 1e6, UTC)
