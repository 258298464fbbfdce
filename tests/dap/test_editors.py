"""`cerebelum replay --dap` and `--dap-port`, as editors use them: real processes, real streams, real sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cli.cli_project import Project
from tests.dap.conftest import FLOW, GATHER, LOOP, TWICE_1, TWICE_2
from tests.dap.editor import TIMEOUT_S, Editor, StdioEditor, TcpEditor, listening


@contextmanager
def connected(project: Project, kind: str) -> Iterator[Editor]:
    if kind == "stdio":
        with StdioEditor(project, "replay", "one", "--dap") as editor:
            yield editor
            code, said = editor.end()
            assert (code, "Traceback" in said) == (0, False), said
    else:
        with listening(project, "one") as (port, _), TcpEditor(port) as editor:
            yield editor


def rows(project: Project) -> list[Any]:
    import sqlite3

    with sqlite3.connect(project.folder / ".cerebelum" / "dev.db") as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [(table, list(database.execute(f"SELECT * FROM {table}"))) for table in sorted(tables)]


@pytest.mark.parametrize("kind", ["stdio", "tcp"])
def test_a_whole_session(shop: Project, kind: str) -> None:
    """E13, W5, W7: initialize, launch, breakpoints, continue, stack, variables, back, reverse, goodbye; nothing is written."""
    before = rows(shop)
    file = str(shop.folder / "shop.py")
    frames = shop.json("replay", "one")
    with connected(shop, kind) as editor:
        stopped, points = editor.begin(lines={file: [TWICE_2, 1]}, failures=True)
        assert (stopped["reason"], stopped["threadId"]) == ("entry", 1)
        assert [point["verified"] for point in points] == [True, False]
        assert f"no event of this history stands on line 1; some stand on {TWICE_1}, {TWICE_2}" in points[1]["message"]

        stopped = editor.step("continue")
        assert (stopped["reason"], stopped["hitBreakpointIds"]) == ("breakpoint", [points[0]["id"]])
        inner, outer = editor.stack()
        assert (inner["name"], inner["line"], inner["source"]["path"]) == ("twice", TWICE_2, file)
        assert (outer["name"], outer["line"]) == ("shop", LOOP)
        assert (
            editor.variables() == {"number": "0", "one": "0"} == frames[editor.at - 1]["tasks"][0]["stack"][1]["locals"]
        )
        assert editor.variables("Changed here") == {"+ one": "0"}

        there = editor.at
        assert editor.step("stepBack")["reason"] == "step"
        assert editor.at == there - 1
        assert editor.step("reverseContinue")["description"] == "this is the first event"
        assert editor.at == 1

        assert editor.step("continue")["reason"] == "breakpoint"
        assert editor.at == there
        while (stopped := editor.step("continue"))["reason"] == "breakpoint":
            pass
        assert stopped["reason"] == "exception"
        assert "flaky (attempt 1): ConnectionError: not yet" in stopped["text"]
        failure = editor.ask("exceptionInfo", threadId=1)
        assert (failure["exceptionId"], failure["details"]["message"]) == ("ConnectionError", "not yet")
        said = [message["body"] for message in editor.events if message["event"] == "output"]
        assert {"category": "stdout", "output": "flaky: try 1\n"} in said
        assert said[0]["output"].startswith("one  shop@")
        editor.ask("disconnect")
    assert rows(shop) == before


def test_threads_are_the_tasks_by_their_names(shop: Project) -> None:
    """W5: each branch of a gather has its stack; the code that waits for them has its own."""
    with StdioEditor(shop, "replay", "one", "--dap") as editor:
        editor.begin(lines={str(shop.folder / "shop.py"): [GATHER]})
        editor.step("continue")
        threads = editor.ask("threads")["threads"]
        assert threads[0] == {"id": 1, "name": "main"}
        assert len(threads) == 3
        assert [editor.stack(each["id"])[0]["name"] for each in threads] == ["shop", "flaky", "twice"]
        page = editor.ask("stackTrace", threadId=threads[2]["id"], startFrame=0, levels=1)
        assert (len(page["stackFrames"]), page["totalFrames"]) == (1, 1)
        assert editor.ask("stackTrace", threadId=1, startFrame=1, levels=5) == {"stackFrames": [], "totalFrames": 1}
        assert editor.variables(thread=threads[2]["id"]) == {"number": "4"}


def test_values_are_opened_as_they_were_captured(shop: Project) -> None:
    """W5: fields, entries and keys, by pages; secrets stay masked; handles of another event are refused."""
    with StdioEditor(shop, "replay", "one", "--dap") as editor:
        editor.begin()
        outer = editor.stack()[1]["id"]
        scopes = editor.ask("scopes", frameId=outer)["scopes"]
        found = {each["name"]: each for each in editor.inside(scopes[0]["variablesReference"])}
        assert found["api_key"]["value"] == "•••"
        assert found["order"]["value"] == """Order(id=7, tags=['new', "it's"])"""
        fields = editor.inside(found["order"]["variablesReference"])
        assert [(each["name"], each["value"], each["evaluateName"]) for each in fields] == [
            ("id", "7", "order.id"),
            ("tags", """['new', "it's"]""", "order.tags"),
        ]
        tags = fields[1]["variablesReference"]
        assert [each["value"] for each in editor.inside(tags, filter="indexed", start=1, count=1)] == ['"it\'s"']
        assert editor.ask("evaluate", expression="order.tags[1]", context="watch")["result"] == '"it\'s"'
        payload = next(each for each in scopes if each["name"] == "Event 1: execution_started")
        event = {each["name"]: each for each in editor.inside(payload["variablesReference"])}
        assert event["workflow"]["value"] == "'shop'"
        assert "hunter2" not in json.dumps(event)
        editor.step("stepIn")
        assert "stands for nothing at this event" in editor.refused("variables", variablesReference=tags)
        assert "stands for nothing at this event" in editor.refused("scopes", frameId=outer)


def test_expressions_run_no_code(shop: Project) -> None:
    """W5: watch, hover and repl evaluate what watches can say, over the values of this event; a call is refused."""
    with StdioEditor(shop, "replay", "one", "--dap") as editor:
        editor.begin(lines={str(shop.folder / "shop.py"): [GATHER]})
        editor.step("continue")
        assert editor.ask("evaluate", expression="total", context="hover")["result"] == "4"
        assert editor.ask("evaluate", expression="total * 2 > 7", context="watch")["result"] == "True"
        editor.step("stepBack")
        assert editor.ask("evaluate", expression="total * 2 > 7", context="watch")["result"] == "False"
        assert "only len(…) can be called" in editor.refused("evaluate", expression="exit()", context="repl")
        assert "there is no variable 'nobody'" in editor.refused("evaluate", expression="nobody", context="hover")
        assert "there is no variable 'nobody'" in editor.refused("evaluate", expression="nobody.x", context="watch")
        assert "secret" in editor.refused("evaluate", expression="api_key == 'hunter2'", context="repl")
        assert editor.ask("evaluate", expression=":$", context="repl")["result"] == f"event {editor.at}"
        assert editor.event("stopped")["reason"] == "goto"
        assert editor.ask("evaluate", expression="total * 2 > 7", context="watch")["result"] == "True"
        assert "go to which event?" in editor.refused("evaluate", expression=":0", context="repl")


def test_conditions_data_and_goto(shop: Project) -> None:
    """W5: a line's condition is a watch; a variable stops where it changes, in both directions; a line leads to its events."""
    file = str(shop.folder / "shop.py")
    with StdioEditor(shop, "replay", "one", "--dap") as editor:
        editor.begin()
        one, two = (
            editor.set_lines(file, TWICE_1, condition="number == 1 and total == 0"),
            editor.set_lines(file, LOOP, condition="x("),
        )
        assert (one[0]["verified"], two[0]["verified"]) == (True, False)
        assert "cannot watch 'x('" in two[0]["message"]
        editor.set_lines(file, TWICE_1, condition="number == 1 and total == 0")
        assert editor.step("continue")["reason"] == "breakpoint"
        assert editor.variables() == {"number": "1"}
        assert editor.step("continue")["reason"] == "pause"
        editor.set_lines(file)

        assert editor.ask("dataBreakpointInfo", name="nobody")["dataId"] is None
        info = editor.ask("dataBreakpointInfo", name="total")
        answer = editor.ask("setDataBreakpoints", breakpoints=[{"dataId": info["dataId"]}, {"dataId": "nobody"}])
        assert [each["verified"] for each in answer["breakpoints"]] == [True, False]
        stopped = editor.step("reverseContinue")
        assert (stopped["reason"], stopped["text"]) == ("data breakpoint", "total changed")
        assert editor.variables("Changed here")["~ total"] == "0 → 4"

        targets = editor.ask("gotoTargets", source={"path": file}, line=TWICE_2)["targets"]
        assert editor.step("goto", targetId=targets[0]["id"])["reason"] == "goto"
        assert editor.at == targets[0]["id"]
        assert "is no target" in editor.refused("goto", threadId=1, targetId=99)


