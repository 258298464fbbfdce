"""`cerebelum dev` as a whole process: code taken up as it is saved, and an end that loses nothing."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from tests.cli.cli_project import Project
from tests.cli.dev_process import Dev, shop

Start = Callable[..., Dev]


@pytest.fixture
def dev(project: Project) -> Iterator[Start]:
    """Start `cerebelum dev` in the project, which is empty at first; what is left of it is killed at the end."""
    (project.folder / "flow.py").unlink()
    with ExitStack() as stack:

        def start(*words: str, output: str = "jsonl", **environment: str) -> Dev:
            found = Dev(project.folder, *words, output=output, **environment)
            stack.callback(found.close)
            return found

        yield start


def test_an_empty_folder_becomes_a_whole_engine(project: Project, dev: Start) -> None:
    """W2: nothing is there; a file is saved; its retries, timers and waits work on one database file, without a service."""
    running = dev()
    assert running.told("ready")["workflows"] == []
    project.write("shop.py", shop(1))
    assert running.told("reloaded", file="shop.py")["workflows"] == ["order", "approval"]
    assert project("start", "order", "-i", "n=4", "--id", "o").exit_code == 0
    assert running.told("completed", id="o")["result"] == 4
    project("start", "approval", "--id", "a")
    assert running.told("waiting", id="a")["command"] == "cerebelum signal a go --json …"
    project("signal", "a", "go", "--json", "10")
    assert running.told("completed", id="a")["result"] == 11
    assert [path.name for path in (project.folder / ".cerebelum").glob("*.db")] == ["dev.db"]


def test_a_broken_edit_leaves_the_last_good_version_serving(project: Project, dev: Start) -> None:
    """W3: of two edits the second is broken: version 2 is used, the error is shown once, the process lives, a fix is told."""
    project.write("shop.py", shop(1))
    running = dev()
    assert running.told("ready")["workflows"] == ["approval", "order"]
    project.write("shop.py", shop(2))
    second = running.told("reloaded", file="shop.py")["version"]
    project.write("shop.py", shop(3) + "\ndef broken(:\n")
    error = running.told("error", file="shop.py")
    assert (error["code"], error["serving"], error["times"]) == ("CB102", second, 1)
    project.write("shop.py", shop(3) + "\ndef broken(:\n\n")
    assert running.told("error")["times"] == 2
    project("start", "order", "-i", "n=1", "--id", "o")
    assert running.told("completed", id="o")["result"] == 2
    project.write("shop.py", shop(3))
    fixed = running.told("fixed", file="shop.py")
    assert fixed["broken_ms"] > 0
    project("start", "order", "-i", "n=1", "--id", "p")
    assert running.told("completed", id="p")["result"] == 3
    assert running.process.poll() is None


def test_a_flow_that_is_broken_at_the_start_is_waited_for(project: Project, dev: Start) -> None:
    """W3: a syntax error at the start is told, and the fix is taken up."""
    project.write("shop.py", "def broken(:\n")
    running = dev("shop.py")
    assert running.told("ready")["workflows"] == []
    assert running.told("error", file="shop.py")["line"] == 1
    project.write("shop.py", shop(1))
    assert running.told("fixed", file="shop.py")["workflows"] == ["order", "approval"]


def test_a_file_saved_by_renaming_is_taken_up(project: Project, dev: Start) -> None:
    """W3: many editors write another file and rename it over the old one; each such save is seen, not only the first."""
    project.write("shop.py", shop(1))
    running = dev("shop.py")
    running.told("ready")
    for factor in (2, 3, 4):
        project.write(".shop.py.swp", shop(factor)).rename(project.folder / "shop.py")
        running.told("reloaded", file="shop.py")
        project("start", "order", "-i", "n=1", "--id", f"o{factor}")
        assert running.told("completed", id=f"o{factor}")["result"] == factor


def test_of_two_quick_saves_the_last_one_counts(project: Project, dev: Start) -> None:
    """W3: however saves fall together, what serves in the end is what is on disk."""
    project.write("shop.py", shop(1))
    running = dev()
    running.told("ready")
    for factor in range(2, 12):
        project.write("shop.py", shop(factor))
    project.write("marker.py", shop(99).replace("order", "later").replace("approval", "later_too"))
    running.told("reloaded", file="marker.py")
    project("start", "order", "-i", "n=1", "--id", "o")
    assert running.told("completed", id="o")["result"] == 11


def test_new_and_deleted_files_come_and_go(project: Project, dev: Start) -> None:
    """W3: a new file's workflows can be started at once; a deleted one's no more."""
    project.write("shop.py", shop(1))
    running = dev()
    running.told("ready")
    project.write(
        "extra.py", "from cerebelum import workflow\n\n\n@workflow\nasync def extra() -> int:\n    return 7\n"
    )
    assert running.told("reloaded", file="extra.py")["changed"] == ["extra"]
    assert "no node" not in project("start", "extra", "--id", "e").stderr, (
        "others know what it has learnt since it began"
    )
    assert running.told("completed", id="e")["result"] == 7
    (project.folder / "extra.py").unlink()
    assert running.told("removed", file="extra.py")["removed"] == ["extra"]
    project.write("broken.py", "from cerebelum import workflow\n1 / 0\n")
    running.told("error", file="broken.py")
    (project.folder / "broken.py").unlink()
    assert running.told("removed", file="broken.py")["removed"] == []


DAILY = """
from cerebelum import cron, workflow


