"""What holds of a definition's edges and blocks as a whole. No recursion: a definition may be a chain of thousands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

MOST_LEVELS = 40  # of blocks in blocks


def edge_faults(edges: list[tuple[str, str, bool]], known: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with edges (from, to, whether it is taken under a condition or a bounded number of times)."""
    told: set[str] = set()
    for source, target, _ in edges:
        for end in (source, target):
            if end not in known and end not in told:
                told.add(end)
                yield f"Edge references unknown node: {end}"
    if _has_cycle((source, target) for source, target, guarded in edges if not guarded):
        yield "Workflow contains cycles without max_iterations"


def nesting_faults(
    children: Mapping[str, tuple[str, ...]], known: Collection[str], joined: Collection[str]
) -> Iterator[str]:
    """Yield what is wrong with blocks and the nodes inside them; `joined` are the ends of edges and the entrypoint."""
    parent_of: dict[str, str] = {}
    for parent, inside in children.items():
        for child in inside:
            if child not in known:
                yield f"node {parent!r}: its child {child!r} is not found in nodes"
            elif child in parent_of:
                yield f"node {child!r} is a child of {parent_of[child]!r}, and of {parent!r} again"
            else:
                parent_of[child] = parent
                if child in joined:
                    yield f"node {child!r} is a child of {parent!r}: no edge leads to it or from it, and no flow begins there"
    if _has_cycle((parent, child) for child, parent in parent_of.items()):
        yield "a block contains itself: its children lead back to it"
        return
    level, depth = [child for child in parent_of if parent_of[child] not in parent_of], 1
    while level and depth <= MOST_LEVELS:
        level, depth = (
            [child for parent in level for child in children.get(parent, ()) if child in parent_of],
            depth + 1,
        )
    if level:
        yield f"blocks are nested deeper than {MOST_LEVELS} levels"


def _has_cycle(edges: Iterable[tuple[str, str]]) -> bool:
    following: dict[str, set[str]] = {}
    entering: dict[str, int] = {}
    for source, target in edges:
        after = following.setdefault(source, set())
        if target not in after:
            after.add(target)
            entering[target] = entering.get(target, 0) + 1
    ready = [node for node in following if not entering.get(node)]
    while ready:
        for target in following.pop(ready.pop(), ()):
            entering[target] -= 1
            if not entering[target]:
                ready.append(target)
    return bool(following)