@pytest.mark.parametrize(
    "launch, reason, where",
    [
        ({"at": 3}, "entry", 3),
        ({"at": "end"}, "entry", -1),
        ({"at": "failure"}, "entry", -3),
        ({"stopOnEntry": False}, "exception", None),
    ],
)
def test_where_a_walk_begins(shop: Project, launch: dict[str, Any], reason: str, where: int | None) -> None:
    """W5: at an event, the end, the last failure, or the first thing to stop at."""
    history = shop.json("events", "one")
    failed = [event["version"] for event in history if event["type"] == "step_failed"]
    with StdioEditor(shop, "replay", "one", "--dap") as editor:
        stopped, _ = editor.begin(failures=True, **launch)
        assert stopped["reason"] == reason
        assert editor.at == {None: failed[0], -1: len(history), -3: failed[-1]}.get(where, where)


def test_an_edited_file_is_not_shown_as_what_ran(shop: Project) -> None:
    """E15: the editor gets the text that ran, and a breakpoint moves with its unchanged line; a changed line says so."""
    edited = FLOW.replace("import asyncio", "# one\n# two\nimport asyncio").replace("return 2 * n", "return 3 * n")
    file = shop.write("shop.py", edited)
    with StdioEditor(shop, "replay", "one", "--dap") as editor:
        _, points = editor.begin(lines={str(file): [TWICE_2 + 2, 3]})
        assert points[0]["verified"]
        editor.step("continue")
        top = editor.stack()[0]
        assert (top["line"], top["source"]["name"].partition("@")[0]) == (TWICE_2, "shop.py")
        reference = top["source"]["sourceReference"]
        assert editor.ask("source", sourceReference=reference)["content"] == FLOW
        assert reference in [each.get("sourceReference") for each in editor.ask("loadedSources")["sources"]]
        changed = edited.splitlines().index("    return 3 * n") + 1
        assert "the file has been edited since" in editor.set_lines(str(file), changed)[0]["message"]
        assert (
            "stands in /elsewhere/other.py; shop.py has some"
            in editor.set_lines("/elsewhere/other.py", 3)[0]["message"]
        )
        by_reference = editor.ask(
            "setBreakpoints", source={"sourceReference": reference}, breakpoints=[{"line": TWICE_1}]
        )
        assert by_reference["breakpoints"][0]["verified"]
        file.write_text(FLOW, encoding="utf-8")
        assert editor.stack()[0]["source"] == {"name": "shop.py", "path": str(file)}


