"""A long history, written down instead of run; and the replay of it in a process whose memory is measured.

`python -m tests.engine.application.long_history FILE EVENTS PAYLOAD_CHARS` prints JSON: peak memory and counts.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from pathlib import Path
from typing import Any

from msgspec import Raw

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.frames import Frames
from cerebelum.engine.application.replay import replay_execution
from cerebelum.engine.authoring.step import step
from cerebelum.engine.authoring.workflow import workflow
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import Batch, LogLine, Start

START_US = 1_700_000_000_000_000
_PAGE = 5_000


@step
async def grow(number: int) -> str:
    """Never called: its results are written down."""
    return str(number)


@workflow
async def long(count: int) -> int:
    """Many steps, one after another, each with a result of some size."""
    size = 0
    for number in range(count):
        text = await grow(number)
        size += len(text)
        if number % 1_000 == 999:
            size = 0
    return size


def events_of(count: int, chars: int) -> list[ev.Event]:
    """Return the first `count` events of an execution that is still open."""
    found: list[ev.Event] = [
        ev.ExecutionStarted(workflow="long", code="", input=Raw(json.dumps({"count": count}).encode()))
    ]
    number = 0
    while len(found) < count - 1:
        number += 1
        found.append(ev.StepScheduled(number=number, name="grow", args=Raw(b'{"number":%d}' % (number - 1))))
        text = f"{number:010}" * (chars // 10)
        found.append(ev.StepCompleted(number=number, attempt=1, result=Raw(json.dumps(text).encode())))
    return found


async def fill(url: str, count: int, chars: int) -> None:
    """Write the execution `long-1` into the store."""
    store = open_store(url)
    await store.open()
    history = [
        ev.RecordedEvent(version, event.type, ev.encode_event(event), START_US + version * 1_000)
        for version, event in enumerate(events_of(count, chars), 1)
    ]
    row = ExecutionRow(id="long-1", workflow="long", code="", status="paused", last_version=len(history))
    logs = [
        LogLine(execution_id="long-1", number=1, step="grow", attempt=1, level="info",
                at_us=START_US + line * 1_000, message=f"line {line}")
        for line in range(len(history))
    ]  # fmt: skip
    await store.commit(Batch(id="fill", starts=[Start(row=row, events=history)], logs=logs))
    await store.close()


async def measure(url: str) -> dict[str, Any]:
    """Replay with frames, walk them to and fro, and return counts and the peak of this process's memory."""
    store = open_store(url, read_only=True)
    await store.open()
    replay = await replay_execution(Engine(store, make_codec()), "long-1", definition=long, watch=["size > 100"])
    await store.close()
    before = _peak_mb()
    with Frames(replay) as frames:
        frames.wait()
        if frames.error is not None:
            raise frames.error
        for version in (*range(1, frames.total, 997), frames.total, 1):
            assert frames.at(version).version == version
        counts = {"frames": len(frames), "logs": frames.at(frames.total).log_count, "steps": len(frames.index.steps)}
    streamed = sum(1 for _ in replay)
    return {**counts, "streamed": streamed, "loaded_mb": before, "peak_mb": _peak_mb()}


def _peak_mb() -> float:
    """Return this program's peak. `ru_maxrss` would count in what its parent, a worker of the tests, had before it began."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    _, path, events, payload_chars = sys.argv
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if events != "0":
        asyncio.run(fill(path, int(events), int(payload_chars)))
    else:
        sys.stdout.write(json.dumps(asyncio.run(measure(path))))
