"""Compare two executions: where they first part, what differs in each event, and the code they ran on. Only reads."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from msgspec import Struct

from cerebelum.engine.application import query
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.aligning import Pair, align
from cerebelum.engine.domain.errors import ExecutionNotFound
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.projection import ExecutionState, reconstruct
from cerebelum.engine.runtime.code.bundle import SourceBundle


class StepTimes(Struct, frozen=True):
    """How long a step took in either execution, from its first attempt to the end of its last; None: it did not end."""

    name: str
    number: int
    first_us: int | None
    second_us: int | None


class ExecutionDiff(Struct, frozen=True, kw_only=True):
    """What two executions have in common, and what not.

    Attributes:
        pairs: all events of both, aligned.
        first_divergence: the index in `pairs` of the first that is not the same; None: none is.
        shared: how many events the second holds as copies of the first's, being its fork, or the other way round.
        code: a unified diff of the stored sources, "" where both ran on the same version or one was not kept.
        code_note: why there is no diff of the code though the versions differ.
        steps: those whose command both have, or one.
    """

    first: ExecutionRow
    second: ExecutionRow
    states: tuple[ExecutionState, ExecutionState]
    pairs: Sequence[Pair]
    first_divergence: int | None
    shared: int
    code: str
    code_note: str
    steps: Sequence[StepTimes]

    @property
    def same(self) -> bool:
        """Whether no event differs."""
        return self.first_divergence is None


async def diff(engine: Engine, first_id: str, second_id: str) -> ExecutionDiff:
    """Compare two executions.

    Raises:
        ExecutionNotFound: one is not there.
    """
    first, second = await _read(engine, first_id), await _read(engine, second_id)
    states = reconstruct(first_id, first[1]), reconstruct(second_id, second[1])
    pairs = align(first[1], second[1])
    divergence = next((place for place, pair in enumerate(pairs) if pair.kind != "same"), None)
    code, note = await _code_diff(engine, *states)
    return ExecutionDiff(
        first=first[0], second=second[0], states=states, pairs=pairs, first_divergence=divergence,
        shared=_shared(*states), code=code, code_note=note, steps=_times(*states),
    )  # fmt: skip


async def _read(engine: Engine, execution_id: str) -> tuple[ExecutionRow, list[RecordedEvent]]:
    row = await engine.store.get_execution(execution_id)
    if row is None:
        error: ExecutionNotFound = await query.not_found(engine, execution_id)
        raise error
    return row, await query.history(engine, execution_id)


def _shared(first: ExecutionState, second: ExecutionState) -> int:
    if second.forked_from == first.execution_id:
        return second.forked_at
    if first.forked_from == second.execution_id:
        return first.forked_at
    if first.forked_from is not None and first.forked_from == second.forked_from:
        return min(first.forked_at, second.forked_at)
    return 0


async def _code_diff(engine: Engine, first: ExecutionState, second: ExecutionState) -> tuple[str, str]:
    if (first.workflow, first.code) == (second.workflow, second.code):
        return "", ""
    before = await _sources(engine, first)
    after = await _sources(engine, second)
    if before is None or after is None:
        missing = first if before is None else second
        return "", f"the source of {missing.workflow}@{missing.code[:8]} was not kept"
    lines: list[str] = []
    for path in sorted(before.keys() | after.keys()):
        lines += difflib.unified_diff(
            before.get(path, "").splitlines(), after.get(path, "").splitlines(), lineterm="",
            fromfile=f"{path}@{first.code[:8]}", tofile=f"{path}@{second.code[:8]}",
        )  # fmt: skip
    return "\n".join(lines), ""


async def _sources(engine: Engine, state: ExecutionState) -> dict[str, str] | None:
    stored = await engine.store.get_code(state.workflow, digest=state.code or None)
    if stored is None or stored.source is None:
        return None
    try:
        bundle = SourceBundle.decode(stored.source)
    except ValueError:
        return None
    return {module.path: module.source for module in bundle.modules.values()}


def _times(first: ExecutionState, second: ExecutionState) -> list[StepTimes]:
    numbers = sorted(first.steps.keys() | second.steps.keys())
    return [
        StepTimes((first.steps.get(n) or second.steps[n]).name, n, _took_us(first, n), _took_us(second, n))
        for n in numbers
    ]


def _took_us(state: ExecutionState, number: int) -> int | None:
    step = state.steps.get(number)
    if step is None or not step.attempts or step.attempts[-1].ended_us is None:
        return None
    return max(0, step.attempts[-1].ended_us - step.attempts[0].started_us)
