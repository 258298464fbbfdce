"""Every construct's picture, in the form that shows all of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.drawing import Drawing
from cerebelum.engine.domain.renderers.ascii_art import to_ascii
from cerebelum.engine.domain.renderers.cytoscape import cytoscape_text
from cerebelum.engine.domain.renderers.dot import to_dot
from cerebelum.engine.domain.renderers.json_text import json_text
from cerebelum.engine.domain.renderers.mermaid import to_mermaid
from cerebelum.engine.domain.renderers.svg import to_svg
from cerebelum.graphs import draw
from tests.flows import drawn
from tests.graphs.block_graphs import BLOCKS
from tests.graphs.golden import check
from tests.graphs.parsers import dot_labels, mermaid_labels, squeezed

FUNCTIONS: list[WorkflowDefinition[..., Any]] = [
    drawn.chain, drawn.branches, drawn.loops, drawn.at_once, drawn.undone, drawn.waits, drawn.errors, drawn.dynamic,
]  # fmt: skip
DRAWINGS: dict[str, Drawing] = {
    **{f"function_{made.name}": draw(made) for made in FUNCTIONS},
    **{f"flow_{name}": draw(graph) for name, graph in BLOCKS.items()},
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_each_construct_has_its_picture(name: str) -> None:
    """L5, L10, W9: one golden Mermaid and text picture for each construct, of functions as of flows."""
    check(f"{name}.mmd", to_mermaid(DRAWINGS[name]))
    check(f"{name}.txt", to_ascii(DRAWINGS[name]))


@pytest.mark.parametrize(
    "suffix, render", [("dot", to_dot), ("json", json_text), ("cyto.json", cytoscape_text), ("svg", to_svg)]
)
def test_the_other_formats_show_the_same(suffix: str, render: object) -> None:
    """L1, L9, L11: the order flow in every other format."""
    assert callable(render)
    check(f"flow_order.{suffix}", render(DRAWINGS["flow_order"]))


@pytest.mark.parametrize("name", DRAWINGS)
def test_mermaid_reads_what_we_write(name: str) -> None:
    """L10: Mermaid itself reads every picture, one node for one node, with its label; no statement needs a `;`."""
    text = to_mermaid(DRAWINGS[name])
    labels, edges = mermaid_labels(text)
    assert labels == [squeezed(node.label) for node in DRAWINGS[name].nodes]
    assert [label for label in edges if label] == [squeezed(edge.label) for edge in DRAWINGS[name].edges if edge.label]
    assert not [line for line in text.splitlines() if line.endswith(";")]


@pytest.mark.parametrize("name", DRAWINGS)
def test_graphviz_reads_what_we_write(name: str) -> None:
    """L9: Graphviz itself reads every picture, one node for one node, with its label."""
    drawing = DRAWINGS[name]
    labels, edges, title = dot_labels(to_dot(drawing))
    assert labels == [squeezed(node.label) for node in drawing.nodes]
    assert sorted(filter(None, edges)) == sorted(squeezed(edge.label) for edge in drawing.edges if edge.label)
    assert title == drawing.name


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_json_form_has_its_keys_only(name: str) -> None:
    """L1, L2: nodes are {id, type, label, position: {x, y}}, edges {from, to, label}; the first is `start` at (0, 0)."""
    shape = json.loads(json_text(DRAWINGS[name]))
    assert set(shape) == {"nodes", "edges"}
    assert all(set(node) == {"id", "type", "label", "position"} for node in shape["nodes"])
    assert all(set(node["position"]) == {"x", "y"} for node in shape["nodes"])
    assert all(set(edge) == {"from", "to", "label"} for edge in shape["edges"])
    first = shape["nodes"][0]
    assert (first["id"], first["type"], first["position"]) == ("start", "start", {"x": 0, "y": 0})


def test_ids_labels_and_rows_are_those_of_the_form() -> None:
    """L2, L3, L4: rows 80 apart; a step is its name, title-cased; a decision has a prefix; its edges have the results."""
    drawing = DRAWINGS["flow_order"]
    assert [node.position.y for node in drawing.nodes[:3]] == [0, 80, 160]
    assert drawing.node("validate_inventory").label == "Validate Inventory"
    assert drawing.node("decision_check_total").type == "decision"
    out = [edge.label for edge in drawing.edges if edge.source == "decision_check_total"]
    assert out == ["high_value", "medium_value", "standard", "otherwise"]
    assert [edge.label for edge in drawing.edges if edge.source == "validate_inventory"] == [None]


def test_cytoscape_elements_have_ids_sources_and_targets() -> None:
    """L11: `elements` with node and edge `data`; every edge joins two nodes that are there."""
    elements = json.loads(cytoscape_text(DRAWINGS["flow_nested"]))["elements"]
    ids = {node["data"]["id"] for node in elements["nodes"]}
    assert len(ids) == len(elements["nodes"])
    assert all({edge["data"]["source"], edge["data"]["target"]} <= ids for edge in elements["edges"])


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("name", DRAWINGS)
def test_text_pictures_fit_the_terminal(name: str, width: int) -> None:
    """W9: no line is wider than the terminal; a picture that cannot be made so narrow becomes a list."""
    assert all(len(line) <= width for line in to_ascii(DRAWINGS[name], width=width).splitlines())