def test_breakpoints_follow_an_execution_to_other_code(shop: Project) -> None:
    """E15: each event is shown on the version that ran it, and one breakpoint stops on that line of all versions."""
    text = (
        "from cerebelum import step, wait_for_signal, workflow\n\n\n@step\ndef double(n: int) -> int:\n    return 2 * n\n\n\n"
        "@workflow\nasync def moves() -> int:\n    one = await double(1)\n    await wait_for_signal('go')\n    return await double(one)\n"
    )
    file = shop.write("moves.py", text)
    assert shop("run", "moves.py", "--id", "m", "--timeout", "1").exit_code == 7
    file.write_text(f"LIMIT = 3\nMORE = 4\n{text}", encoding="utf-8")
    assert shop("signal", "m", "go").exit_code == 0
    resumed = shop.start("run", "moves.py", "--resume", "m")  # a process that has not loaded the old code
    _, said = resumed.communicate(timeout=TIMEOUT_S)
    assert resumed.returncode == 0, said
    assert "code_changed" in [event["type"] for event in shop.json("events", "m")]
    with StdioEditor(shop, "replay", "m", "--dap") as editor:
        _, points = editor.begin(lines={str(file): [14, 15]})
        assert [point["verified"] for point in points] == [True, True]
        assert "sourceReference" in editor.stack()[0]["source"]
        lines = []
        while editor.step("continue")["reason"] == "breakpoint":
            top = editor.stack()[0]
            lines.append((top["line"], "sourceReference" in top["source"]))
        assert lines == [(12, True), (15, False)]


