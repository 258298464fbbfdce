"""Several edges matched: the paths run at once, and where they meet the node runs once, after all of them.

A path waits in front of a node while another could still come there. What each wrote since the paths parted is merged
where they meet, or at the end of the graph.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cerebelum.engine.domain import graph as g
from cerebelum.engine.domain.context import Context, Op

if TYPE_CHECKING:
    from cerebelum.engine.authoring.flow_interpreter import Interpreter
    from cerebelum.engine.authoring.flow_state import Branch

Edges = dict[str, list[tuple[int, g.Edge]]]


class _Path(Struct, eq=False):
    """One path: where it stands, and all it wrote since the paths parted. Paths that part again share their beginning."""

    node_id: str
    log: list[Op]
    states: list[Any]  # that it went through, in workflows of edges
    result: Any = None


class Joins:
    """Runs paths until one is left; see the module's rules."""

    def __init__(self, graph: g.Graph, edges: Edges) -> None:
        self._graph, self._edges = graph, edges
        self._reachable: dict[str, frozenset[str]] = {}

    async def run(
        self,
        interpreter: Interpreter,
        targets: list[str],
        branch: Branch,
        visits: dict[str, int],
        taken: dict[str, int],
    ) -> list[str]:
        """Run the paths from `targets`; return the one node where all have met, [] if they have ended."""
        base = branch.context.fork()
        held = [_Path(target, [], [branch.state]) for target in targets]
        running: dict[asyncio.Task[list[str]], tuple[_Path, Branch]] = {}
        ended: list[_Path] = []
        failures: list[BaseException] = []
        while held or running:
            if not failures:
                if not running and len({path.node_id for path in held}) == 1 and not ended:
                    break  # all have met: one path goes on
                for node_id in self._ready(held, [path.node_id for path, _ in running.values()]):
                    meeting = [path for path in held if path.node_id == node_id]
                    held = [path for path in held if path.node_id != node_id]
                    fork = branch.fork(branch.prefix)
                    _bring_together(fork, base, meeting)
                    states = [*_common([each.states for each in meeting]), fork.state]
                    path = _Path(node_id, list(fork.context.ops), states)
                    visit = interpreter.visit(self._graph, self._edges, node_id, fork, visits, taken)
                    running[asyncio.ensure_future(visit)] = path, fork
            elif not running:
                break
            done, _ = await _first_of(running)
            for task in [task for task in running if task in done]:
                path, fork = running.pop(task)
                if task.exception() is not None:
                    failures.append(task.exception())  # type: ignore[arg-type]
                    continue
                states = [*path.states, fork.state]
                ends = [_Path(target, list(fork.context.ops), states) for target in task.result()]
                held.extend(ends)
                if not ends:
                    ended.append(_Path("", list(fork.context.ops), states, fork.result))
        if failures:
            raise failures[0]
        _bring_together(branch, base, [*held, *ended])
        branch.result = ended[-1].result if len(ended) == 1 else None
        return [held[0].node_id] if held else []

    def _ready(self, held: list[_Path], under_way: list[str]) -> list[str]:
        """Return the nodes to which no other path can come any more, or else, in a circle of waiting, the first."""
        nodes = list(dict.fromkeys(path.node_id for path in held))
        ready = [
            node_id
            for node_id in nodes
            if not any(node_id in self._from(other) for other in under_way)
            and not any(node_id in self._from(other) for other in nodes if other != node_id)
        ]
        return ready or (nodes[:1] if nodes and not under_way else [])

    def _from(self, node_id: str) -> frozenset[str]:
        known = self._reachable.get(node_id)
        if known is None:
            found: set[str] = set()
            waiting = deque([node_id])
            while waiting:
                for _, edge in self._edges.get(waiting.popleft(), ()):
                    if edge.target not in found:
                        found.add(edge.target)
                        waiting.append(edge.target)
            known = self._reachable[node_id] = frozenset(found)
        return known


async def _first_of(running: dict[asyncio.Task[list[str]], Any]) -> tuple[set[Any], set[Any]]:
    try:
        return await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        raise


def _bring_together(branch: Branch, base: Context, paths: list[_Path]) -> None:
    """Give `branch` what the paths wrote. Those that parted later share what they wrote before."""
    shared = _common([path.log for path in paths])
    seen: set[int] = set(map(id, shared))
    logs = []
    for path in paths:
        logs.append([op for op in path.log if id(op) not in seen])
        seen.update(map(id, path.log))
    states = _common([path.states for path in paths])
    branch.take_merged(base, shared, logs, states[-1], [path.states[-1] for path in paths])


def _common(lists: list[list[Any]]) -> list[Any]:
    """Return the beginning that all have in common, the very same objects."""
    first, *rest = lists
    length = 0
    while all(length < len(other) and other[length] is first[length] for other in (first, *rest)):
        length += 1
    return first[:length]
