"""Flows as data from the command line: run, looked at, drawn, refused; and queues."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cerebelum.engine.authoring.definitions.schema import definition_schema
from tests.cli.cli_project import Project

STEPS = """
from os import system

from cerebelum import step


@step
def double(x: int) -> int:
    return 2 * x


def total(doubled: list[int]) -> int:
    return sum(doubled)
"""
ORDER: dict[str, Any] = {
    "name": "order",
    "entrypoint": "double",
    "nodes": {
        "double": {"type": "map", "config": {"function": "order:double", "items": "numbers", "result": "doubled"}},
        "is_large": {"type": "conditional", "config": {"condition": "len(doubled) > 1", "then": "total"}},
        "total": {"type": "function", "config": {"function": "order:total"}},
    },
    "edges": [{"from": "double", "to": "is_large"}],
}
YAML = """
name: order
entrypoint: double
nodes:
  double: {type: map, config: {function: "order:double", items: numbers, result: doubled}}
  is_large: {type: conditional, config: {condition: "len(doubled) > 1", then: total}}
  total: {type: function, config: {function: "order:total"}}
edges:
  - {from: double, to: is_large}
"""


@pytest.fixture
def order(project: Project) -> Project:
    """A definition, as JSON and as YAML, beside the module that has its functions."""
    project.write("order.py", STEPS)
    project.write("order.json", json.dumps(ORDER))
    project.write("order.yaml", YAML)
    return project


@pytest.mark.parametrize("file", ["order.json", "order.yaml"])
def test_a_file_runs_like_any_flow(order: Project, file: str) -> None:
    """A18, A22, A27: `run flow.json` and `run flow.yaml` run it; `replay` and `graph` work on it as on every flow."""
    result = order("run", file, "-i", "numbers=[1,2,3]", "--id", "one")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "12"
    assert order("replay", "one", "--check").exit_code == 0
    drawn = order("graph", file, "--mermaid")
    assert drawn.exit_code == 0, drawn.stderr
    assert "double" in drawn.stdout


def test_json_and_yaml_are_one_version(order: Project) -> None:
    """A18: what is the same flow has the same code, however it is written."""
    for number, file in enumerate(("order.json", "order.yaml")):
        assert order("run", file, "-i", "numbers=[1]", "--id", f"run-{number}").exit_code == 0
    assert order.json("show", "run-0")["code"] == order.json("show", "run-1")["code"]


def test_a_changed_definition_is_another_version(order: Project) -> None:
    """A18: a change of an edge, and one in the module of its functions, change the code's digest."""
    codes = set()
    for number in range(3):
        if number == 1:
            order.write("order.json", json.dumps({**ORDER, "edges": [{**ORDER["edges"][0], "condition": "true"}]}))
        if number == 2:
            order.write("order.py", STEPS.replace("2 * x", "3 * x"))
        assert order("run", "order.json", "-i", "numbers=[1]", "--id", f"run-{number}").exit_code == 0
        codes.add(order.json("show", f"run-{number}")["code"])
    assert len(codes) == 3


@pytest.mark.parametrize(
    "change, code, message",
    [
        ({"entrypoint": "x"}, "CB130", "Entrypoint 'x' not found in nodes"),
        ({"edges": [{"from": "double", "to": "x"}]}, "CB130", "Edge references unknown node: x"),
        ({"nodes": {"double": {"type": "teleport"}}, "edges": []}, "CB130", "node 'double': unknown type 'teleport'"),
        ({"nodes": {"double": {"type": "function", "config": {"function": "order:dooble"}}}, "edges": []}, "CB130", "node 'double': Function dooble not exported from order"),
        ({"nodes": {"double": {"type": "function", "config": {"function": "order:system"}}}, "edges": []}, "CB130", "node 'double': 'order:system' is no function or step"),
        ({"nodes": {"double": {"type": "function", "config": {"function": "os:system"}}}, "edges": []}, "CB130", "node 'double': module 'os' is not yours"),
        ({"nodes": {"double": {"type": "function", "config": {"function": "oder:double"}}}, "edges": []}, "CB103", "No module named 'oder'"),
    ],
)  # fmt: skip
def test_faults_are_told(order: Project, change: dict[str, Any], code: str, message: str) -> None:
    """A14, A25, A26: exit code 9, the exact texts, and nothing runs."""
    order.write("order.json", json.dumps({**ORDER, **change}))
    result = order("run", "order.json")
    assert result.exit_code == 9
    assert f"error[{code}]" in result.stderr
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("text", ["{", '{"a": 1, "a": 1}', "[" * 5_000, " " * 10_000_000, "\xff"])
def test_a_file_that_is_no_json_is_refused(project: Project, text: str) -> None:
    """A18: exit code 9 and the file's name."""
    (project.folder / "x.json").write_bytes(text.encode("latin-1"))
    result = project("run", "x.json")
    assert result.exit_code == 9
    assert "error[CB121]: x.json" in result.stderr


def test_names_in_a_definition_stay_data(order: Project) -> None:
    """A26: quotes, line breaks and Python in names and values are texts, whatever they look like."""
    hostile = "\"\"\"\n'''); import os; os._exit(3) #\\"
    order.write("order.json", json.dumps({**ORDER, "description": hostile, "metadata": {hostile: [hostile]}}))
    result = order("run", "order.json", "-i", "numbers=[4,5]")
    assert (result.exit_code, result.stdout.splitlines()[-1:]) == (0, ["18"]), result.stderr


def test_the_schema_is_printed(project: Project) -> None:
    """A18: `explain definition` prints the JSON schema of definitions."""
    result = project("explain", "definition")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == definition_schema()


def test_queues_are_configured_in_a_file(project: Project) -> None:
    """I9: `[queues]` of cerebelum.toml counts, and what cannot be a number of places is refused before anything runs."""
    project.write("cerebelum.toml", "[queues]\ndefault = 10\nembeddings = 2\n")
    assert project("run", "flow.py:good", "-i", "n=2").exit_code == 0
    project.write("cerebelum.toml", "[queues]\nembeddings = 0\n")
    refused = project("run", "flow.py:good")
    assert refused.exit_code == 2
    assert "cerebelum.toml:2: queues.embeddings is 0" in refused.stderr


@pytest.mark.parametrize("flag", ["embeddings", "embeddings=", "=3", "embeddings=many", "embeddings=0", "a=²"])
def test_a_worker_refuses_a_queue_that_is_none(project: Project, flag: str) -> None:
    """I9: `worker --queue` takes a name and a number."""
    refused = project("worker", "flow.py", "--queue", flag)
    assert refused.exit_code == 2
    assert "queue" in refused.stderr
