"""Where nodes lie."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cerebelum.engine.domain.drawing import DrawnEdge, DrawnNode, drawing
from cerebelum.engine.domain.layout import GAP, LAYER_HEIGHT, NODE_WIDTH, Link, lay_out
from cerebelum.engine.domain.renderers.ascii_art import to_ascii
from cerebelum.engine.domain.renderers.svg import to_svg

_GRAPHS = st.integers(1, 25).flatmap(
    lambda count: st.tuples(
        st.just([f"node{number}" for number in range(count)]),
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=50),
    )
)


@given(_GRAPHS)
def test_no_two_nodes_overlap(graph: tuple[list[str], list[tuple[int, int]]]) -> None:
    """L6: whatever the edges, cycles and loops included, no two boxes of a layer touch, and layers lie apart."""
    names, pairs = graph
    layout = lay_out(names, [Link(names[a], names[b]) for a, b in pairs])
    assert layout.positions[names[0]] == (0, layout.positions[names[0]].y)
    assert len(set(layout.positions.values())) == len(names)
    by_layer: dict[int, list[int]] = {}
    for point in layout.positions.values():
        assert point.y % LAYER_HEIGHT == 0
        by_layer.setdefault(point.y, []).append(point.x)
    for row in by_layer.values():
        assert all(right - left >= NODE_WIDTH + GAP for left, right in pairwise(sorted(row)))


@given(_GRAPHS)
def test_edges_lead_down_or_are_said_to_lead_back(graph: tuple[list[str], list[tuple[int, int]]]) -> None:
    """L6: an edge that does not lead to a lower layer is one that closes a cycle, and runs beside all nodes."""
    names, pairs = graph
    layout = lay_out(names, [Link(names[a], names[b]) for a, b in pairs])
    right = max(point.x for point in layout.positions.values()) + NODE_WIDTH // 2
    for (a, b), back, route in zip(pairs, layout.back, layout.routes, strict=True):
        downward = layout.positions[names[b]].y > layout.positions[names[a]].y
        assert downward != back
        assert not back or all(point.x > right for point in route)


@given(_GRAPHS, st.integers(20, 120))
def test_any_graph_can_be_drawn_as_text_and_as_svg(graph: tuple[list[str], list[tuple[int, int]]], width: int) -> None:
    """W9: renderers take any graph; the text is no wider than asked, and names every node."""
    names, pairs = graph
    made = drawing(
        "any",
        [DrawnNode(id=name, type="step", label=name) for name in names],
        [DrawnEdge(source=names[a], target=names[b]) for a, b in pairs],
    )
    text = to_ascii(made, width=width)
    assert all(len(line) <= width for line in text.splitlines())
    assert all(name in text for name in names)
    assert to_svg(made).count("<g>") == len(names)


def test_a_row_lies_80_apart_and_is_straight() -> None:
    """L2: the first node is at (0, 0), and those of a chain lie below it, 80 apart."""
    names = ["start", "a", "b", "end"]
    positions = lay_out(names, [Link(a, b) for a, b in pairwise(names)]).positions
    assert [positions[name] for name in names] == [(0, 0), (0, 80), (0, 160), (0, 240)]


def test_a_long_chain_needs_no_deep_stack() -> None:
    """L6: 20,000 nodes in a row, with an edge over all of them, are laid out without recursion."""
    names = [str(number) for number in range(20_000)]
    links = [Link(a, b) for a, b in pairwise(names)]
    layout = lay_out(names, [*links, Link(names[0], names[-1]), Link(names[-1], names[0])])
    assert layout.positions["19999"].y == 19_999 * LAYER_HEIGHT
    assert layout.back == [*(False for _ in links), False, True]
