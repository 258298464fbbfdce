"""Where the nodes of a drawing lie: in layers from top to bottom, never two on one place.

The usual way (Sugiyama, Tagawa, Toda 1981): edges that close a cycle are set aside, each node goes one layer below the
lowest of its predecessors, the order within a layer follows the neighbours' middles, and then each layer is moved as near
to its neighbours as the widths allow. Edges set aside run in lanes at the right, so they cross no node either.
Everything is iterative: a chain of 100,000 nodes is laid out like one of ten.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

LAYER_HEIGHT = 80
NODE_WIDTH = 200
GAP = 40
_BEND_WIDTH = 24  # of an edge that passes a layer
_BENDS_MAX = 20_000  # beyond, long edges go straight: nobody looks at such a picture
_SWEEPS = 4


class Point(NamedTuple):
    """A place, in pixels; y grows downward."""

    x: int
    y: int


class Link(NamedTuple):
    """An edge, as far as a layout is concerned."""

    source: str
    target: str


class Layout(NamedTuple):
    """Centres of the nodes, and for each edge whether it leads back, and the points between its ends."""

    positions: dict[str, Point]
    back: list[bool]
    routes: list[tuple[Point, ...]]
    layers: list[list[str]]  # the nodes of each layer, left to right


def lay_out(
    nodes: Sequence[str], links: Sequence[Link], *, widths: Mapping[str, int] | None = None,
    gap: int = GAP, bend_width: int = _BEND_WIDTH,
) -> Layout:  # fmt: skip
    """Lay a graph out; the first node is at (0, 0).

    Args:
        nodes: distinct ids.
        links: between these nodes; several between the same two, and loops, are fine.
        widths: of each node; default: `NODE_WIDTH`.
        gap: least space between neighbours in a layer.
        bend_width: what an edge takes where it passes a layer.
    """
    back = _closing(nodes, links)
    layer = _layers(nodes, [link for link, closes in zip(links, back, strict=True) if not closes])
    chains, layer_of = _with_bends(links, back, layer)
    rows = _rows(layer_of)
    above, below = _neighbours(chains)
    _order(rows, above, below)
    width = dict.fromkeys(layer_of, bend_width)
    width.update({name: (widths or {}).get(name, NODE_WIDTH) for name in nodes})
    x = _place(rows, above, below, width, gap)
    origin = x[nodes[0]] if nodes else 0
    where = {name: Point(x[name] - origin, layer_of[name] * LAYER_HEIGHT) for name in layer_of}
    positions = {name: where[name] for name in nodes}
    right = max((where[name].x + width[name] // 2 for name in layer_of), default=0)
    routes = _routes(links, back, layer, chains, where, right, gap)
    known = set(nodes)
    return Layout(positions, back, routes, [[name for name in row if name in known] for row in rows])


def _closing(nodes: Sequence[str], links: Sequence[Link]) -> list[bool]:
    """For each link, whether it closes a cycle: depth first from the first node, along the links in their order."""
    outgoing: dict[str, list[int]] = defaultdict(list)
    for number, link in enumerate(links):
        outgoing[link.source].append(number)
    closing = [False] * len(links)
    open_, done = set[str](), set[str]()
    for root in nodes:
        if root in done:
            continue
        stack = [(root, iter(outgoing[root]))]
        open_.add(root)
        while stack:
            name, rest = stack[-1]
            for number in rest:
                target = links[number].target
                if target in open_:
                    closing[number] = True
                elif target not in done:
                    open_.add(target)
                    stack.append((target, iter(outgoing[target])))
                    break
            else:
                stack.pop()
                open_.discard(name)
                done.add(name)
    return closing


def _layers(nodes: Sequence[str], links: Sequence[Link]) -> dict[str, int]:
    incoming = dict.fromkeys(nodes, 0)
    outgoing: dict[str, list[str]] = defaultdict(list)
    for link in links:
        incoming[link.target] += 1
        outgoing[link.source].append(link.target)
    layer = dict.fromkeys(nodes, 0)
    ready = [name for name in nodes if not incoming[name]]
    while ready:
        name = ready.pop()
        for target in outgoing[name]:
            layer[target] = max(layer[target], layer[name] + 1)
            incoming[target] -= 1
            if not incoming[target]:
                ready.append(target)
    return layer


def _with_bends(
    links: Sequence[Link], back: Sequence[bool], layer: Mapping[str, int]
) -> tuple[list[list[str]], dict[str, int]]:
    """Return for each link the names along it, and the layers of all names: a long link has a bend in each layer."""
    layer_of = dict(layer)
    chains: list[list[str]] = []
    left = _BENDS_MAX
    for number, (link, closes) in enumerate(zip(links, back, strict=True)):
        chain: list[str] = []
        if not closes:
            bends = layer[link.target] - layer[link.source] - 1
            left -= bends
            # no user's id holds a NUL: names of bends are theirs alone
            inner = [f"\0{number}\0{step}" for step in range(bends)] if left >= 0 else []
            for step, name in enumerate(inner, start=1):
                layer_of[name] = layer[link.source] + step
            chain = [link.source, *inner, link.target]
        chains.append(chain)
    return chains, layer_of


def _rows(layer_of: Mapping[str, int]) -> list[list[str]]:
    rows: list[list[str]] = [[] for _ in range(max(layer_of.values(), default=-1) + 1)]
    for name in layer_of:
        rows[layer_of[name]].append(name)
    return rows


def _neighbours(chains: Sequence[Sequence[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    above: dict[str, list[str]] = defaultdict(list)
    below: dict[str, list[str]] = defaultdict(list)
    for chain in chains:
        for upper, lower in pairwise(chain):
            above[lower].append(upper)
            below[upper].append(lower)
    return above, below


def _order(rows: list[list[str]], above: Mapping[str, list[str]], below: Mapping[str, list[str]]) -> None:
    """Sort each layer by the middles of its neighbours, down and up in turn."""
    place = {name: float(number) for row in rows for number, name in enumerate(row)}
    for sweep in range(_SWEEPS):
        side, order = (above, rows) if sweep % 2 == 0 else (below, list(reversed(rows)))
        for row in order:
            middle = {
                name: sum(place[other] for other in side[name]) / len(side[name]) if side.get(name) else place[name]
                for name in row
            }
            row.sort(key=middle.__getitem__)
            place.update({name: float(number) for number, name in enumerate(row)})


def _place(
    rows: list[list[str]], above: Mapping[str, list[str]], below: Mapping[str, list[str]],
    width: Mapping[str, int], gap: int,
) -> dict[str, int]:  # fmt: skip
    x: dict[str, float] = {}
    offsets: list[list[float]] = []
    for row in rows:
        ahead = [0.0]
        for left, right in pairwise(row):
            ahead.append(ahead[-1] + (width[left] + width[right]) / 2 + gap)
        offsets.append(ahead)
        x.update({name: offset - ahead[-1] / 2 for name, offset in zip(row, ahead, strict=False)})
    for sweep in range(_SWEEPS + 1):
        numbers = range(len(rows)) if sweep % 2 == 0 else range(len(rows) - 1, -1, -1)
        side = above if sweep % 2 == 0 else below
        for number in numbers:
            row, ahead = rows[number], offsets[number]
            wish = [
                (sum(x[other] for other in side[name]) / len(side[name]) if side.get(name) else x[name]) - offset
                for name, offset in zip(row, ahead, strict=False)
            ]
            x.update({name: value + offset for name, value, offset in zip(row, _rising(wish), ahead, strict=False)})
    # a fractional offset may lose half a pixel by rounding: whole numbers are taken one by one, from the left
    whole: dict[str, int] = {}
    for row in rows:
        last: str | None = None
        for name in row:
            whole[name] = round(x[name])
            if last is not None:
                whole[name] = max(whole[name], whole[last] + -(-(width[last] + width[name]) // 2) + gap)
            last = name
    return whole


def _rising(wish: Sequence[float]) -> list[float]:
    """Return the non-decreasing numbers nearest to `wish` in the sum of squares: neighbours that conflict share a mean."""
    blocks: list[tuple[float, int]] = []
    for value in wish:
        total, count = value, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            more, others = blocks.pop()
            total, count = total + more, count + others
        blocks.append((total, count))
    return [total / count for total, count in blocks for _ in range(count)]


def _routes(
    links: Sequence[Link], back: Sequence[bool], layer: Mapping[str, int], chains: Sequence[Sequence[str]],
    where: Mapping[str, Point], right: int, gap: int,
) -> list[tuple[Point, ...]]:  # fmt: skip
    lanes: list[list[tuple[int, int]]] = []
    routes: list[tuple[Point, ...]] = []
    for link, closes, chain in zip(links, back, chains, strict=True):
        if not closes:
            routes.append(tuple(where[name] for name in chain[1:-1]))
            continue
        first, last = layer[link.target], layer[link.source]
        lane = next(
            (number for number, taken in enumerate(lanes) if all(b < first or last < a for a, b in taken)), len(lanes)
        )
        if lane == len(lanes):
            lanes.append([])
        lanes[lane].append((first, last))
        x = right + gap // 2 + lane * max(gap // 2, 1)
        routes.append((Point(x, where[link.source].y), Point(x, where[link.target].y)))
    return routes
