"""A store whose executions have fixed ids and times: real runs, with the clock taken out of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from msgspec import structs

from cerebelum.connect import open_store
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.forking import ForkRequest, edits_of, fork
from cerebelum.engine.application.query import read_logs
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import Batch, CodeVersion, LogLine, Start
from cerebelum.engine.runtime.code.digest import describe
from tests.engine.world import World
from tests.flows import travelled

START_US = 1_795_255_200_000_000  # 2026-11-21T10:00:00Z
_TICK_US = 40_000  # between two events
_MEASURED = re.compile(r"after \d+\.\d+ s")  # how long an attempt took
_PLACE = re.compile(r'File "[^"]*/')  # a trace in a log line names the folder of this checkout
_APART_US = 60_000_000  # between two executions
RUNS: Sequence[tuple[str, Any, str]] = (
    ("greet-1", travelled.greet, "completed"),
    ("greet-2", travelled.greet, "completed"),
    ("order-1041", travelled.hostile, "failed"),
    ("order-1042", travelled.process_order, "failed"),
    ("refund-7", travelled.refund, "waiting"),
)


ORDER, FORK = "order-1042", "order-1042-mended"


async def mend(engine: Engine) -> None:
    """Fork the failed order, with another charge; nobody runs the fork."""
    await fork(engine, ORDER, ForkRequest(at="ship", edits=edits_of({"charge_card.amount": 5}), id=FORK))


class Frozen:
    """What a run left, with fixed times."""

    def __init__(self, number: int, row: ExecutionRow, events: list[ev.RecordedEvent], logs: list[LogLine]) -> None:
        began = START_US + number * _APART_US
        self.events = [_at(event, began + event.version * _TICK_US) for event in events]
        last = self.events[-1].at_us
        self.row = structs.replace(
            row, inserted_at_us=began, updated_at_us=last, started_at_us=self.events[0].at_us, owner=None, epoch=1,
            claims=0, wake_at_us=None, completed_at_us=last if row.ended else None,
        )  # fmt: skip
        ended = {step: event.at_us for event in self.events if (step := _ends(event)) is not None}
        self.logs = [
            structs.replace(
                line,
                message=_PLACE.sub('File "', _MEASURED.sub("after 0.010 s", line.message)),
                at_us=ended.get((line.number, line.attempt), last) - _TICK_US // 4,
            )
            for line in logs
        ]


def _ends(recorded: ev.RecordedEvent) -> tuple[int, int] | None:
    event = recorded.event()
    return (event.number, event.attempt) if isinstance(event, ev.StepCompleted | ev.StepFailedEvent) else None


def _at(recorded: ev.RecordedEvent, at_us: int) -> ev.RecordedEvent:
    event = recorded.event()
    if isinstance(event, ev.StepCompleted | ev.StepFailedEvent) and event.started_us:
        event = structs.replace(event, started_us=at_us - _TICK_US // 2)
    if isinstance(event, ev.StepFailedEvent):
        event = structs.replace(event, error=_placeless(event.error))
        if event.retry_at_us is not None:
            event = structs.replace(event, retry_at_us=at_us + _TICK_US)
    if isinstance(event, ev.ExecutionFailedEvent):
        event = structs.replace(event, error=_placeless(event.error))
    assert isinstance(event, ev.Event)
    return structs.replace(recorded, data=ev.encode_event(event), at_us=at_us)


def _placeless(error: ev.ErrorInfo) -> ev.ErrorInfo:
    """Return the error with a trace that is the same on every machine."""
    return structs.replace(
        error, traceback='  File "travelled.py", line 52, in ship\n    raise AddressError(zip_code)\n'
    )


async def run_all() -> tuple[list[Frozen], list[CodeVersion]]:
    """Run every workflow, and return what is left of it."""
    world = await World.open("memory://")
    found = []
    try:
        for number, (execution_id, flow, status) in enumerate(RUNS):
            handle = await world.client.start(flow, id=execution_id)
            view = await world.until_status(handle, status)
            events = await world.store.read_history(execution_id)
            logs = [line async for line in read_logs(world.engine, execution_id)]
            found.append(Frozen(number, view.row, events, logs))
    finally:
        await world.close()
    return found, [describe(flow) for flow in {flow.name: flow for _, flow, _ in RUNS}.values()]


async def write(url: str, frozen: Sequence[Frozen], codes: Sequence[CodeVersion]) -> None:
    """Put them into the store."""
    store = open_store(url)
    await store.open()
    try:
        for code in codes:
            await store.register(code)
        starts = [Start(row=each.row, events=each.events) for each in frozen]
        await store.commit(Batch(id="frozen", starts=starts, logs=[line for each in frozen for line in each.logs]))
    finally:
        await store.close()


def make(url: str) -> None:
    """Run, freeze and write, without a loop of the caller's."""

    async def work() -> None:
        await write(url, *await run_all())

    asyncio.run(work())
