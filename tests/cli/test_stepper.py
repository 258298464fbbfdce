"""`cerebelum replay ID --plain`: a past execution walked with typed commands, on a terminal and through a pipe."""

from __future__ import annotations

import json
import os
import pty
import subprocess

import pytest

from tests.cli.cli_project import Project, command, environ

FLOW = """
from cerebelum import Retry, step, workflow


@step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.01))
def flaky(n: int) -> int:
    from cerebelum import info

    print(f"try {info().attempt}")
    if info().attempt < 3:
        raise ConnectionError("not yet")
    return n


@step
def double(n: int) -> int:
    return 2 * n


@workflow
async def shop(n: int = 1, api_key: str = "hunter2") -> int:
    total = 0
    acting = "\\x1b[2J\\u202e"
    for number in range(n):
        total += await double(number)
    return total + await flaky(number) + len(acting)
"""


@pytest.fixture
def shop(project: Project) -> Project:
    """One execution: three steps, then one that fails twice."""
    project.write("shop.py", FLOW)
    result = project("run", "shop.py", "-i", "n=3", "--id", "one")
    assert result.exit_code == 0, result.stderr
    return project


def walk(project: Project, *commands: str) -> list[str]:
    """Pipe commands in; return the lines of data."""
    result = project("replay", "one", "--plain", stdin="".join(f"{each}\n" for each in commands))
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


def positions(lines: list[str]) -> list[int]:
    return [int(line.split()[1]) for line in lines if line.startswith("event ")]


def test_walking_forwards_back_and_by_number(shop: Project) -> None:
    """W5: n, an empty line, p, a number and $ go where they say, and each shows a block."""
    lines = walk(shop, "n", "", "p", "5", "$", "n", "p", "1", "p")
    total = int(lines[0].split()[3])
    assert positions(lines) == [1, 2, 3, 2, 5, total, total - 1, 1]
    assert lines[0].startswith(f"event 1 of {total}  execution_started")
    assert any("> " in line and "await double(number)" in line for line in lines)
    assert "  ~ total: 2 → 6" in walk(shop, "c total", "$", "c total")


def test_failures_and_causes_are_found(shop: Project) -> None:
    """W5: f and F walk the failures; c goes to the event that last changed a variable, then to the one before."""
    history = shop.json("events", "one")
    failed = [event["version"] for event in history if event["type"] == "step_failed"]
    assert positions(walk(shop, "f", "f", "f", "F"))[1:] == [*failed, failed[0]]
    lines = walk(shop, "$", "c total", "c total", "c total", "c total")
    assert len(positions(lines)) == 5
    assert positions(lines)[1:] == sorted(positions(lines)[1:], reverse=True)


def test_watches_locals_stack_and_help(shop: Project) -> None:
    """W5: w follows an expression over the whole past, l and s show everything, secrets stay masked, ? lists all keys."""
    lines = walk(shop, "w total > 1", "w", "$", "c total > 1", "l", "s", "w -total > 1", "w", "?")
    assert "  watch total > 1 = False" in lines
    assert "watch total > 1" in lines
    assert "  ~ total > 1: False → True  (watch)" in lines
    assert any(line.startswith("main: shop.py") for line in lines)
    assert "  api_key = •••" in lines
    assert "nothing" in lines
    assert any(line.startswith("c NAME") for line in lines)
    assert "hunter2" not in "\n".join(lines)
    assert not set("\x1b\u202e") & set("\n".join(lines))


def test_logs_are_beside_their_events(shop: Project) -> None:
    """M7, W5: what a step printed stands at the event that ended the attempt."""
    lines = walk(shop, "f", "f")
    assert "  log   flaky stdout: try 1" in lines
    assert "  log   flaky stdout: try 2" in lines


@pytest.mark.parametrize(
    "typed, said",
    [
        ("foo", "unknown command 'foo'; ? lists them"),
        ("\x1b[A", "unknown command"),
        ("99", "there is no event 99: there are "),
        ("0", "there is no event 0"),
        ("p", "this is the first event"),
        ("F", "no failure before event 1"),
        ("c", "c needs a name"),
        ("c nobody", "'nobody' has not changed up to event 1; what has changed: "),
        ("w a +", "cannot watch 'a +'"),
        ("w exit()", "only len(…) can be called"),
    ],
)
def test_a_slip_is_told_and_changes_nothing(shop: Project, typed: str, said: str) -> None:
    """W5: what cannot be done is said on stderr, and one goes on from where one was."""
    result = shop("replay", "one", "--plain", stdin=f"{typed}\nn\n")
    assert result.exit_code == 0, result.stderr
    assert said in result.stderr
    assert "\x1b" not in result.stderr
    assert positions(result.stdout.splitlines()) == [1, 2]


