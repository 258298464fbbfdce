"""`why`: what an execution waits for, followed into the children it waits for. Nothing here writes or runs user code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from cerebelum.engine.application import query
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.explaining import explain
from cerebelum.engine.domain.projection import reconstruct
from cerebelum.engine.domain.queues import DEFAULT_QUEUE
from cerebelum.engine.domain.reasons import Case, Reason, Standing, Why, tale_of
from cerebelum.engine.domain.schedules.schedule import execution_id_of
from cerebelum.engine.ports.store import ExecutionFilter, NodeRow
from cerebelum.engine.runtime.blobs import with_blobs
from cerebelum.engine.runtime.code.bundle import SourceBundle
from cerebelum.engine.runtime.presence import certainly_dead

MOST_DEPTH = 10  # children of children
MOST_CHILDREN = 20  # of one execution whose own reasons are told
_MOST_HOLDERS = 20


class Surroundings(Struct, kw_only=True):
    """What is the same for all executions at one time: the clock, the nodes, the queues as configured."""

    now_us: int
    nodes: dict[str, NodeRow]  # by nonce, dead ones too
    alive: tuple[NodeRow, ...]
    limits: Mapping[str, int | None]

    def knowing(self, workflow: str) -> tuple[str, ...]:
        """Return the live nodes that know a workflow, as people know them."""
        return tuple(node.name for node in self.alive if workflow in node.workflows)

    def lives(self, nonce: str | None) -> bool:
        """Whether a node of this nonce holds its lease."""
        return any(node.nonce == nonce for node in self.alive)


async def look_around(engine: Engine, limits: Mapping[str, int | None] | None = None) -> Surroundings:
    """Return what there is at this moment.

    Args:
        limits: queue -> how many of its steps run at once on a node, where the caller knows the configuration.
    """
    now_us = await engine.store.now_us()
    nodes = await engine.store.nodes()
    alive = [node for node in nodes if node.lease_until_us > now_us and not certainly_dead(node)]
    if engine.node is not None:  # it may have learned of workflows since it joined
        own, names = engine.node.nonce, engine.registry.names()
        alive = [replace(node, workflows=names) if node.nonce == own else node for node in alive]
    return Surroundings(
        now_us=now_us, nodes={node.nonce: node for node in nodes}, alive=tuple(alive), limits=limits or {}
    )


async def why(
    engine: Engine, execution_id: str, *, limits: Mapping[str, int | None] | None = None, with_children: bool = True
) -> Why:
    """Return what an execution waits for, or how it ended.

    Args:
        limits: see `look_around`.
        with_children: also what holds the children that it waits for, ten deep at most.

    Raises:
        ExecutionNotFound: no such execution, nor a queued fire of a schedule that is to have this id.
    """
    row = await engine.store.get_execution(execution_id)
    if row is None:
        fire = await _queued_fire(engine, execution_id)
        if fire is not None:
            return fire
        raise await query.not_found(engine, execution_id)
    around = await look_around(engine, limits)
    return await _why(engine, row, around, depth=MOST_DEPTH if with_children else 0)


async def _why(engine: Engine, row: ExecutionRow, around: Surroundings, *, depth: int) -> Why:
    history = await with_blobs(engine.store, await engine.store.read_history(row.id))
    case = await case_of(engine, row, history, around)
    answer = explain(case)
    if row.ended:
        return answer
    notes = (*answer.notes, *await _queued_behind(engine, row.id))
    if depth:
        answer = replace(answer, reasons=tuple(await _followed(engine, answer.reasons, around, depth)))
    return replace(answer, notes=notes)


async def case_of(engine: Engine, row: ExecutionRow, history: Sequence[ev.RecordedEvent], around: Surroundings) -> Case:
    """Return all that the reasons of one execution follow from."""
    state = reconstruct(row.id, history)
    tale = tale_of(history)
    owner = around.nodes.get(row.owner or "")
    knowing = around.knowing(row.workflow)
    if owner is not None and not knowing and around.lives(row.owner):
        knowing = (owner.name,)  # it has it, so it knows it: what a node tells of itself may be older
    standing = Standing(
        now_us=around.now_us, owner=owner.name if owner is not None else (row.owner or ""), knowing=knowing,
        owner_gone_us=_gone_since_us(row, owner, around), nodes=len(around.alive),
        workflows=tuple(sorted({name for node in around.alive for name in node.workflows})), limits=around.limits,
        path="" if knowing and state.status != "paused" else await _path_of(engine, row),
        unread=0 if row.ended else len(await engine.store.inbox_of(row.id)),
    )  # fmt: skip
    if not row.ended and row.owner:
        queues = {tale.queues.get(step.number) or row.queue for step in state.open_steps if step.status == "running"}
        standing.holders = {queue: await _holders(engine, row, queue) for queue in queues - {DEFAULT_QUEUE}}
    return Case(row=row, state=state, tale=tale, standing=standing)


def _gone_since_us(row: ExecutionRow, owner: NodeRow | None, around: Surroundings) -> int | None:
    if row.ended or not row.owner or around.lives(row.owner):
        return None
    return row.updated_at_us if owner is None else min(owner.lease_until_us, around.now_us)


async def _path_of(engine: Engine, row: ExecutionRow) -> str:
    """Return where the workflow's file was in its project: what a worker would be started with."""
    code = await engine.store.get_code(row.workflow, digest=row.code or None)
    if code is None or code.source is None:
        return ""
    try:
        kept = SourceBundle.decode(code.source).modules.get(code.module)
    except (ValueError, msgspec.MsgspecError):
        return ""
    return kept.path if kept is not None else ""


