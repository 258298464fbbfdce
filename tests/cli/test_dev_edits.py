"""`cerebelum dev` through a morning of edits and two deaths: all that was started ends, on the code that it fits."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.cli_project import Project
from tests.cli.dev_process import PATIENCE_S, Dev

LEDGER = """
from cerebelum import info


def effect(word: str) -> str:
    with open("effects.txt", "a") as ledger:
        ledger.write(f"{info().execution_id} {info().step} {word}\\n")
    return f"{info().step} {word}"
"""
FLOW = """
import asyncio
from pathlib import Path

import prices
from cerebelum import step, wait_for_signal, workflow
from ledger import effect

WORD = "TAG-" + prices.WORD


@step
async def first() -> str:
    return effect(WORD)


@step
def extra() -> str:
    return effect(WORD)


@step
async def last() -> str:
    return effect(WORD)


@step
async def stands() -> str:
    done = effect(WORD)
    while not Path("free").exists():
        await asyncio.sleep(0.01)
    return done


@workflow
async def stand() -> list[str]:
    return [await stands()]


@workflow
async def order() -> list[str]:
    BEFORE
    done = [await first()]
    await asyncio.sleep(60)
    done.append(str(await wait_for_signal("go")))
    done.append(await last())
    return done
"""
PLAIN, LONGER = "pass", "await extra()"


class Morning:
    """A developer's, with the executions that are open: the way each began, and the word that it ends with."""

    def __init__(self, project: Project) -> None:
        self.project, self.running = project, Dev(project.folder, "--speed", "200")
        self.way, self.word = "", ""
        self.open: dict[str, str] = {}  # execution -> way
        self.begun: dict[str, str] = {}  # -> the word it began with
        self.ends: dict[str, str] = {}  # -> the word that it must end with

    # -- edits, each an atomic save -------------------------------------------------------------------------------
    def save(self, file: str, text: str) -> None:
        """Write another file and rename it over this one."""
        self.project.write(f".{file}.swp", text).rename(self.project.folder / file)

    def flow(self, tag: str, way: str, *, more: str = "", prices: str = "p1", name: str = "order") -> None:
        """Save the flow; what it will be serving is noted, unless `more` breaks it."""
        text = FLOW.replace("TAG", tag).replace("BEFORE", way).replace("def order(", f"def {name}(") + more
        self.save("shop.py", text)
        if not more:
            self.way, self.word = way, f"{tag}-{prices}"

    def taken_up(self, kind: str, file: str = "shop.py") -> None:
        """Wait until it is told; those that fit have moved, the others stay, and nobody else is spoken of."""
        told = self.running.told(kind, file=file)
        verdicts = {verdict["id"]: verdict for verdict in told["verdicts"] if verdict["workflow"] == "order"}
        if kind == "removed":
            assert {verdict["outcome"] for verdict in verdicts.values()} <= {"kept"}
            return
        for id_, way in self.open.items():
            if id_ in verdicts:
                assert verdicts[id_]["outcome"] == ("moved" if way == self.way else "kept"), verdicts[id_]
            if way == self.way:
                self.ends[id_] = self.word

    # -- executions -----------------------------------------------------------------------------------------------
    def start(self, id_: str) -> None:
        """Start an order from this process; it is served though files may be broken, and waits then."""
        assert self.project("start", "order", "--id", id_).exit_code == 0
        self.running.told("waiting", id=id_)
        self.open[id_], self.begun[id_], self.ends[id_] = self.way, self.word, self.word

    def die(self) -> None:
        """End the process without a word, in the midst of it all."""
        self.running.process.kill()
        self.running.ended()
        self.running.close()

    def again(self) -> None:
        """Begin a new one; it resumes what was open."""
        self.running = Dev(self.project.folder, "--speed", "200")
        ready = self.running.told("ready")
        assert ready["executions"] == len(self.open) + 1

    def until_all_have_ended(self) -> None:
        """Signal everybody, and wait; the order in which they end is their own."""
        for id_ in self.open:
            assert self.project("signal", id_, "go", "--json", '"on"').exit_code == 0
        ends = time.monotonic() + PATIENCE_S
        while any(row["status"] != "completed" for row in self.project.json("list")):
            assert time.monotonic() < ends, self.project.json("list")
            assert self.running.process.poll() is None

    def effects(self) -> Counter[str]:
        """Return how often each step of each execution took effect."""
        lines = Path("effects.txt").read_text().splitlines()
        return Counter(line.rpartition(" ")[0] for line in lines)


