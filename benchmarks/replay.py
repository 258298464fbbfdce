"""W9: replay of a long history: code and events only, and with the frame that time travel shows at every event."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.util import find_spec

from benchmarks.cerebelum_engine import CerebelumEngine
from benchmarks.cerebelum_flows import FLOWS
from benchmarks.sizes import Sizes
from benchmarks.workloads import Metrics
from cerebelum.connect import make_codec
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.runtime.frames import capture_tasks
from cerebelum.engine.runtime.replay import Replay
from cerebelum.engine.runtime.run import WorkflowRun

_REPLAY_USE_CASE = "cerebelum.engine.application.replay"


async def w9_replay(engine: CerebelumEngine, sizes: Sizes) -> Metrics:
    """Run one workflow of many steps, then replay its history. Events are read from the store for frames only."""
    handle = await engine.client.start(FLOWS["many_steps"], sizes.long)
    await handle.result()
    history = await handle.history()
    started_s = time.perf_counter()
    for _ in range(sizes.replays):
        _replay(handle.id, history)
    plain_s = (time.perf_counter() - started_s) / sizes.replays
    started_s = time.perf_counter()
    for _ in range(sizes.replays):
        frames = await _frame_count(engine, handle.id, history)
        if frames < sizes.long:
            raise AssertionError(f"{len(history)} events gave only {frames} frames")
    frames_s = (time.perf_counter() - started_s) / sizes.replays
    return {
        "count": len(history),
        "events_per_s": len(history) / plain_s,
        "events_with_frames_per_s": len(history) / frames_s,
    }


def _replay(execution_id: str, history: Sequence[RecordedEvent]) -> None:
    run = WorkflowRun(execution_id, FLOWS["many_steps"], make_codec())
    unrecorded = Replay(run, history).to_end()
    if unrecorded or not run.ended:
        raise AssertionError(f"the replay did not end: {unrecorded}")
    run.close()


async def _frame_count(engine: CerebelumEngine, execution_id: str, history: Sequence[RecordedEvent]) -> int:
    if find_spec(_REPLAY_USE_CASE) is not None:
        from importlib import import_module

        replayed = import_module(_REPLAY_USE_CASE).replay_execution(
            engine.client.engine, execution_id, definition=FLOWS["many_steps"]
        )
        return sum([1 async for _ in replayed])
    run = WorkflowRun(execution_id, FLOWS["many_steps"], make_codec())
    count = 0
    for _ in Replay(run, history).steps():
        capture_tasks(list(run.loop.tasks.values()))
        count += 1
    run.close()
    return count
