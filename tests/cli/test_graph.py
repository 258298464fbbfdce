"""`cerebelum graph`: files and executions, in every format."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET

import pexpect
import pytest

from tests.cli.cli_project import Project, command, environ

ORDER = """
from cerebelum import Flow, decision, step, workflow


@step
def pack(item: str) -> str:
    return item


@workflow
async def ship(item: str = "tea", fast: bool = False) -> str:
    if fast:
        return await pack("express")
    return await pack(item)


def risk() -> str:
    return "low"


flow = Flow("order", decision(risk, {"high": [pack]}))
"""

SHIP = """flowchart TD
    n1(["Start"])
    n2{"fast"}
    n3["Pack"]
    n4["Pack"]
    n5(["End"])
    n1 --> n2
    n2 -->|"yes"| n3
    n2 -->|"no"| n4
    n3 --> n5
    n4 --> n5
"""


@pytest.fixture
def order(project: Project) -> Project:
    """A file with a function workflow and a flow."""
    project.write("order.py", ORDER)
    return project


def test_off_a_terminal_it_prints_mermaid(order: Project) -> None:
    """W9: `cerebelum graph FLOW.py:name` prints Mermaid where nobody looks; `--mermaid` is the same."""
    assert order("graph", "order.py:ship").stdout == SHIP
    assert order("graph", "order.py:ship", "--mermaid").stdout == SHIP
    assert "Risk" in order("graph", "order.py:order").stdout


def test_on_a_terminal_it_prints_boxes_that_fit(order: Project) -> None:
    """W9: a person gets boxes and lines, no wider than the terminal."""
    first, *words = command("graph", "order.py:ship")
    seen = pexpect.run(
        " ".join([first, *words]), cwd=str(order.folder), env={**environ(), "TERM": "xterm"}, encoding="utf-8"
    )  # fmt: skip
    assert "│ Start │" in seen
    assert all(len(line) <= 80 for line in str(seen).splitlines())


@pytest.mark.parametrize(
    "option, begins",
    [("--dot", "digraph"), ("--json", "{"), ("--cytoscape", "{"), ("--ascii", " "), ("--svg", "<svg")],
)
def test_every_format_can_be_written_to_a_file(order: Project, option: str, begins: str) -> None:
    """W9, L9, L11: each format goes to stdout and, with -o, into a file, the same."""
    printed = order("graph", "order.py:ship", option)
    assert printed.exit_code == 0, printed.stderr
    assert printed.stdout.startswith(begins)
    written = order("graph", "order.py:ship", option, "-o", "picture")
    assert (written.exit_code, written.stdout) == (0, "")
    assert (order.folder / "picture").read_text(encoding="utf-8") == printed.stdout


def test_the_suffix_of_the_file_chooses_the_format(order: Project) -> None:
    """W9: `-o graph.svg` needs no second word."""
    assert order("graph", "order.py:ship", "-o", "graph.svg").exit_code == 0
    assert ET.parse(order.folder / "graph.svg").getroot().tag.endswith("svg")


def test_an_execution_is_laid_over_its_graph(order: Project) -> None:
    """L7, W9: with an execution's id the nodes that ran say so, also when its file is gone."""
    assert order("run", "order.py:ship", "--id", "shipped").exit_code == 0
    (order.folder / "order.py").unlink()
    shape = json.loads(order("graph", "shipped", "--json").stdout)
    states = {node["id"]: node.get("execution_state") for node in shape["nodes"]}
    assert states["pack"] is None
    assert states["pack_2"]["status"] == "completed"
    assert "completed" in order("graph", "@last").stdout


def test_statistics_of_all_executions(order: Project) -> None:
    """W9: `--stats` adds p50, p95 and the failure rate, for a file as for an execution's workflow."""
    for _ in range(2):
        order("run", "order.py:ship")
    for target in ("order.py:ship", "@last"):
        shape = json.loads(order("graph", target, "--stats", "--json").stdout)
        found = next(node["statistics"] for node in shape["nodes"] if node["id"] == "pack_2")
        assert (found["count"], found["failure_rate"]) == (2, 0)
        assert 0 <= found["p50_ms"] <= found["p95_ms"]


def test_png_needs_dot_and_says_so(order: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """L9: without Graphviz a PNG is refused with what to do, exit code 2; nothing is written, and SVG still works."""
    monkeypatch.setenv("PATH", "")
    refused = order("graph", "order.py:ship", "--png", "-o", "graph.png")
    assert refused.exit_code == 2
    assert "error[CB206]: a PNG is drawn by Graphviz, whose program `dot` is not on the PATH" in refused.stderr
    assert "--svg" in refused.stderr
    assert not (order.folder / "graph.png").exists()
    assert order("graph", "order.py:ship", "--svg").exit_code == 0


def test_png_is_drawn_by_dot(order: Project) -> None:
    """L9: with Graphviz there is a PNG."""
    if shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed")
    assert order("graph", "order.py:ship", "-o", "graph.png").exit_code == 0
    assert (order.folder / "graph.png").read_bytes().startswith(b"\x89PNG")


def test_no_workflow_code_runs(project: Project) -> None:
    """L5, W9: the function's body is read, not run."""
    project.write(
        "bomb.py", "from cerebelum import workflow\n@workflow\nasync def bomb() -> None:\n    open('ran', 'w')\n"
    )
    assert project("graph", "bomb.py").exit_code == 0
    assert not (project.folder / "ran").exists()


@pytest.mark.parametrize(
    "words, exit_code, said",
    [
        (("no.py",), 9, "no.py"),
        (("order.py",), 9, "order.py:ship"),
        (("order.py:nothing",), 3, "nothing"),
        (("no-such-id",), 3, "no-such-id"),
        (("order.py:ship", "--dot", "--svg"), 2, "--dot and --svg were given: one picture at a time"),
        (("order.py:ship", "-o", "no/such/folder/x.svg"), 2, "cannot be written"),
        (("order.py:ship", "--output", "json"), 2, "does not tell which picture is meant"),
    ],
)
def test_mistakes_are_named(order: Project, words: tuple[str, ...], exit_code: int, said: str) -> None:
    """W9, W10: what cannot be drawn says why, with the exit code of its kind and nothing on stdout."""
    order("run", "order.py:ship")  # so that there is a store
    result = order("graph", *words)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert said in result.stderr
