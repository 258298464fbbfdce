"""An engine on a store, for tests of behaviour: it can crash and come back, and its clock can be moved on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Self, TypeVar

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.client import Client, Handle
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.query import ExecutionView
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.ports.store import Store
from cerebelum.engine.runtime.blobs import with_blobs
from cerebelum.engine.runtime.node import Node, NodeSettings
from cerebelum.engine.testing.death import die
from tests.flows import ledger

PATIENCE_S = 20.0  # a test that waits longer has failed
E = TypeVar("E", bound=ev.Event)


class World:
    """A store with one engine on it; `crash` ends the engine as `kill -9` would, and a new one takes its place.

    Args:
        store: opened.
        options: of every `Engine` that is made; and its `codec`, where it is not the plain one.
    """

    def __init__(self, store: Store, **options: Any) -> None:
        self.store, self._options = store, options
        self.codec: PayloadCodec = options.pop("codec", None) or make_codec()
        self.engine = Engine(store, self.codec, **options)
        self.client = Client(self.engine)

    @classmethod
    async def open(cls, url: str, **options: Any) -> Self:
        """Open the store that `url` names."""
        store = open_store(url)
        await store.open()
        return cls(store, **options)

    @property
    def node(self) -> Node:
        assert self.engine.node is not None, "no workflow was started yet"
        return self.engine.node

    async def close(self) -> None:
        """Stop the engine in an orderly way."""
        await self.engine.stop_node(1.0)
        await self.store.close()

    # -- running ------------------------------------------------------------------------------------------------------
    async def run(self, workflow: WorkflowDefinition[..., Any], *args: Any) -> Any:
        """Start a workflow and return its result."""
        return await (await self.client.start(workflow, *args)).result(PATIENCE_S)

    async def until(self, handle: Handle[Any], condition: Callable[[ExecutionView], bool]) -> ExecutionView:
        """Wait until the stored execution fulfils `condition`, and return it."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                view = await handle.describe()
                if condition(view):
                    return view
                await asyncio.sleep(0.005)

    async def until_status(self, handle: Handle[Any], status: str) -> ExecutionView:
        """Wait until the row shows `status`."""
        return await self.until(handle, lambda view: view.row.status == status)

    async def at_gate(self, handle: Handle[Any], name: str = "gate") -> None:
        """Wait until a step stands at the gate."""
        async with asyncio.timeout(PATIENCE_S):
            while f"at {name}" not in ledger.effects[handle.id]:  # noqa: ASYNC110 - what it waits for is told to nobody
                await asyncio.sleep(0.005)

    async def events(self, handle: Handle[Any], kind: type[E]) -> list[E]:
        """Return the events of one type."""
        history = await handle.history()
        return [event for recorded in history if isinstance(event := recorded.event(), kind)]

    # -- death and time -------------------------------------------------------------------------------------------------
    async def crash(self) -> None:
        """End the node without a word: nothing more is committed, and what it held in memory is gone."""
        node, self.engine.node = self.node, None
        await die(node)

    async def come_back(self, *workflows: WorkflowDefinition[..., Any], settings: NodeSettings | None = None) -> Client:
        """Begin anew, as another process would: with the same store and these workflows."""
        options = {**self._options, "settings": settings} if settings is not None else self._options
        self.engine = Engine(self.store, self.codec, **options)
        self.client = Client(self.engine)
        await self.client.register(*workflows)
        return self.client

    async def crash_and_come_back(self, handle: Handle[Any], *workflows: WorkflowDefinition[..., Any]) -> Handle[Any]:
        """Crash; return the handle of the same execution in the process that goes on with it."""
        await self.crash()
        return (await self.come_back(*workflows)).handle(handle.id)

    def move_clock_on(self, by_us: int) -> None:
        """Have the node believe that it is later, so that no test waits for a backoff of seconds."""
        self.node.clock._offset_us += by_us
        self.node.timers._wake.set()


async def whole_history(store: Store, execution_id: str) -> list[ev.RecordedEvent]:
    """Return all events of an execution, large ones included."""
    return await with_blobs(store, await store.read_history(execution_id))


def types_of(history: Iterable[ev.RecordedEvent]) -> list[str]:
    """Return the events' types, in order."""
    return [event.type for event in history]
