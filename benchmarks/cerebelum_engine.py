"""Cerebelum, by its public client."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.cerebelum_flows import FLOWS, Observed
from benchmarks.engine import FlowName
from cerebelum.connect import connect
from cerebelum.engine.application.client import Client


class CerebelumEngine:
    """Implements `benchmarks.engine.Engine`."""

    def __init__(self, client: Client, opened: AsyncExitStack) -> None:
        self.client, self._opened = client, opened
        self._asleep_count = 0
        self.step_times_s = Observed.step_times_s
        self.step_times_s.clear()
        Observed.slow_steps_done = 0

    @property
    def slow_steps_done(self) -> int:
        return Observed.slow_steps_done

    @classmethod
    async def open(cls, url: str) -> CerebelumEngine:
        """Connect to the store at `url`, with a node in this process."""
        opened = AsyncExitStack()
        return cls(await opened.enter_async_context(connect(url)), opened)

    async def run_all(self, flow: FlowName, inputs: Sequence[int], *, in_bulk: bool = False) -> list[Any]:
        workflow = FLOWS[flow]
        if in_bulk:
            handles = await self.client.start_many(workflow, [(value,) for value in inputs])
            return await asyncio.gather(*(handle.result() for handle in handles))
        return await asyncio.gather(*(self._run(workflow, value) for value in inputs))

    async def _run(self, workflow: Any, value: int) -> Any:
        handle = await self.client.start(workflow, value)
        return await handle.result()

    async def start_named(self, flow: FlowName, ids: Sequence[str]) -> None:
        await asyncio.gather(*(self.client.start(FLOWS[flow], index, id=name) for index, name in enumerate(ids)))

    async def results_of(self, flow: FlowName, ids: Sequence[str]) -> list[Any]:
        await self.client.register(FLOWS[flow])
        return await asyncio.gather(*(self.client.handle(name).result() for name in ids))

    async def put_to_sleep(self, count: int) -> None:
        await self.client.start_many(FLOWS["sleeper"], [(index,) for index in range(count)])
        node = self.client.engine.node
        assert node is not None
        while node.resident:  # noqa: ASYNC110 - it forgets a sleeper once the sleep is durable, and tells nobody
            await asyncio.sleep(0.001)
        self._asleep_count += count
        counts = await self.client.engine.store.count_executions()
        if counts.get("waiting") != self._asleep_count:
            raise AssertionError(f"{self._asleep_count} workflows should be asleep, but: {counts}")

    async def close(self) -> None:
        await self._opened.aclose()
