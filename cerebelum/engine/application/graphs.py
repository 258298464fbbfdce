"""The graph of an execution, and of many: their workflow's drawing with what they did laid over it."""

from __future__ import annotations

from typing import Any

from cerebelum.engine.application import query
from cerebelum.engine.application.code_that_ran import code_that_ran
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.drawing import Drawing
from cerebelum.engine.domain.overlay import with_execution
from cerebelum.engine.domain.statistics import with_statistics
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.engine.runtime.code.drawn import draw

SAMPLE = 200  # executions that statistics are made of, the newest


async def draw_execution(engine: Engine, execution_id: str, workflow: Any = None, name: str | None = None) -> Drawing:
    """Return the drawing of the code that an execution ran on, with its state at each node.

    Args:
        workflow: draw this instead of the code that ran.
        name: of the picture.

    Raises:
        ExecutionNotFound: no such execution.
        CodeNotStored: the code that it ran on is not loaded, and its source was not kept.
    """
    row = (await query.get_execution(engine, execution_id)).row
    history = await query.history(engine, execution_id)
    if workflow is None:
        workflow = (await code_that_ran(engine, row, history)).definition
    return with_execution(draw(workflow, name), history)


async def draw_statistics(engine: Engine, workflow: Any, *, limit: int = SAMPLE) -> Drawing:
    """Return a workflow's drawing with the statistics of its newest executions, `limit` at most."""
    plain = draw(workflow)
    rows = await query.list_executions(engine, ExecutionFilter(workflow=workflow.name, limit=limit))
    overlays = [with_execution(plain, await query.history(engine, row.id)) for row in rows]
    return with_statistics(plain, overlays)
