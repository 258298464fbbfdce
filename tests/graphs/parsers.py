"""Real readers of what we emit: Mermaid itself, in an embedded JavaScript engine, and Graphviz."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import mermaidx
import pytest

_SVG = "{http://www.w3.org/2000/svg}"


def mermaid_labels(text: str) -> tuple[list[str], list[str]]:
    """Return the labels of nodes, by number, and of edges, as Mermaid read them; it raises where it cannot read."""
    root = ET.fromstring(mermaidx.render(text).svg())
    nodes: dict[int, str] = {}
    edges = []
    for element in root.iter():
        found = re.search(r"flowchart-n(\d+)-\d+$", element.get("id") or "")
        if found and element.tag == f"{_SVG}g":
            nodes[int(found[1])] = squeezed("".join(element.itertext()))
        elif element.get("class") == "edgeLabels":
            edges += [squeezed("".join(group.itertext())) for group in element]
    return [nodes[number] for number in sorted(nodes)], edges


def dot_labels(text: str) -> tuple[list[str], list[str], str]:
    """Return the labels of nodes and edges, and the title, as Graphviz read them."""
    program = shutil.which("dot")
    if program is None:
        pytest.skip("Graphviz is not installed")
    done = subprocess.run([program, "-Tsvg"], input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    root = ET.fromstring(done.stdout)
    nodes: dict[int, str] = {}
    edges, name = [], ""
    for group in root.iter(f"{_SVG}g"):
        title = group.findtext(f"{_SVG}title") or ""
        label = squeezed("".join("".join(part.itertext()) for part in group.iter(f"{_SVG}text")))
        match group.get("class"):
            case "graph":
                name = title
            case "node":
                nodes[int(title.removeprefix("n"))] = label
            case "edge":
                edges.append(label)
    return [nodes[number] for number in sorted(nodes)], edges, name


def squeezed(text: str) -> str:
    """Text without its spaces: both programs break and pad lines as they like."""
    return re.sub(r"\s+", "", text)
