"""Where the drawing of a function stands: the open ways, what may be caught, and drawing on trial."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cerebelum.engine.domain.drawing import NodeType
from cerebelum.engine.domain.sketch import Sketch, Way, Ways

NODES_MAX = 2000  # beyond, functions are not followed any more: nobody reads such a picture
_TEXT_MAX = 120
_FAILING = frozenset({"step", "map", "signal", "input", "subflow", "dynamic", "raise"})


class Pen:
    """Draws nodes at the end of the open ways."""

    def __init__(self, sketch: Sketch, file: str) -> None:
        self.sketch = sketch
        self.ways: Ways = sketch.start
        self.file = file
        self.returns: Ways = []  # of the function that is being drawn
        self.dangling: Ways = []  # behind tasks that nobody awaits
        self.loops: list[tuple[str, Ways]] = []  # head, and the ways that break out
        self.caught: list[list[str]] = []  # for each enclosing `try`, the nodes whose errors it may catch
        self._jumps = 0

    def add(
        self, type_: NodeType, label: str, at: ast.AST, *, node_id: str = "", name: str = "", dotted: bool = False
    ) -> str:
        """Add a node at the end of the open ways, and go on from it."""
        lines = (self.file, getattr(at, "lineno", 0), getattr(at, "end_lineno", 0) or 0)
        found = self.sketch.add(type_, label, self.ways, node_id=node_id or name, name=name, lines=lines, dotted=dotted)
        self.ways = [Way(found)]
        if type_ in _FAILING and self.caught:
            self.caught[-1].append(found)
        return found

    def jump(self) -> Ways:
        """Leave the straight way: return the open ways, of which none is left here."""
        ways, self.ways = self.ways, []
        self._jumps += 1
        return ways

    def on_trial(self, draw: Callable[[], None], *, least: int = 2) -> bool:
        """Draw; unless at least `least` nodes came of it, or a jump, take everything back and return False."""
        nodes, edges, ways, jumps = len(self.sketch.nodes), len(self.sketch.edges), self.ways, self._jumps
        draw()
        if len(self.sketch.nodes) - nodes >= least or self._jumps > jumps:
            return True
        taken = set()
        while len(self.sketch.nodes) > nodes:
            taken.add(self.sketch.nodes.popitem()[0])
        while len(self.sketch.edges) > edges:
            self.sketch.edges.popitem()
        for list_ in self.caught:
            list_[:] = [name for name in list_ if name not in taken]
        self.ways = ways
        return False

    @contextmanager
    def branch(self, ways: Ways) -> Iterator[None]:
        """Draw from other ways, and come back to those that were open."""
        before, self.ways = self.ways, ways
        try:
            yield
        finally:
            self.ways = before

    @contextmanager
    def looping(self, head: str) -> Iterator[Ways]:
        """Give the ways that break out of the loop."""
        breaks: Ways = []
        self.loops.append((head, breaks))
        try:
            yield breaks
        finally:
            self.loops.pop()


def text_of(node: ast.AST) -> str:
    """Return an expression as people read it: in one line, without `await`, not too long."""
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError):
        return "…"
    text = re.sub(r"\bawait ", "", " ".join(text.split()))
    return text if len(text) <= _TEXT_MAX else f"{text[: _TEXT_MAX - 1]}…"


def slug(text: str) -> str:
    """Return text as the end of an id."""
    return "_".join(re.findall(r"\w+", text))[:40].strip("_") or "x"
