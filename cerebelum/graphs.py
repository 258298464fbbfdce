"""Graphs of workflows: what `cerebelum graph` prints, from Python.

Everything here takes a `@workflow`, a `Flow` or its graph, and runs none of its code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cerebelum.engine.domain.drawing import Drawing
from cerebelum.engine.domain.renderers.ascii_art import to_ascii as _ascii
from cerebelum.engine.domain.renderers.cytoscape import to_cytoscape as _cytoscape
from cerebelum.engine.domain.renderers.dot import to_dot as _dot
from cerebelum.engine.domain.renderers.mermaid import to_mermaid as _mermaid
from cerebelum.engine.domain.renderers.svg import to_svg as _svg
from cerebelum.engine.runtime.code.drawn import draw

if TYPE_CHECKING:
    from cerebelum.engine.application.client import Client

__all__ = [
    "Drawing", "draw", "follow_graph", "generate", "get_graph_with_execution", "to_ascii", "to_cytoscape", "to_dot", "to_mermaid",
    "to_svg",
]  # fmt: skip


def generate(workflow: Any, workflow_name: str | None = None) -> dict[str, Any]:
    """Return `{"nodes": [{id, type, label, position}], "edges": [{from, to, label}]}`.

    Raises:
        DefinitionError: it is neither a workflow nor a flow.
        SourceMissing: a function's source cannot be read.
    """
    return draw(workflow, workflow_name).as_json()


async def get_graph_with_execution(
    workflow: Any, workflow_name: str | None, workflow_id: str, *, client: Client
) -> dict[str, Any]:
    """Return the same with `execution_state` (status, duration_ms, started_at, completed_at …) on each node that ran.

    Args:
        workflow: what to draw; None: the code that the execution ran on.

    Raises:
        ExecutionNotFound: no such execution.
    """
    from cerebelum.engine.application.graphs import draw_execution

    return (await draw_execution(client.engine, workflow_id, workflow, workflow_name)).as_json()


async def follow_graph(
    workflow: Any, workflow_name: str | None, workflow_id: str, *, client: Client, after_version: int = 0
) -> AsyncIterator[dict[str, Any]]:
    """Yield `{"graph": …, "event": {version, type, at, node}}` after each event of an execution, and end with it.

    `graph` is what `get_graph_with_execution` would have returned right after that event; `node` is the id of the node
    that the event is about, None where it is about none.

    Args:
        workflow: what to draw; None: the code that the execution ran on.
        after_version: leave out the updates of the events up to here.

    Raises:
        ExecutionNotFound: no such execution.
    """
    from cerebelum.engine.application import graph_feed

    updates = graph_feed.follow_graph(
        client.engine, workflow_id, workflow, workflow_name, after_version=after_version
    )  # fmt: skip
    async for update in updates:
        at = datetime.fromtimestamp(update.event.at_us / 1_000_000, UTC).isoformat(timespec="microseconds")
        event = {"version": update.event.version, "type": update.event.type, "at": at, "node": update.node}
        yield {"graph": update.graph.as_json(), "event": event}


def to_mermaid(workflow: Any) -> str:
    """Return a workflow, or a `Drawing`, as Mermaid text."""
    return _mermaid(_drawn(workflow))


def to_dot(workflow: Any) -> str:
    """Return a workflow, or a `Drawing`, as Graphviz DOT text."""
    return _dot(_drawn(workflow))


def to_cytoscape(workflow: Any) -> dict[str, Any]:
    """Return a workflow, or a `Drawing`, as the `elements` of Cytoscape.js."""
    return _cytoscape(_drawn(workflow))


def to_svg(workflow: Any) -> str:
    """Return a workflow, or a `Drawing`, as SVG text."""
    return _svg(_drawn(workflow))


def to_ascii(workflow: Any, *, width: int = 100) -> str:
    """Return a workflow, or a `Drawing`, as boxes and lines of text, `width` cells wide at most."""
    return _ascii(_drawn(workflow), width=width)


def _drawn(workflow: Any) -> Drawing:
    return workflow if isinstance(workflow, Drawing) else draw(workflow)
