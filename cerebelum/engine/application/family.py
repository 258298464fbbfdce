"""An execution with all that it started, and what those started. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct, field

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.query import not_found
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import ExecutionFilter

_PAGE = 1_000
MOST_DEPTH = 100  # generations


class Kin(Struct, kw_only=True):
    """An execution and its children, the oldest first.

    Attributes:
        is_cut: there are more children than were read.
    """

    row: ExecutionRow
    children: list[Kin] = field(default_factory=list)
    is_cut: bool = False


class Branch(NamedTuple):
    """One line of a tree. `guides`: what leads to it: `│  ├─ `."""

    kin: Kin
    depth: int
    guides: str


async def family(engine: Engine, execution_id: str, *, most: int = 1_000) -> Kin:
    """Return an execution with its descendants, generation by generation.

    Args:
        most: how many executions at most. Generations beyond the hundredth are left out.

    Raises:
        ExecutionNotFound: no such execution.
    """
    row = await engine.store.get_execution(execution_id)
    if row is None:
        raise await not_found(engine, execution_id)
    root = Kin(row=row)
    generation, left = [root], most - 1
    for depth in range(MOST_DEPTH):
        for kin in generation:
            left = await _read_children(engine, kin, left if depth < MOST_DEPTH - 1 else 0)
        generation = [child for kin in generation for child in kin.children]
    return root


async def _read_children(engine: Engine, kin: Kin, left: int) -> int:
    before: tuple[int, str] | None = None
    while True:
        wanted = min(_PAGE, left + 1)
        page = await engine.store.list_executions(ExecutionFilter(parent=kin.row.id, before=before, limit=wanted))
        kin.children += [Kin(row=row) for row in page[:left]]
        kin.is_cut = len(page) > left
        left -= min(left, len(page))
        if kin.is_cut or len(page) < wanted:
            kin.children.reverse()
            return left
        before = (page[-1].inserted_at_us, page[-1].id)


def branches(root: Kin) -> Iterator[Branch]:
    """Yield the lines of a tree, each with what leads to it; no recursion, however deep it is."""
    waiting: list[tuple[Kin, int, str, str]] = [(root, 0, "", "")]
    while waiting:
        kin, depth, guides, below = waiting.pop()
        yield Branch(kin, depth, guides)
        last = len(kin.children) - 1
        for index in range(last, -1, -1):
            is_last = index == last
            guide, further = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
            waiting.append((kin.children[index], depth + 1, below + guide, below + further))
