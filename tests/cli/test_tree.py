"""`cerebelum tree`: an execution with its children, and theirs."""

from __future__ import annotations

import json

from cerebelum.engine.application.family import Kin, branches
from cerebelum.engine.domain.execution import ExecutionRow
from tests.cli.cli_project import Project

FLOW = """
from cerebelum import workflow


@workflow
async def leaf(n):
    if n == 2:
        raise ValueError("no \\x1b[2J two")
    return n


@workflow
async def branch(n):
    return await leaf(n)


@workflow
async def root():
    first = await branch(1)
    try:
        await branch(2)
    except Exception:
        pass
    return [first, await leaf(3)]
"""


def test_a_tree_of_three_generations(project: Project) -> None:
    """W8: each with its status, the oldest child first; nested as JSON, flat as lines, and cut where a limit is."""
    project.write("family.py", FLOW)
    assert project("run", "family.py:root", "--id", "r").exit_code == 0
    found = project.json("tree", "r")
    assert (found["id"], found["status"], found["cut"]) == ("r", "completed", False)
    told = [
        (child["workflow"], child["status"], [each["status"] for each in child["children"]])
        for child in found["children"]
    ]
    assert told == [
        ("branch", "completed", ["completed"]), ("branch", "failed", ["failed"]), ("leaf", "completed", []),
    ]  # fmt: skip
    lines = [line.split("\t") for line in project("tree", "r").stdout.splitlines()]
    assert [(cells[1].partition("@")[0], cells[2]) for cells in lines] == [
        ("root", "completed"), ("branch", "completed"), ("leaf", "completed"), ("branch", "failed"), ("leaf", "failed"),
        ("leaf", "completed"),
    ]  # fmt: skip
    assert "\\x1b[2J" in lines[4][5]
    flat = [json.loads(line) for line in project("tree", "r", "-o", "jsonl").stdout.splitlines()]
    assert [each["depth"] for each in flat] == [0, 1, 2, 1, 2, 1]
    assert [each["parent"] for each in flat][:3] == [None, "r", flat[1]["id"]]
    cut = project("tree", "r", "--limit", "2")
    assert len(cut.stdout.splitlines()) == 2
    assert "--limit 20" in cut.stderr


def test_an_unknown_execution(project: Project) -> None:
    """W8: exit code 3, and the id that was meant."""
    project.write("family.py", FLOW)
    assert project("run", "family.py:leaf", "-i", "n=1", "--id", "leaf-1").exit_code == 0
    refused = project("tree", "lead-1")
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert "leaf-1" in refused.stderr


def test_the_guides_of_a_tree() -> None:
    """W8: each line is led to, as deep as it goes."""
    rows = {name: Kin(row=ExecutionRow(id=name, workflow="w")) for name in "abcde"}
    rows["a"].children = [rows["b"], rows["d"]]
    rows["b"].children = [rows["c"]]
    rows["d"].children = [rows["e"]]
    assert [f"{each.guides}{each.kin.row.id}" for each in branches(rows["a"])] == [
        "a", "├─ b", "│  └─ c", "└─ d", "   └─ e",
    ]  # fmt: skip
