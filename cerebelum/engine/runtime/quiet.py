"""Whether a node has nothing to do until time passes, and when time would give it something: for virtual time."""

from __future__ import annotations

import asyncio

from cerebelum.engine.domain.execution import OPEN
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.engine.runtime.node import Node


async def is_quiet(node: Node) -> bool:
    """Return whether nothing runs and nothing is runnable now; what a component has overlooked, it is told of."""
    if _is_busy(node) or await _is_due(node) or await _has_post(node) or await _is_taking_up(node):
        return False
    return not await _schedules(node)


def _is_busy(node: Node) -> bool:
    journal, dispatcher, steps = node.journal, node.dispatcher, node.steps
    if journal._dirty or journal._starts or journal._wake.is_set() or not journal._idle.is_set():
        return True
    if dispatcher._wake.is_set() or dispatcher._reclaim or steps.attempts or steps._waiting or node._beside._tasks:
        return True
    return any(
        live.awaiting or live.running or live.unstarted or live.when_durable or live.dirty or live.new or live.rest
        for live in node.resident.values()
    )


async def _is_due(node: Node) -> bool:
    now_us = node.clock.now_us()
    if any(due_us <= now_us for live in node.resident.values() for due_us in live.dues.values()):
        node.timers._wake.set()
        return True
    wake_us = await node.store.next_wake_us(workflows=node.registry.names())
    if wake_us is not None and wake_us <= now_us:
        node.dispatcher.poke()
        return True
    return False


async def _schedules(node: Node) -> bool:
    """Whether a schedule has something to do."""
    if not node.settings.scheduler or not await node.scheduler.has_work():
        return False
    node.scheduler.poke()
    return True


async def _has_post(node: Node) -> bool:
    for message in await node.store.inbox(node.nonce):
        live = node.resident.get(message.execution_id)
        if live is None or message.id not in live.messages_seen:
            node.dispatcher.poke()
            return True
    return False


async def _is_taking_up(node: Node) -> bool:
    """Whether something was claimed, or begun, that has not settled in yet."""
    rows = await node.store.list_executions(ExecutionFilter(statuses=OPEN, limit=10_000))
    return any(row.owner == node.nonce and row.id not in node.resident for row in rows)


async def next_due_us(node: Node) -> int | None:
    """Return when the next timer of any execution, or schedule, of this node's workflows is due; None: none is."""
    dues = [due for live in node.resident.values() if not live.run.paused for due in live.dues.values()]
    wake_us = await node.store.next_wake_us(workflows=node.registry.names())
    fire_us = await node.store.next_schedule_us(workflows=node.registry.names()) if node.settings.scheduler else None
    return min([*dues, *(us for us in (wake_us, fire_us) if us is not None)], default=None)


def clock_moved(node: Node) -> None:
    """Have the components that sleep until a timer is due look at the clock again."""
    for live in node.resident.values():
        if live.far:
            node.timers.approach(live)
    node.timers._wake.set()
    node.dispatcher.poke()
    node.scheduler.poke()


async def next_attempt_done(node: Node, within_s: float) -> None:
    """Return when an attempt of a step has ended, or after `within_s` real seconds; at once when none runs."""
    tasks = {task for attempt in node.steps.attempts for task in attempt.live.running.values()}
    if tasks:
        await asyncio.wait(tasks, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