@cron("RULE", name="report-daily")
@workflow
async def report() -> str:
    return "sent"
"""


def test_schedules_above_workflows_follow_the_code(project: Project, dev: Start) -> None:
    """J3, J4: a file's schedules are there without a call, change with it, fire, and are paused when it is gone."""
    project.write("report.py", DAILY.replace("RULE", "0 9 * * *"))
    running = dev("--speed", "600")
    running.told("ready")
    assert running.told("schedules")["message"] == "schedules new: report-daily"
    project.write("report.py", DAILY.replace("RULE", "* * * * *"))
    assert running.told("schedules")["message"] == "schedules changed: report-daily"
    assert running.told("completed", workflow="report")["result"] == "sent"
    project.write("report.py", DAILY.replace("RULE", "99 * * * *"))
    running.told("error", file="report.py")
    (project.folder / "report.py").unlink()
    running.told("removed", file="report.py")
    assert "schedule report-daily is paused" in running.told("schedules")["message"]
    assert [row["enabled"] for row in project.json("schedule", "list")] == [False]


def test_a_changed_module_reloads_the_flows_that_import_it(project: Project, dev: Start) -> None:
    """W3: what a flow imports is part of it."""
    project.write("prices.py", "PRICE = 1\n")
    project.write(
        "shop.py",
        "from cerebelum import workflow\nfrom prices import PRICE\n\n\n@workflow\nasync def price() -> int:\n    return PRICE\n",
    )
    running = dev("shop.py")
    running.told("ready")
    project.write("prices.py", "PRICE = 2\n")
    running.told("reloaded", file="shop.py")
    project("start", "price", "--id", "p")
    assert running.told("completed", id="p")["result"] == 2


def test_an_execution_that_does_not_fit_is_kept_and_told(project: Project, dev: Start) -> None:
    """V13: one that waits where the new code has another order finishes on its own code, and the line says why it stays."""
    project.write("shop.py", shop(1))
    running = dev()
    before = running.told("ready")
    assert before["executions"] == 0
    project("start", "approval", "--id", "a")
    running.told("waiting", id="a")
    project.write("shop.py", shop(1).replace('answer = await wait_for_signal("go")', "answer = await charge(5)"))
    reloaded = running.told("reloaded", file="shop.py")
    assert (reloaded["moved"], reloaded["kept"]) == (0, 1)
    assert reloaded["verdicts"][0]["id"] == "a"
    assert reloaded["verdicts"][0]["reason"]
    project("signal", "a", "go", "--json", "10")
    assert running.told("completed", id="a")["result"] == 11


