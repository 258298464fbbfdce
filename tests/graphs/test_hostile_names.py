"""Names that try to get out of their labels."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from cerebelum.engine.domain import graph as g
from cerebelum.engine.domain.drawing import Drawing
from cerebelum.engine.domain.renderers.ascii_art import to_ascii
from cerebelum.engine.domain.renderers.cytoscape import cytoscape_text
from cerebelum.engine.domain.renderers.dot import to_dot
from cerebelum.engine.domain.renderers.mermaid import to_mermaid
from cerebelum.engine.domain.renderers.svg import to_svg
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.graphs import draw
from tests.graphs.parsers import dot_labels, mermaid_labels, squeezed

NAMES = {
    "quotes": "say \"hi\" and 'ho'",
    "brackets": "a[b](c){d}<e>|f|",
    "newlines": "one\ntwo\r\nthree\ttab",
    "arrow": "x --> y -.-> z ==> w",
    "script": "<script>alert('x')</script>",
    "emoji": "🎉 party 👩‍👩‍👧",
    "long": "L" * 300,
    "right-to-left": "שלום \u202e evil",
    "terminal": "\x1b[31mred\x07",
    "entities": "a;b #35; &amp; &#x41; %%{init: {}}%%",
    "keywords": "end",
    "markdown": "`code` **bold** $$x$$ - [ ] 1. _under_",
    "icon": "fa:fa-car",
    "click": "click n1 call x()",
    "backslashes": "back\\slash\\n\\N\\",
    "empty": " ",
}


def _of(name: str) -> Drawing:
    """A drawing with the name everywhere: node ids and labels, branches, edges, the picture's own title."""
    step = g.Step(g.FunctionRef("m:f"), label=name)
    decision = g.Decision(g.FunctionRef("m:d"), {name: g.Graph.chain("b", {name: step})}, label=name)
    return draw(g.Graph.chain(name, {name: step, "other": decision, "last": g.Signal(name)}), name)


def test_mermaid_keeps_them_inside_their_labels() -> None:
    """L10: Mermaid reads as many nodes and labels as there are, each with the whole name, and nothing more."""
    cases = {name: g.Graph.chain(name, {name: g.Step(g.FunctionRef("m:f"), label=name)}) for name in NAMES.values()}
    drawing = draw(g.Graph.chain("all", {"pick": g.Decision(g.FunctionRef("m:d"), cases)}))
    nodes, edges = mermaid_labels(to_mermaid(drawing))
    assert nodes == [_read(node.label) for node in drawing.nodes]
    assert sorted(filter(None, edges)) == sorted(filter(None, (_read(edge.text) for edge in drawing.edges)))


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_graphviz_keeps_it_inside_its_label(name: str) -> None:
    """L9: Graphviz reads as many nodes as there are, each with the whole name, and nothing more."""
    drawing = _of(name)
    nodes, edges, _ = dot_labels(to_dot(drawing))
    assert nodes == [_read(node.label) for node in drawing.nodes]
    assert sorted(filter(None, edges)) == sorted(filter(None, (_read(edge.text) for edge in drawing.edges)))


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_svg_keeps_it_inside_its_label(name: str) -> None:
    """L5: our own SVG is XML with the whole name in the tooltip, and no element of the user's making."""
    root = ET.fromstring(to_svg(_of(name)))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "defs", "marker", "path", "rect", "polygon", "polyline", "g", "text"}
    assert visible(name, keep_newlines=False) in [
        element.text for element in root.iter() if element.tag.endswith("title")
    ]


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_json_keeps_it_as_it_is(name: str) -> None:
    """L1, L11: JSON holds the name itself, and is JSON."""
    drawing = _of(name)
    assert drawing.as_json()["nodes"][1]["label"] == name
    assert json.loads(cytoscape_text(drawing))["elements"]["nodes"][1]["data"]["label"] == name


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_text_does_nothing_to_the_terminal(name: str) -> None:
    """W9: no character of a name acts on the terminal, in boxes or as a list."""
    for width in (200, 20):
        text = to_ascii(_of(name), width=width)
        assert visible(text) == text


def _read(text: str) -> str:
    return squeezed(visible(text, keep_newlines=False))
