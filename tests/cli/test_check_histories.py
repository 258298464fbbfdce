"""`cerebelum check` replays what a store holds on the code on disk."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.cli_project import Project

ORDER = """from cerebelum import step, wait_for_signal, workflow


@step
def reserve(n: int) -> int:
    with open("ran", "a") as file:
        file.write("reserve ")
    return n


@step
def charge(n: int) -> int:
    return n


@workflow
async def order(n: int = 1) -> int:
    await reserve(n)
    return await wait_for_signal("go")


@workflow
async def short(n: int = 1) -> int:
    return await charge(n)
"""


@pytest.fixture
def ran(project: Project) -> Project:
    """One execution that waits, and one that has completed."""
    (project.folder / "flow.py").unlink()
    project.write("order.py", ORDER)
    assert project("run", "order.py:order", "--id", "waits", "--timeout", "0.2").exit_code == 7
    assert project("run", "order.py:short", "--id", "done").exit_code == 0
    return project


def in_process(project: Project, *words: str) -> tuple[int, str, str]:
    """Run the command in a process of its own; return its exit code and what it printed."""
    process = project.start(*words)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def histories(project: Project, *words: str, exit_code: int = 0) -> dict[str, Any]:
    """Return the executions that were replayed, by id."""
    result = project("check", *words, "--json")
    assert result.exit_code == exit_code, result.stderr
    return {found["execution_id"]: found for found in json.loads(result.stdout)["histories"]}


def test_unchanged_code_fits(ran: Project) -> None:
    """E13: every open execution whose workflow is declared at the path is replayed; `--all` takes the ended ones, too."""
    assert {name: found["verdict"] for name, found in histories(ran).items()} == {"waits": "fits"}
    assert histories(ran, "order.py").keys() == {"waits"}
    assert histories(ran, "order.py", "--all").keys() == {"waits", "done"}
    assert list(histories(ran, "--last", "1")) == ["done"]
    assert histories(ran, "--last", "9").keys() == {"waits", "done"}


def test_changed_code_that_fits_moves(ran: Project) -> None:
    """E13: a history that fits changed code would move to it; that is no failure."""
    ran.write("order.py", ORDER.replace("    return n\n", "    return n + 0\n"))
    result = ran("check")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "1 execution replayed: 1 would move to this code" in result.stderr
    found = histories(ran)["waits"]
    assert found["verdict"] == "moves"
    assert found["recorded_code"] != found["code_on_disk"]


def test_another_step_diverges_with_both_lines(ran: Project) -> None:
    """E13, W10: exit 4, the event where the ways part, what was recorded and what is asked for now, with both lines."""
    ran.write("order.py", ORDER.replace("    await reserve(n)\n", "    n += 0\n    await charge(n)\n"))
    result = ran("check", "order.py")
    assert result.exit_code == 4
    assert "error[CB401]: waits (order@" in result.stdout
    lines = [line.split() for line in result.stdout.splitlines()]
    recorded = next(line for line in lines if line[0] == "recorded")
    now = next(line for line in lines if line[0] == "now")
    assert recorded == ["recorded", "step_scheduled", "reserve", "order.py:18"]
    assert now == ["now", "step_scheduled", "charge", "order.py:19"]
    assert "  > 19 |     await charge(n)" in result.stdout
    assert "1 would diverge" in result.stderr
    found = histories(ran, exit_code=4)["waits"]
    assert (found["verdict"], found["code"], found["diverged_at"]) == ("diverges", "CB401", 2)


def test_another_end_diverges(ran: Project) -> None:
    """E13: an ended execution that comes to another result is a divergence, with both ends."""
    ran.write("order.py", ORDER.replace("return await charge(n)", "return 1 + await charge(n)"))
    found = histories(ran, "--all", exit_code=4)["done"]
    assert (found["verdict"], found["code"]) == ("diverges", "CB402")
    assert (found["recorded"], found["now"]) == ("completed  1", "completed  2")
    assert histories(ran)["waits"]["verdict"] == "moves"


def test_code_that_raises_on_a_history_is_told(ran: Project) -> None:
    """E13: whatever the code does on a history, the others are checked all the same."""
    ran.write("order.py", ORDER.replace("    await reserve(n)\n", "    while True:\n        await asyncio.sleep(0)\n")
              .replace("from cerebelum", "import asyncio\nfrom cerebelum", 1))  # fmt: skip
    found = histories(ran, "--all", exit_code=4)
    assert not {"fits", "moves"} & {found["waits"]["verdict"]}
    assert found["done"]["verdict"] == "moves"


def test_a_divergence_is_a_result_of_sarif(ran: Project) -> None:
    """E13, W10: SARIF holds each divergence at the line that asks for something else now."""
    ran.write("order.py", ORDER.replace("await reserve(n)", "await charge(n)"))
    run = json.loads(ran("check", "--sarif").stdout)["runs"][0]
    (found,) = run["results"]
    assert run["tool"]["driver"]["rules"][found["ruleIndex"]]["id"] == found["ruleId"] == "CB401"
    assert found["message"]["text"].startswith("waits diverges at event 2: recorded step_scheduled reserve")
    place = found["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]) == ("order.py", {"startLine": 18})


def test_nothing_runs_and_nothing_is_written(ran: Project) -> None:
    """E13: the events, the rows and the files that steps write are as they were; what flows print is no data."""
    before = [ran(*words).stdout for words in (("events", "waits"), ("events", "done"), ("list",))]
    store = (ran.folder / ".cerebelum" / "dev.db").read_bytes()
    ran.write("order.py", 'print("imported")\n' + ORDER.replace("    await", '    print("replayed")\n    await'))
    assert histories(ran, "--all").keys() == {"waits", "done"}
    assert (ran.folder / ".cerebelum" / "dev.db").read_bytes() == store
    assert [ran(*words).stdout for words in (("events", "waits"), ("events", "done"), ("list",))] == before
    assert (ran.folder / "ran").read_text() == "reserve "


def test_executions_of_other_workflows_are_counted(ran: Project) -> None:
    """E13: an execution whose workflow no file here declares is not passed over in silence."""
    ran.write("order.py", ORDER.replace("def order(", "def purchase("))
    result = ran("check")
    assert result.exit_code == 0
    assert "left out: 1 execution of workflow 'order'" in result.stderr


def test_a_flow_that_cannot_be_imported_is_told(ran: Project) -> None:
    """W10: the line that raised is shown, and the exit code is 9."""
    ran.write("broken.py", f"{ORDER.replace('order', 'other').replace('short', 'tiny')}\nraise ValueError(3)\n")
    result = ran("check")
    assert result.exit_code == 9
    assert "error[CB103]: broken.py:26 raised while the flow was imported: ValueError: 3" in result.stdout
    assert "1 execution replayed: 1 fit" in result.stderr


def test_a_definition_is_checked_against_its_executions(project: Project) -> None:
    """A18, E13: PATH may be a flow as data, which has no code to lint."""
    (project.folder / "flow.py").unlink()
    project.write("work.py", "def pack() -> str:\n    return 'packed'\n")
    nodes = {"pack": {"type": "function", "config": {"function": "work:pack"}, "next_nodes": []}}
    project.write("flow.json", json.dumps({"name": "packing", "entrypoint": "pack", "nodes": nodes}))
    ran = project("run", "flow.json", "--id", "packed")
    assert ran.exit_code == 0, ran.stderr
    assert histories(project, "flow.json", "--all")["packed"]["verdict"] == "fits"
    assert histories(project, "--all")["packed"]["path"] == "flow.json"
    project.write("flow.json", json.dumps({"name": "packing", "entrypoint": "no", "nodes": nodes}))
    assert project("check", "flow.json").exit_code == 9


@pytest.mark.parametrize(
    "words, exit_code, said",
    [
        (("--all", "--last", "3"), 2, "--all and --last were given"),
        (("--last", "0"), 2, "--last"),
        (("order.py:order",), 2, "cerebelum check order.py"),
        (("--store", "no.db"), 6, "no.db"),
    ],
)
def test_mistakes_of_the_command_line(ran: Project, words: tuple[str, ...], exit_code: int, said: str) -> None:
    """W10: bad usage exits 2, a store that is named and not there exits 6; nothing is on stdout."""
    result = ran("check", *words)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert said in result.stderr


@pytest.mark.parametrize(
    "before",
    ["    await reserve(n)\n", '    return await wait_for_signal("go")\n'],
    ids=["before a step", "at the wait"],
)
def test_code_that_never_ends_is_told_with_its_line(ran: Project, before: str) -> None:
    """E13, E16: code that runs on without an await hangs nothing: `check` and `replay` name the line and exit 4."""
    ran.write("order.py", ORDER.replace(before, f"    while True:\n        pass\n{before}"))
    line = next(n for n, text in enumerate(ORDER.splitlines(), 1) if text == before.rstrip())
    exit_code, out, _ = in_process(ran, "check", "--json")
    assert exit_code == 4
    (found,) = json.loads(out)["histories"]
    assert (found["execution_id"], found["verdict"], found["code"]) == ("waits", "fails", "CB503")
    assert found["now_line"] in (f"order.py:{line} in order", f"order.py:{line + 1} in order")
    assert found["now_line"] in found["problem"]
    (result,) = json.loads(in_process(ran, "check", "--sarif")[1])["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("CB503", "error")
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] in (line, line + 1)
    exit_code, _, err = in_process(ran, "replay", "waits", "--check", "--code", "order.py")
    assert exit_code == 4
    assert "without an await" in err
    assert f"order.py:{line}" in err or f"order.py:{line + 1}" in err


def test_an_ended_execution_whose_code_never_ends_now_is_told(ran: Project) -> None:
    """E13, E16: with --all, code that hangs where it once ended is a failure with its line; cleaning up may hang, too."""
    hanging = "    try:\n        while True:\n            pass\n    finally:\n        while True:\n            pass\n"
    ran.write("order.py", ORDER.replace("    return await charge(n)\n", f"    await charge(n)\n{hanging}"))
    _, out, _ = in_process(ran, "check", "--all", "--json")
    found = {each["execution_id"]: each for each in json.loads(out)["histories"]}
    assert (found["done"]["verdict"], found["done"]["code"]) == ("fails", "CB503")
    assert "order.py:" in found["done"]["now_line"]
    assert found["waits"]["verdict"] == "moves"