STUCK = """
import sys, time
from pathlib import Path

from cerebelum import step, workflow


@step
{kind} stuck() -> int:
    if Path("free").exists():
        return 5
    Path("begun").touch()
    print("begun", file=sys.stderr, flush=True)
    time.sleep(600)
    return 1


@workflow
async def main() -> int:
    return await stuck()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_signal_ends_it_while_a_step_runs(project: Project, dev: Start, kind: str, number: signal.Signals) -> None:
    """W2: neither a thread that sleeps nor one that holds up the event loop keeps it from ending; the step runs again."""
    project.write("stuck.py", STUCK.format(kind=kind))
    running = dev()
    running.told("ready")
    project("start", "main", "--id", "m")
    while not (project.folder / "begun").exists():
        assert running.process.poll() is None
    running.process.send_signal(number)
    assert running.ended() == 128 + number
    (project.folder / "free").touch()
    again = dev()
    assert again.told("ready")["resumed"] == 1
    assert again.told("completed", id="m")["result"] == 5


def test_kill_9_loses_nothing(project: Project, dev: Start) -> None:
    """W2, F1: the next one resumes what was open, and what was done is not done again."""
    project.write("shop.py", shop(1))
    running = dev()
    running.told("ready")
    project("start", "approval", "--id", "a")
    running.told("waiting", id="a")
    running.process.kill()
    running.ended()
    again = dev()
    ready = again.told("ready")
    assert (ready["executions"], ready["resumed"]) == (1, 1)
    project("signal", "a", "go", "--json", "1")
    assert again.told("completed", id="a")["result"] == 2


def test_each_line_of_jsonl_is_an_object(project: Project, dev: Start) -> None:
    """W2: schema, kind and instant stand in each, and what flows print does not stand between them."""
    project.write(
        "flow.py",
        "from cerebelum import step, workflow\n\n\n@step\ndef talk() -> None:\n    print('printed', flush=True)\n"
        "    raise ValueError('password=hunter2 \\x1b[2J')\n\n\n@workflow\nasync def main() -> None:\n    await talk()\n",
    )
    running = dev()
    running.told("ready")
    project("start", "main", "--id", "m")
    failed = running.told("failed", id="m")
    assert failed["step"] == "talk"
    assert failed["where"] == "flow.py:7"
    assert failed["commands"][0] == "cerebelum replay m"
    running.process.terminate()
    assert running.ended() == 143
    found = [json.loads(line) for line in running.lines]
    assert {line["schema"] for line in found} == {"cerebelum.dev/1"}
    assert all(datetime.fromisoformat(line["at"]) for line in found)
    assert found[-1]["kind"] == "stopped"
    assert "hunter2" not in "".join(running.lines)
    assert "printed" in running.errors()


def test_off_a_terminal_lines_are_plain(project: Project, dev: Start) -> None:
    """W2: no colour, no keys, and nothing of a user's data acts on whoever prints the file."""
    project.write(
        "flow.py",
        "from cerebelum import workflow\n\n\n@workflow\nasync def main() -> None:\n    raise ValueError('\\x1b[2Jgone')\n",
    )
    running = dev(output="text")
    running.line_with("flows    main      from flow.py")
    project("start", "main", "--id", "m")
    failed = running.line_with("failed")
    assert "m main  ValueError: \\x1b[2Jgone" in failed
    assert "at flow.py:6" in running.line()
    assert running.line().strip() == "cerebelum replay m"
    project.write("flow.py", "from cerebelum import workflow\n\n\n@workflow\nasync def main( -> None:\n    pass\n")
    assert "flow.py:5  still serving @" in running.line_with("error")
    assert "> 5 | async def main( -> None:" in running.line()
    running.process.terminate()
    assert running.ended() == 143
    assert "stopped" in running.lines[-1]
    assert "\x1b" not in "".join(running.lines)
    assert "keys" not in "".join(running.lines)


