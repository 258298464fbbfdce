"""The drawing of anything that can be run: a function by its source, a flow or a definition by its graph."""

from __future__ import annotations

from typing import Any

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.drawing import Drawing
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.flow_drawing import draw_graph
from cerebelum.engine.domain.graph import Graph
from cerebelum.engine.runtime.code.static_graph import draw_function


def draw(workflow: Any, name: str | None = None) -> Drawing:
    """Return the drawing of a workflow; its code does not run.

    Args:
        workflow: a `@workflow`, a `Flow`, or a `Graph`.
        name: of the picture; default: the workflow's.

    Raises:
        SourceMissing: a function's source cannot be read.
        DefinitionError: it is none of these.
    """
    graph = workflow if isinstance(workflow, Graph) else getattr(workflow, "graph", None)
    if isinstance(graph, Graph):
        return draw_graph(graph, name or getattr(workflow, "name", None) or graph.name)
    if isinstance(workflow, WorkflowDefinition):
        return draw_function(workflow, name)
    raise DefinitionError(f"{workflow!r} has no graph: it is neither a workflow nor a flow")
