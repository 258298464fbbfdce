"""An execution's graph as it changes: an update for each event, from any process, by the hints that everybody follows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from msgspec import Struct

from cerebelum.engine.application import query
from cerebelum.engine.application.code_that_ran import code_that_ran
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.drawing import Drawing
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.overlay import Overlay
from cerebelum.engine.runtime.code.drawn import draw


class GraphUpdate(Struct, frozen=True):
    """The graph after an event. `node` is the id of the node that the event is about, None where it is about none."""

    graph: Drawing
    event: RecordedEvent
    node: str | None


async def follow_graph(
    engine: Engine, execution_id: str, workflow: Any = None, name: str | None = None, *, after_version: int = 0
) -> AsyncIterator[GraphUpdate]:
    """Yield the graph after each committed event, once and in order, and end with the execution.

    Args:
        workflow: draw this instead of the code that ran.
        name: of the picture.
        after_version: leave out the events up to here; they are laid over the graph all the same.

    Raises:
        ExecutionNotFound: no such execution.
        CodeNotStored: the code that it ran on is not loaded, and its source was not kept.
    """
    overlay: Overlay | None = None
    history: list[RecordedEvent] = []
    async for event in query.follow(engine, execution_id):
        history.append(event)
        if overlay is None or (event.type == "code_changed" and workflow is None):
            definition = workflow
            if definition is None:
                row = (await query.get_execution(engine, execution_id)).row
                definition = (await code_that_ran(engine, row, history)).definition
            overlay = Overlay(draw(definition, name))
            overlay.read(history)
        else:
            overlay.read([event])
        if event.version > after_version:
            yield GraphUpdate(overlay.drawn(), event, overlay.node_of[-1] or None)
