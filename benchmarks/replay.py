"""W9: replay of a long history: code and events only, with the frame that time travel shows at every event, and walked.

Where Temporal's SDK is installed, its `Replayer` replays the history of the same workflow in the same process.
"""

from __future__ import annotations

import random
import time

from benchmarks import temporal_replay
from benchmarks.cerebelum_engine import CerebelumEngine
from benchmarks.cerebelum_flows import FLOWS
from benchmarks.sizes import Sizes
from benchmarks.workloads import Metrics
from cerebelum.engine.application.frames import Frames
from cerebelum.engine.application.replay import ExecutionReplay, replay_execution

_JUMPS = 1_000


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
    walked = await replay_execution(engine.client.engine, handle.id, definition=FLOWS["many_steps"])
    metrics = {
        "count": events,
        "events_per_s": total / plain_s,
        "events_with_frames_per_s": total / frames_s,
        "steps_per_s": sizes.long * sizes.replays / plain_s,
        **_walk(walked),
    }
    if temporal_replay.is_installed():
        metrics["temporal_steps_per_s"] = await temporal_replay.steps_per_s(sizes.long, sizes.replays)
    return metrics


def _walk(replay: ExecutionReplay) -> Metrics:
    """Open the frames, then jump to and fro among them."""
    started_s, draw, took_ms = time.perf_counter(), random.Random(9), []
    with Frames(replay) as frames:
        frames.at(1)
        first_ms = (time.perf_counter() - started_s) * 1_000
        frames.wait()
        for _ in range(_JUMPS):
            version, began_s = draw.randint(1, frames.total), time.perf_counter()
            if frames.at(version).version != version:
                raise AssertionError(f"the frame of event {version} is another one's")
            took_ms.append((time.perf_counter() - began_s) * 1_000)
    return {"first_frame_ms": first_ms, "jump_p99_ms": sorted(took_ms)[int(_JUMPS * 0.99)]}


def _timed_s(replay: ExecutionReplay, *, frame_count: int) -> float:
    started_s = time.perf_counter()
    frames = sum(1 for _ in replay)
    took_s = time.perf_counter() - started_s
    if frames != frame_count or replay.report is None or replay.report.outcome != "same":
        raise AssertionError(f"the replay gave {frames} frames, not {frame_count}, or another end: {replay.report}")
    return took_s
