"""W9: replay of a long history: code and events only, and with the frame that time travel shows at every event."""

from __future__ import annotations

import time

from benchmarks.cerebelum_engine import CerebelumEngine
from benchmarks.cerebelum_flows import FLOWS
from benchmarks.sizes import Sizes
from benchmarks.workloads import Metrics
from cerebelum.engine.application.replay import ExecutionReplay, replay_execution


async def w9_replay(engine: CerebelumEngine, sizes: Sizes) -> Metrics:
    """Run one workflow of many steps, then replay its history. Reading the history from the store is not timed."""
    handle = await engine.client.start(FLOWS["many_steps"], sizes.long)
    await handle.result()
    events = len(await handle.history())
    plain_s = frames_s = 0.0
    for _ in range(sizes.replays):
        plain = await replay_execution(engine.client.engine, handle.id, definition=FLOWS["many_steps"], frames=False)
        plain_s += _timed_s(plain, frame_count=0)
        framed = await replay_execution(engine.client.engine, handle.id, definition=FLOWS["many_steps"])
        frames_s += _timed_s(framed, frame_count=events)
    total = events * sizes.replays
    return {"count": events, "events_per_s": total / plain_s, "events_with_frames_per_s": total / frames_s}


def _timed_s(replay: ExecutionReplay, *, frame_count: int) -> float:
    started_s = time.perf_counter()
    frames = sum(1 for _ in replay)
    took_s = time.perf_counter() - started_s
    if frames != frame_count or replay.report is None or replay.report.outcome != "same":
        raise AssertionError(f"the replay gave {frames} frames, not {frame_count}, or another end: {replay.report}")
    return took_s