def test_a_flow_as_data_is_walked_in_its_own_file(shop: Project) -> None:
    """A18, W5: of a definition the nodes' lines are stopped at, and its context is shown."""
    shop.write("parts.py", "from cerebelum import step\n\n\n@step\ndef double(x: int) -> int:\n    return 2 * x\n")
    file = shop.write(
        "sum.yaml",
        "name: sums\nentrypoint: first\nnodes:\n"
        '  first: {type: map, config: {function: "parts:double", items: numbers, result: doubled}}\n'
        '  second: {type: map, config: {function: "parts:double", items: doubled, result: again}}\n'
        "edges:\n  - {from: first, to: second}\n",
    )
    result = shop("run", "sum.yaml", "-i", "numbers=[1, 2]", "--id", "sums")
    assert result.exit_code == 0, result.stderr
    with StdioEditor(shop, "replay", "sums", "--dap") as editor:
        editor.begin(lines={str(file): [5]})
        assert editor.step("continue")["reason"] == "breakpoint"
        top = editor.stack()[0]
        assert (top["line"], top["source"]["path"]) == (5, str(file))
        assert editor.variables("Context")["doubled"] == "[2, 4]"


def test_code_that_differs_ends_the_walk_where_it_does(shop: Project) -> None:
    """E16: with `--code`, the events before the difference are walked; continue stops there and says what differs."""
    shop.write("shop.py", FLOW.replace("gather(flaky(number)", "gather(double(number)"))
    with StdioEditor(shop, "replay", "one", "--dap", "--code", "shop.py:shop") as editor:
        editor.begin()
        stopped = editor.step("continue")
        assert stopped["reason"] == "exception"
        assert "the replay ends at event" in stopped["text"]
        assert editor.ask("exceptionInfo", threadId=1)["exceptionId"] == "HistoryMismatch"
        assert editor.step("stepBack")["reason"] == "step"
        assert editor.step("next")["reason"] in ("step", "exception")
        editor.ask("disconnect")
        assert editor.end()[0] == 0


def test_code_that_is_gone_is_said_to_the_editor(shop: Project) -> None:
    """E15: where the code that ran was not kept, launch is refused with the reason; another launch may follow."""
    import sqlite3

    with sqlite3.connect(shop.folder / ".cerebelum" / "dev.db") as database:
        database.execute("UPDATE workflows SET source = NULL")
    with StdioEditor(shop, "replay", "one", "--dap") as editor:
        editor.ask("initialize", adapterID="x")
        message = editor.refused("launch")
        assert message.startswith("CB")
        assert "shop" in message
        assert "help:" in message
        assert "comes after 'launch'" in editor.refused("threads")
        editor.ask("disconnect")
        assert editor.end()[0] == 0