@pytest.fixture
def morning(project: Project) -> Iterator[Morning]:
    """It begins with a flow that serves."""
    project.write("ledger.py", LEDGER)
    project.write("prices.py", 'WORD = "p1"\n')
    project.write("flow.py", FLOW.replace("TAG", "t0").replace("BEFORE", PLAIN))
    (project.folder / "flow.py").rename(project.folder / "shop.py")
    morning = Morning(project)
    morning.way, morning.word = PLAIN, "t0-p1"
    yield morning
    morning.running.close()


def test_a_morning_of_edits_and_two_deaths_lose_nothing(project: Project, morning: Morning) -> None:
    """W3, V13, F1: 14 edits by atomic saves and two kills, one while the flow is deleted and one while it is broken.

    All that was started from another process ends; each step took effect once, but the one that was killed; the kept
    ones answer with the words of the code that they fit.
    """
    _until_it_dies_without_its_flow(project, morning)
    _until_it_dies_with_a_broken_flow(morning)
    _to_the_end(morning)
    (project.folder / "free").touch()
    morning.until_all_have_ended()
    _check(project, morning)


def _until_it_dies_without_its_flow(project: Project, morning: Morning) -> None:
    running = morning.running.told("ready")
    assert running["workflows"] == ["order", "stand"]
    assert project("start", "stand", "--id", "stand").exit_code == 0
    morning.start("a")
    morning.flow("t1", PLAIN)
    morning.taken_up("reloaded")
    morning.flow("bad", PLAIN, more="\ndef broken(:\n")
    assert morning.running.told("error")["code"] == "CB102"
    morning.start("b")
    morning.flow("t2", PLAIN)
    morning.taken_up("fixed")
    morning.flow("t3", LONGER)
    morning.taken_up("reloaded")
    morning.start("c")
    morning.save("prices.py", 'WORD = "p2"\n')
    morning.word = "t3-p2"
    morning.taken_up("reloaded")
    morning.start("d")
    (project.folder / "shop.py").unlink()
    morning.taken_up("removed")
    morning.die()


def _until_it_dies_with_a_broken_flow(morning: Morning) -> None:
    morning.again()
    morning.flow("t3", LONGER, prices="p2")
    morning.taken_up("reloaded")
    morning.start("e")
    morning.flow("t4", LONGER, prices="p2", name="orders")
    morning.running.told("reloaded", removed=["order"])
    morning.flow("t5", PLAIN, prices="p2")
    morning.taken_up("reloaded")
    morning.start("f")
    morning.flow("bad", PLAIN, more="\nimport no_such_module_anywhere\n", prices="p2")
    assert morning.running.told("error")["code"] == "CB103"
    morning.die()


def _to_the_end(morning: Morning) -> None:
    morning.again()
    morning.flow("t6", PLAIN, prices="p2")
    morning.taken_up("fixed")
    morning.start("g")
    morning.flow("t7", PLAIN, prices="p2")
    morning.flow("t8", PLAIN, prices="p2")
    morning.save(
        "later.py",
        FLOW.replace("TAG", "x")
        .replace("BEFORE", PLAIN)
        .replace("def order(", "def later(")
        .replace("def stand(", "def later_too("),
    )
    morning.taken_up("reloaded", "later.py")  # of the quick saves before it, the last one counts


def _check(project: Project, morning: Morning) -> None:
    effects = morning.effects()
    assert 1 <= effects.pop("stand stands") <= 3, "it was under way at both deaths"
    expected = Counter[str]()
    for id_, way in morning.open.items():
        opening = ["extra", "first"] if way == LONGER else ["first"]
        answer = [f"first {morning.begun[id_]}", "on", f"last {morning.ends[id_]}"]
        assert json.loads(project("result", id_).stdout) == answer, id_
        expected.update(f"{id_} {step}" for step in (*opening, "last"))
    assert effects == expected
    morning.running.process.terminate()
    assert morning.running.ended() == 143
