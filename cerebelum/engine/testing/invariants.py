"""Checks the invariants of reliability on what a store holds and on a ledger of effects written outside it.

Names as in `docs/reliability.md`: I1 DURABLE-ACK, I2 CONTIGUOUS, I3 PREFIX, I6 ONCE-RECORDED, I7 EFFECT-BOUND,
I8 REPLAY-EQUAL, I10 TIMER, I12 NO-ORPHAN. Each check returns the violations it found, as sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.execution import FINAL, ExecutionRow
from cerebelum.engine.domain.projection import reconstruct
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.ports.store import ExecutionFilter, Store
from cerebelum.engine.runtime.blobs import with_blobs
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.runtime.replay import Replay
from cerebelum.engine.runtime.run import WorkflowRun

History = Sequence[ev.RecordedEvent]


async def check_store(
    store: Store,
    codec: PayloadCodec,
    workflows: Mapping[str, WorkflowDefinition[..., Any]],
    *,
    ledger: Iterable[str] = (),
    deaths: int = 0,
    acknowledged: Iterable[str] = (),
    must_have_ended: bool = True,
) -> list[str]:
    """Return every violation in the store.

    Args:
        workflows: by name, for I8.
        ledger: idempotency keys ("execution/number"), one per effect, in the order they happened.
        deaths: how often a process died: each may repeat the effects that were under way.
        acknowledged: ids whose start was acknowledged.
        must_have_ended: I9: no execution is open any more.
    """
    violations: list[str] = []
    rows = await store.list_executions(ExecutionFilter(limit=10_000))
    known = {row.id for row in rows}
    violations += [f"I1: {lost} was acknowledged and is gone" for lost in acknowledged if lost not in known]
    effects = Counter(ledger)
    for row in rows:
        history = await with_blobs(store, await store.read_history(row.id))
        violations += contiguous(row, history)
        violations += once_recorded(row.id, history)
        violations += timers(row.id, history)
        violations += effect_bound(row.id, history, effects, deaths=deaths)
        violations += replay_equal(row, history, workflows, codec)
        violations += await no_orphan(store, row, history, workflows, codec)
        if must_have_ended and row.status not in FINAL:
            violations.append(f"I9: {row.id} has not ended: {row.status}, {row.current_step}")
    return violations


def contiguous(row: ExecutionRow, history: History) -> list[str]:
    """I2: versions are 1..n, and the row stands at n."""
    versions = [event.version for event in history]
    if versions != list(range(1, len(versions) + 1)) or row.last_version != len(versions):
        return [f"I2: {row.id} has versions {versions}, its row says {row.last_version}"]
    return []


def prefix(execution_id: str, earlier: History, later: History) -> list[str]:
    """I3: what was read once is a prefix of what is read later."""
    return [] if list(later[: len(earlier)]) == list(earlier) else [f"I3: the past of {execution_id} changed"]


def once_recorded(execution_id: str, history: History) -> list[str]:
    """I6: at most one completion or final failure per step, one answer or timeout per input, and none after the end."""
    ends: Counter[int] = Counter()
    for recorded in history:
        event = recorded.event()
        if (
            isinstance(event, ev.StepCompleted)
            or (isinstance(event, ev.StepFailedEvent) and event.retry_at_us is None)
            or isinstance(event, ev.InputReceived | ev.InputTimedOutEvent)
        ):
            ends[event.number] += 1
    finals = [recorded.version for recorded in history if recorded.type in ev.FINAL_TYPES]
    found = [
        f"I6: command {number} of {execution_id} ended {count} times" for number, count in ends.items() if count > 1
    ]
    if finals and (len(finals) > 1 or finals[0] != history[-1].version):
        found.append(f"I6: {execution_id} has final events at {finals} of {len(history)}")
    return found


def effect_bound(execution_id: str, history: History, effects: Mapping[str, int], *, deaths: int) -> list[str]:
    """I7: at least one effect per completed step, at most one per recorded attempt and death."""
    if not effects:
        return []
    found = []
    for step in reconstruct(execution_id, history).steps.values():
        key = f"{execution_id}/{step.number}"
        count, most = effects.get(key, 0), len(step.attempts) + deaths
        tracked = any(known.startswith(f"{execution_id}/") for known in effects)
        if tracked and key in effects and count > most:
            found.append(f"I7: {step.name} ({key}) took effect {count} times, {most} at most")
    return found


def timers(execution_id: str, history: History) -> list[str]:
    """I10: no timer fires before it is due, and each fires once."""
    due: dict[int, int] = {}
    found = []
    for recorded in history:
        event = recorded.event()
        if isinstance(event, ev.TimerStarted):
            due[event.number] = event.due_us
        elif isinstance(event, ev.TimerFired) and event.number:
            if event.number not in due:
                found.append(f"I10: timer {event.number} of {execution_id} fired twice, or was never started")
            elif recorded.at_us < due.pop(event.number):
                found.append(f"I10: timer {event.number} of {execution_id} fired early, at {recorded.at_us}")
    return found


def replay_equal(
    row: ExecutionRow, history: History, workflows: Mapping[str, WorkflowDefinition[..., Any]], codec: PayloadCodec
) -> list[str]:
    """I8: replay from zero gives the recorded commands, and no others once it has ended."""
    definition = workflows.get(row.workflow)
    if definition is None:
        return []
    install()  # a process that only checks has no node that did
    run = WorkflowRun(row.id, definition, codec)
    try:
        unrecorded = Replay(run, history).to_end()
    except CerebelumError as error:
        return [f"I8: {row.id}: {error}"]
    finally:
        run.close()
    by_engine = bool(history) and b'"number"' not in history[-1].data  # parked: the code itself had not ended
    if row.status in FINAL and unrecorded and not by_engine:
        return [f"I8: {row.id} has ended, but its code asks for {[command.type for command in unrecorded]}"]
    return []


async def no_orphan(
    store: Store,
    row: ExecutionRow,
    history: History,
    workflows: Mapping[str, WorkflowDefinition[..., Any]],
    codec: PayloadCodec,
) -> list[str]:
    """I12: nothing is left of an ended execution; an open one has an owner, a timer, or waits for someone."""
    found = []
    if row.status in FINAL:
        if row.owner is not None or row.wake_at_us is not None:
            found.append(f"I12: {row.id} has ended, but has owner {row.owner} and wakes at {row.wake_at_us}")
        if await store.inbox_of(row.id):
            found.append(f"I12: {row.id} has ended with messages in its inbox")
    elif row.owner is None and row.wake_at_us is None and row.status != "paused":
        state = reconstruct(row.id, history)
        waits = any(wait.kind in ("signal", "child", "input") for wait in state.open.values())
        if not waits and not _listens(row, history, workflows, codec):
            found.append(f"I12: nobody will ever look at {row.id}, which is {row.status}")
    return found


def _listens(
    row: ExecutionRow, history: History, workflows: Mapping[str, WorkflowDefinition[..., Any]], codec: PayloadCodec
) -> bool:
    """Whether its code waits for an update, which no event shows."""
    definition = workflows.get(row.workflow)
    if definition is None:
        return False
    run = WorkflowRun(row.id, definition, codec)
    try:
        Replay(run, history).to_end()
        return run.listening is not None and run.listening.is_waiting
    except CerebelumError:
        return False
    finally:
        run.close()
