"""What is wrong with a graph: all of it at once, and what only deserves a warning.

No recursion, and limits first: a graph of a hundred thousand nodes, or a thousand levels, is refused at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from msgspec import Struct, field

from cerebelum.engine.domain import graph as g

MOST_NODES = 20_000  # at all levels together
MOST_LEVELS = 100
_ANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
UNGUARDED = "Workflow contains cycles without iteration guards - potential infinite loop"
UNGUARDED_DEFINITION = "Workflow contains cycles without max_iterations"


class Findings(Struct):
    """What `check` found."""

    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check(graph: g.Graph, *, owner: str = "", is_definition: bool = False) -> Findings:
    """Return all faults and warnings of a graph and those inside it.

    Args:
        owner: whose functions they are, in the texts; default: the graph's name.
        is_definition: it was given as data; the text about cycles is another then.
    """
    found = Findings()
    count = 0
    for level, prefix, inner in _graphs(graph):
        count += len(inner.nodes)
        if level > MOST_LEVELS:
            found.faults = [f"blocks are nested deeper than {MOST_LEVELS} levels"]
            return found
        if count > MOST_NODES or len(inner.edges) > 10 * MOST_NODES:
            found.faults = [f"the graph has more than {MOST_NODES:,} nodes; use subflows"]
            return found
        _check_one(inner, prefix, found, owner or graph.name, is_definition=is_definition)
    return found


def reachable(graph: g.Graph) -> list[str]:
    """Return the ids of the nodes that can be reached from the entrypoint, depth first."""
    targets: dict[str, list[str]] = {}
    for edge in graph.edges:
        targets.setdefault(edge.source, []).append(edge.target)
    found: dict[str, None] = {}
    waiting = [graph.entrypoint] if graph.entrypoint in graph.nodes else []
    while waiting:
        node_id = waiting.pop()
        if node_id not in found and node_id in graph.nodes:
            found[node_id] = None
            waiting.extend(reversed(targets.get(node_id, ())))
    return list(found)


def reachable_functions(graph: g.Graph) -> list[g.FunctionRef]:
    """Return every function that can be reached from the entrypoint, those inside blocks included, depth first."""
    found: dict[g.FunctionRef, None] = {}
    for _, _, inner in _graphs(graph):
        for node_id in reachable(inner):
            node = inner.nodes[node_id]
            if isinstance(node, g.Step | g.Decision | g.Map):
                found[node.function] = None
    return list(found)


def _graphs(graph: g.Graph) -> Iterator[tuple[int, str, g.Graph]]:
    stack = [(0, "", graph)]
    while stack:
        level, prefix, inner = stack.pop()
        yield level, prefix, inner
        for node_id, node in inner.nodes.items():
            for branch, body in g.bodies(node):
                stack.append((level + 1, f"{prefix}{node_id}/{branch}/" if branch else f"{prefix}{node_id}/", body))


def _check_one(graph: g.Graph, prefix: str, found: Findings, owner: str, *, is_definition: bool) -> None:
    where = f"{prefix.rstrip('/')}: " if prefix else ""
    if graph.nodes and graph.entrypoint not in graph.nodes:
        found.faults.append(f"{where}Entrypoint {graph.entrypoint!r} not found in nodes")
    elif not graph.nodes and not prefix:
        found.faults.append("the flow has no nodes")
    for edge in graph.edges:
        for end in dict.fromkeys((edge.source, edge.target)):
            if end not in graph.nodes:
                found.faults.append(f"{where}Edge references unknown node: {end}")
    for node_id, node in graph.nodes.items():
        _check_node(f"{prefix}{node_id}", node, found, owner)
    _check_cycles(graph, where, found, is_definition=is_definition)
    if graph.entrypoint in graph.nodes:
        seen = set(reachable(graph))
        found.warnings.extend(
            f"{where}{node_id} cannot be reached from {graph.entrypoint}"
            for node_id in graph.nodes
            if node_id not in seen
        )


def _check_node(place: str, node: g.Node, found: Findings, owner: str) -> None:
    if isinstance(node, g.Step) and node.passes == "state" and not _takes_one(node.function):
        found.faults.append(f"Function {node.function.short_name} not exported from {owner}")
    if isinstance(node, g.Decision) and not node.branches:
        found.faults.append(f"{place}: a decision without branches")
    if isinstance(node, g.Switch) and not node.cases and node.default is None:
        found.faults.append(f"{place}: a switch without cases")
    if isinstance(node, g.Loop | g.ForEach) and not node.body.nodes:
        found.faults.append(f"{place}: nothing to repeat")
    if isinstance(node, g.Parallel) and not node.branches:
        found.faults.append(f"{place}: a parallel block without branches")
    if isinstance(node, g.Delay) and node.duration_us is None and node.until_us is None and node.computed is None:
        found.faults.append(f"{place}: a delay without a duration")


def _takes_one(reference: g.FunctionRef) -> bool:
    if reference.function is None:
        return True
    try:
        parameters = inspect.signature(getattr(reference.function, "function", reference.function)).parameters.values()
    except (TypeError, ValueError):
        return True
    required = [p for p in parameters if p.default is inspect.Parameter.empty and p.kind not in _ANY]
    by_position = [p for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    return len(required) <= 1 and bool(by_position) and not any(p.kind is p.KEYWORD_ONLY for p in required)


def _check_cycles(graph: g.Graph, where: str, found: Findings, *, is_definition: bool) -> None:
    """Refuse cycles that nothing ends; warn of those that only a condition ends."""
    free = [edge for edge in graph.edges if edge.when is None and edge.max_iterations is None]
    if is_definition:
        free = [edge for edge in graph.edges if edge.max_iterations is None]
    if cycle := _cycle(graph, free):
        found.faults.append(f"{where}{UNGUARDED_DEFINITION if is_definition else UNGUARDED}: {' -> '.join(cycle)}")
        return
    if cycle := _cycle(graph, [edge for edge in graph.edges if edge.max_iterations is None]):
        found.warnings.append(f"{where}only a condition ends the cycle {' -> '.join(cycle)}; set max_iterations")


def _cycle(graph: g.Graph, edges: list[g.Edge]) -> list[str]:
    """Return one cycle of these edges, [] if there is none. Depth first, without recursion."""
    targets: dict[str, list[str]] = {}
    for edge in edges:
        if edge.source in graph.nodes and edge.target in graph.nodes:
            targets.setdefault(edge.source, []).append(edge.target)
    done: set[str] = set()
    for start in graph.nodes:
        if start in done:
            continue
        path: dict[str, None] = {start: None}
        stack = [(start, iter(targets.get(start, ())))]
        while stack:
            node_id, following = stack[-1]
            target = next(following, None)
            if target is None:
                stack.pop()
                del path[node_id]
                done.add(node_id)
            elif target in path:
                names = list(path)
                return [*names[names.index(target) :], target]
            elif target not in done:
                path[target] = None
                stack.append((target, iter(targets.get(target, ()))))
    return []