def test_without_input_all_events_are_printed(shop: Project) -> None:
    """W5: where nobody types, `--plain` prints one line an event, as ever."""
    result = shop("replay", "one", "--plain")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == len(shop.json("events", "one"))
    assert positions(shop("replay", "one", "--plain", "--to", "4", stdin="p\n").stdout.splitlines()) == [4, 3]


def test_other_code_ends_the_walk_where_it_differs(shop: Project) -> None:
    """E16: the events before the difference can be walked; the one it is at says so, and the exit code is 4."""
    shop.write("shop.py", FLOW.replace("await flaky(number)", "await double(number)"))
    result = shop("replay", "one", "--plain", "--code", "shop.py:shop", stdin="$\n8\nn\n")
    assert result.exit_code == 4, result.stderr
    assert "the replay ends at event" in result.stderr
    assert "error[CB401]" in result.stderr
    output = shop("replay", "one", "--code", "shop.py:shop", "-o", "json")
    assert output.exit_code == 4
    assert json.loads(output.stdout)[-1]["version"] >= 5


def test_a_terminal_is_asked_with_a_prompt(shop: Project) -> None:
    """W5: on a terminal each command has a prompt with the position, and nothing on it moves or is coloured."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("replay", "one", "--plain"), cwd=shop.folder, env=environ(TERM="dumb", NO_COLOR="1"),
        stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(theirs)
    screen = read_until(ours, b"> ")
    assert b"event 1 of" in screen
    os.write(ours, b"n\n")
    screen += read_until(ours, b"> ", after=b"event 2 of")
    os.write(ours, b"q\n")
    assert process.wait(30) == 0
    os.close(ours)
    assert process.stderr is not None
    assert b"the same: completed" in process.stderr.read()
    process.stderr.close()
    text = screen.decode().replace("\r\n", "\n")
    assert "\x1b" not in text.replace("\x1b[?2004h", "").replace("\x1b[?2004l", "")
    assert "1/" in text


def read_until(terminal: int, wanted: bytes, *, after: bytes = b"") -> bytes:
    found = b""
    while wanted not in found.partition(after)[2] if after else wanted not in found:
        found += os.read(terminal, 4096)
    return found


def test_json_frames_have_all_there_is(shop: Project) -> None:
    """W5, W10, E17: source lines, code, task numbers, watches and their reasons, logs, open work: one valid array."""
    frames = shop.json("replay", "one", "--watch", "total", "--watch", "nobody")
    assert [frame["version"] for frame in frames] == list(range(1, len(frames) + 1))
    first = frames[0]
    assert first["tasks"][0]["number"] == 1
    assert first["tasks"][0]["stack"][0]["source"] == "total += await double(number)"
    assert first["code"]
    assert first["watched"] == {"total": "0"}
    assert first["watch_errors"] == {"nobody": "there is no variable 'nobody' here"}
    assert frames[-1]["log_count"] == sum(frame["log_new"] for frame in frames) >= 3
    entries = [entry for frame in frames for task in frame["tasks"] for entry in task["stack"]]
    assert {"name": "total", "kind": "changed", "before": "2", "after": "6"} in [
        c for e in entries for c in e["changed"]
    ]
    said = shop("replay", "one", "--watch", "nobody").stderr
    assert "watch nobody had no value at any event: there is no variable 'nobody' here" in said


def test_changes_in_other_tasks_are_told(shop: Project) -> None:
    """W5: a block says what changed in the branches of a gather, each with its task."""
    shop.write(
        "wide.py",
        "import asyncio\nfrom cerebelum import step, workflow\n\n@step\ndef get(n: int) -> int:\n    return n\n\n"
        "@workflow\nasync def wide() -> None:\n    async def one(n):\n        got = await get(n)\n"
        "        got += await get(got + 10)\n        return got\n"
        "    await asyncio.gather(*(one(n) for n in range(12)))\n",
    )
    assert shop("run", "wide.py", "--id", "w").exit_code == 0
    lines = shop("replay", "w", "--plain", stdin="f\n" + "n\n" * 15).stdout.splitlines()
    assert "  + n: 3  (task task-5)" in lines
    assert any("more changes in other tasks" in line for line in lines)
    assert any(line.startswith("  + got: ") and "(task task-" in line for line in lines)
    assert any(line.endswith("13 tasks; s shows all") for line in lines)
