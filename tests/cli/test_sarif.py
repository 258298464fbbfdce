"""SARIF logs keep the rules of the standard, whatever they tell of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.cli_project import Project
from tests.cli.sarif_objects import problems

BAD = """import time
from cerebelum import workflow


@workflow
async def bad() -> None:
    time.sleep(1); 'ä'; open("x")
    text = open(
        "y"
    )  # cb: ignore[CB511]
"""
FLOW = """from cerebelum import step, wait_for_signal, workflow


@step
def one() -> int:
    return 1


@step
def two() -> int:
    return 2


@workflow
async def flow_a() -> int:
    await one()
    return await wait_for_signal("go")
"""


def sarif(project: Project, *words: str) -> dict[str, Any]:
    """Return the log that a check writes."""
    log: dict[str, Any] = json.loads(project("check", *words, "--sarif").stdout)
    return log


def rule_ids(log: dict[str, Any]) -> set[str]:
    return {result["ruleId"] for result in log["runs"][0]["results"]}


def test_findings_and_files_that_do_not_load(project: Project) -> None:
    """W10: findings over one line and several, notes, and a file that is not Python give a valid log."""
    folder = project.folder / "a folder, ümlaut & 100%"
    folder.mkdir()
    (folder / "bad.py").write_text(BAD, encoding="utf-8")
    (folder / "broken.py").write_text("def (:\n", encoding="utf-8")
    log = sarif(project)
    assert problems(log) == []
    assert rule_ids(log) == {"CB511", "CB512", "CB519", "CB102"}


def test_nothing_found(project: Project) -> None:
    """W10: a log without results is valid, too."""
    log = sarif(project, "flow.py")
    assert problems(log) == []
    assert log["runs"][0]["results"] == []


@pytest.mark.parametrize(
    "before, after, rule",
    [
        ("await one()", "await two()", "CB401"),
        ("await one()", "raise SystemError", "CB401"),
        ("    await one()", "    while True: pass\n    await one()", "CB503"),
    ],
)
def test_histories_that_do_not_fit(project: Project, before: str, after: str, rule: str) -> None:
    """W10: an execution that diverges, or whose code never ends, is a valid result."""
    project.write("waiting.py", FLOW)
    assert project("run", "waiting.py", "--timeout", "0.2").exit_code == 7
    project.write("waiting.py", FLOW.replace(before, after))
    log = sarif(project, "waiting.py")
    assert problems(log) == []
    assert rule_ids(log) == {rule}


def test_what_is_wrong_is_noticed(project: Project) -> None:
    """W10: the rules themselves notice a missing, an unknown and a wrong property."""
    project.write("bad.py", BAD)
    log = sarif(project, "bad.py")
    (run,) = log["runs"]
    run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    run["results"][1]["color"] = "red"
    del run["results"][2]["message"]
    run["tool"]["driver"]["rules"][0]["defaultConfiguration"]["level"] = "fatal"
    run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] = "a b.py"
    assert len(problems(log)) == 5