def test_a_changed_library_begins_the_process_anew(project: Project, dev: Start) -> None:
    """W3: a library cannot be loaded beside itself; the line says so, and the same process goes on with the new one."""
    place = project.folder / "env" / "site-packages"
    place.mkdir(parents=True)
    (place / "somelibrary.py").write_text("ANSWER = 1\n")
    project.write(
        "flow.py",
        "import somelibrary\nfrom cerebelum import step, workflow\n\n\n@step\ndef ask() -> int:\n"
        "    return somelibrary.ANSWER\n\n\n@workflow\nasync def main() -> int:\n    return await ask()\n",
    )
    from tests.architecture.repository import ROOT

    running = dev(PYTHONPATH=os.pathsep.join([str(ROOT), str(place)]), PYTHONDONTWRITEBYTECODE="1")
    assert running.told("ready")["restarted"] is False
    (place / "somelibrary.py").write_text("ANSWER = 2  # another\n")
    assert "module somelibrary changed" in running.told("restart")["reason"]
    ready = running.told("ready")
    assert (ready["restarted"], ready["workflows"]) == (True, ["main"])
    project("start", "main", "--id", "m")
    assert running.told("completed", id="m")["result"] == 2


def test_a_library_that_lacked_is_taken_up_when_it_is_installed(project: Project, dev: Start) -> None:
    """W3: `pip install` in another terminal is as good as a save."""
    place = project.folder / "env" / "site-packages"
    place.mkdir(parents=True)
    project.write(
        "flow.py",
        "import laterlibrary\nfrom cerebelum import workflow\n\n\n@workflow\nasync def main() -> int:\n    return 1\n",
    )
    from tests.architecture.repository import ROOT

    running = dev(PYTHONPATH=os.pathsep.join([str(ROOT), str(place)]))
    assert running.told("ready")["workflows"] == []
    assert "laterlibrary" in running.told("error", file="flow.py")["message"]
    (place / "laterlibrary.py").write_text("ANSWER = 1\n")
    assert running.told("fixed", file="flow.py")["workflows"] == ["main"]


def test_fresh_puts_the_old_store_aside(project: Project, dev: Start) -> None:
    """W2: it says what it put aside, touches no other store, and none that somebody works on."""
    project.write("shop.py", shop(1))
    assert project("run", "shop.py:order", "--id", "o").exit_code == 0
    running = dev("--fresh")
    ready = running.told("ready")
    assert ready["executions"] == 0
    assert "1 execution, 0 of them open, put aside as .cerebelum/dev.old.db" in ready["put_aside"]
    assert project("list", "--store", ".cerebelum/dev.old.db", "-o", "ids").stdout == "o\n"
    refused = project("dev", "--fresh")
    assert refused.exit_code == 5
    assert "a node works on it" in refused.stderr
    other = project("dev", "--fresh", "--store", "other.db")
    assert other.exit_code == 2
    assert "no other store" in other.stderr


def test_ephemeral_leaves_no_file(project: Project, dev: Start) -> None:
    """W2: the store is in memory, and says so."""
    project.write("shop.py", shop(1))
    running = dev("--ephemeral", output="text")
    running.line_with("store    in memory, gone at the end (0 executions)")
    running.process.terminate()
    assert running.ended() == 143
    assert not Path(".cerebelum").exists()
    assert project("dev", "--ephemeral", "--fresh").exit_code == 2


def test_a_path_that_is_not_there_is_an_error(project: Project, dev: Start) -> None:
    """W2: nobody waits for a slip of the keyboard."""
    project.write("shop.py", shop(1))
    result = project("dev", "shpo.py")
    assert result.exit_code == 9
    assert "similar: shop.py" in result.stderr


def test_timers_run_faster(project: Project, dev: Start) -> None:
    """W2: `--speed` shortens what a workflow sleeps, and what it sees of it is as long as ever."""
    project.write(
        "flow.py",
        "import asyncio\nimport time\n\nfrom cerebelum import workflow\n\n\n@workflow\nasync def main() -> bool:\n"
        "    before = time.time()\n    await asyncio.sleep(86400)\n    return time.time() - before >= 86400\n",
    )
    running = dev("--speed", "100000")
    assert running.told("ready")["speed"] == 100_000
    project("start", "main", "--id", "m")
    assert running.told("completed", id="m")["result"] is True
