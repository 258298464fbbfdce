"""DBOS, as its documentation recommends for many workflows at once: coroutines throughout.

Its steps are the same functions. Nothing here touches DBOS's defaults but its log level.
"""

from __future__ import annotations

import asyncio
import importlib
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import asyncpg

from benchmarks.engine import SLEEP_S, SLOW_STEP_S, STEPS_EACH, FlowName
from benchmarks.storage import sqlite_path

dbos: Any = importlib.import_module("dbos")  # an optional package
RESULT_POLL_S = 0.1  # of recovered workflows; its default of 1 s would add to its time
ASLEEP_POLL_S = 0.05


class Observed:
    """What steps leave behind for the measurement."""

    step_times_s: list[float] = []  # noqa: RUF012 - one for the process, as steps are
    slow_steps_done = 0


async def _increment(value: int) -> int:
    return value + 1


async def _increment_and_mark(value: int) -> int:
    Observed.step_times_s.append(time.perf_counter())
    return value + 1


async def _increment_slowly(value: int) -> int:
    await asyncio.sleep(SLOW_STEP_S)
    Observed.slow_steps_done += 1
    return value + 1


Step = Callable[[int], Awaitable[int]]
increment: Step = dbos.DBOS.step()(_increment)
increment_and_mark: Step = dbos.DBOS.step()(_increment_and_mark)
increment_slowly: Step = dbos.DBOS.step()(_increment_slowly)


async def one_step(value: int) -> int:
    """W1, W3: one step."""
    return await increment(value)


async def ten_steps(value: int) -> int:
    """W2: ten steps, one after another."""
    for _ in range(STEPS_EACH):
        value = await increment(value)
    return value


async def fan_out(count: int) -> int:
    """W4: many steps at once."""
    return sum(await asyncio.gather(*(increment(index) for index in range(count))))


async def many_steps(count: int) -> int:
    """W7, W9: many steps, one after another."""
    value = 0
    for _ in range(count):
        value = await increment_and_mark(value)
    return value


async def sleeper(value: int) -> int:
    """W5: sleep for an hour."""
    await dbos.DBOS.sleep_async(SLEEP_S)
    return value


async def slow_steps(value: int) -> int:
    """W6: ten steps that take their time."""
    for _ in range(STEPS_EACH):
        value = await increment_slowly(value)
    return value


FLOWS: Mapping[FlowName, Any] = {
    "one_step": dbos.DBOS.workflow()(one_step),
    "ten_steps": dbos.DBOS.workflow()(ten_steps),
    "fan_out": dbos.DBOS.workflow()(fan_out),
    "many_steps": dbos.DBOS.workflow()(many_steps),
    "sleeper": dbos.DBOS.workflow()(sleeper),
    "slow_steps": dbos.DBOS.workflow()(slow_steps),
}


class DbosEngine:
    """Implements `benchmarks.engine.Engine`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._asleep_count = 0
        self.step_times_s = Observed.step_times_s

    @property
    def slow_steps_done(self) -> int:
        return Observed.slow_steps_done

    @classmethod
    async def open(cls, url: str) -> DbosEngine:
        """Launch DBOS with its system database at `url`; it recovers what was under way there."""
        dbos.DBOS(config={"name": "benchmarks", "system_database_url": url, "log_level": "ERROR"})
        dbos.DBOS.launch()
        return cls(url)

    async def run_all(self, flow: FlowName, inputs: Sequence[int], *, in_bulk: bool = False) -> list[Any]:
        del in_bulk  # it has no call for many starts that run in this process
        return await asyncio.gather(*(self._run(flow, value) for value in inputs))

    async def _run(self, flow: FlowName, value: int) -> Any:
        handle = await dbos.DBOS.start_workflow_async(FLOWS[flow], value)
        return await handle.get_result()

    async def start_named(self, flow: FlowName, ids: Sequence[str]) -> None:
        await asyncio.gather(*(self._start_named(flow, index, name) for index, name in enumerate(ids)))

    async def _start_named(self, flow: FlowName, value: int, name: str) -> None:
        with dbos.SetWorkflowID(name):
            await dbos.DBOS.start_workflow_async(FLOWS[flow], value)

    async def results_of(self, flow: FlowName, ids: Sequence[str]) -> list[Any]:
        del flow  # it knows all that are decorated
        return await asyncio.gather(*(self._result(name) for name in ids))

    async def _result(self, name: str) -> Any:
        handle = await dbos.DBOS.retrieve_workflow_async(name)
        return await handle.get_result(polling_interval_sec=RESULT_POLL_S)

    async def put_to_sleep(self, count: int) -> None:
        await asyncio.gather(*(dbos.DBOS.start_workflow_async(FLOWS["sleeper"], index) for index in range(count)))
        self._asleep_count += count
        while await self._sleep_count() < self._asleep_count:  # noqa: ASYNC110 - only its database tells
            await asyncio.sleep(ASLEEP_POLL_S)

    async def _sleep_count(self) -> int:
        where = "WHERE function_name = 'DBOS.sleep'"
        if self._url.startswith("sqlite:"):
            return await asyncio.to_thread(
                _count_in_sqlite, self._url, f"SELECT count(*) FROM operation_outputs {where}"
            )
        connection = await asyncpg.connect(self._url)
        try:
            return int(await connection.fetchval(f"SELECT count(*) FROM dbos.operation_outputs {where}"))
        finally:
            await connection.close()

    async def close(self) -> None:
        """Leave it to the process's end: sleepers would hold an orderly shutdown up."""


def _count_in_sqlite(url: str, query: str) -> int:
    connection = sqlite3.connect(sqlite_path(url), timeout=30)
    try:
        return int(connection.execute(query).fetchone()[0])
    finally:
        connection.close()