async def _holders(engine: Engine, row: ExecutionRow, queue: str) -> tuple[str, ...]:
    """Return the executions of the same queue and node that are seen to run: lanes are in that node's memory only."""
    same = await engine.store.list_executions(ExecutionFilter(queue=queue, statuses=("running",), limit=200))
    beside = [other for other in same if other.owner == row.owner and other.id != row.id]
    return tuple(f"{other.id} ({other.current_step or 'its code'})" for other in beside[:_MOST_HOLDERS])


async def _followed(engine: Engine, reasons: Sequence[Reason], around: Surroundings, depth: int) -> list[Reason]:
    """Return the reasons, those about children with what holds the child: it moves by itself only if the child does."""
    found, followed = [], 0
    for reason in reasons:
        if reason.kind != "child" or not reason.name or followed >= MOST_CHILDREN:
            found.append(reason)
            continue
        followed += 1
        row = await engine.store.get_execution(reason.name)
        if row is None:
            found.append(replace(reason, moves=False, who="nobody can: the child is not in this store", commands=()))
        else:
            because = await _why(engine, row, around, depth=depth - 1)
            found.append(replace(reason, because=because, moves=row.ended or not because.is_stuck))
    return found


async def _queued_behind(engine: Engine, execution_id: str) -> tuple[str, ...]:
    """Return what is said of fires of a schedule that wait until this execution has ended."""
    for schedule in await engine.store.list_schedules():
        if schedule.waiting and execution_id.startswith(f"{schedule.name}-"):
            waiting = "1 fire waits" if schedule.waiting == 1 else f"{schedule.waiting} fires wait"
            return (f"{waiting} behind it: cerebelum schedule show {schedule.name}",)
    return ()


async def _queued_fire(engine: Engine, execution_id: str) -> Why | None:
    """Return why a fire of a schedule that is to have this id has not started."""
    for schedule in await engine.store.list_schedules():
        if not execution_id.startswith(f"{schedule.name}-") or not schedule.waiting:
            continue
        runs = await engine.store.open_runs(schedule.name)
        for run, _ in runs:
            if run.outcome != "queued" or execution_id_of(schedule.name, run.fire_at_us) != execution_id:
                continue
            before = [other.execution_id for other, _ in runs if other.execution_id is not None]
            holder = before[0] if before else ""
            because = None
            if holder and (row := await engine.store.get_execution(holder)) is not None:
                because = await _why(engine, row, await look_around(engine), depth=0)
            reason = Reason(
                kind="fire", name=schedule.name, since_us=run.fire_at_us, who="the execution before it",
                text=f"a fire of schedule {schedule.name!r} waits in its queue"
                + (f" until {holder} has ended" if holder else ""),
                detail=(run.reason,) if run.reason else (), because=because,
                moves=because is None or not because.is_stuck,
                commands=(f"cerebelum schedule show {schedule.name}", *((f"cerebelum why {holder}",) if holder else ())),
            )  # fmt: skip
            return Why(
                execution_id=execution_id, workflow=schedule.workflow, code="", status="pending", reasons=(reason,)
            )
    return None
