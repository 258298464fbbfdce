"""`cerebelum cluster`: which nodes work on a store, and what each holds."""

from __future__ import annotations

import os
from typing import Any

import pytest

from cerebelum.connect import open_store
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.ports.store import NodeRow
from cerebelum_cli.composition import run_async
from tests.cli.cli_project import Project

FLOW = """
from cerebelum import wait_for_signal, step, workflow
import time

@step
def works():
    print("begun", flush=True)
    time.sleep(60)

@workflow(queue="gpu")
async def busy():
    await works()
"""


async def _join(url: str, name: str) -> None:
    store = open_store(url)
    await store.open()
    await store.join(
        NodeRow(nonce="n-1", name=name, host="", pid=7, lease_until_us=0, started_at_us=1, workflows=["b", "a"])
    )
    await store.close()


def test_a_node_with_what_it_holds(project: Project) -> None:
    """W6, N8: while a worker runs an execution, its node is listed with its lease, queue and workflow; afterwards none is."""
    project.write("busy.py", FLOW)
    with project.start("run", "busy.py", "--id", "e-1") as run:
        found: list[Any] = []
        while not (found and found[0]["executions"]):
            assert run.poll() is None
            listed = project("cluster", "nodes", "-o", "json")
            found = project.json("cluster", "nodes") if listed.exit_code == 0 else []
        [node] = found
        assert (node["schema"], node["state"], node["workflows"]) == ("cerebelum.node/1", "alive", ["busy"])
        assert node["queues"] == {"gpu": 1}
        assert node["lease_left_ms"] > 0
        line = project("cluster", "nodes").stdout.rstrip("\n").split("\t")
        assert (line[1], line[3], line[4], line[6], line[7]) == ("alive", "1", "gpu", node["id"], "busy")
        assert project("cluster", "nodes", "-o", "ids").stdout == f"{node['id']}\n"
        run.kill()
        run.communicate(timeout=20)
    gone = project.json("cluster", "nodes")
    assert [each["state"] for each in gone] == ["gone"]
    said = project("cluster", "nodes")
    assert "no live node takes over what it holds" in said.stderr


def test_no_node_and_no_store(project: Project) -> None:
    """W6: an empty list is a valid one; without a store the exit code is 6, an unknown word 2."""
    assert project("cluster", "nodes").exit_code == 6
    project.write("done.py", "from cerebelum import workflow\n\n\n@workflow\nasync def done():\n    return 1\n")
    assert project("run", "done.py").exit_code == 0
    assert project.json("cluster", "nodes") == []
    assert project("cluster", "nodes").stdout == ""
    assert project("cluster", "dance").exit_code == 2


def test_a_name_cannot_act_on_the_terminal(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """W6: a node's name with controls is shown as what it is."""
    project.write("done.py", "from cerebelum import workflow\n\n\n@workflow\nasync def done():\n    return 1\n")
    assert project("run", "done.py").exit_code == 0
    path = os.path.join(os.getcwd(), ".cerebelum", "dev.db")  # noqa: PTH109, PTH118 - as the command finds it
    run_async(_join(f"sqlite:///{path}", "evil\x1b[2J\u202e"))
    listed = project("cluster", "nodes")
    assert "evil\\x1b[2J\\u202e" in listed.stdout
    assert visible(listed.stdout) == listed.stdout
    assert project.json("cluster", "nodes")[0]["workflows"] == ["a", "b"]
