"""A past is open, its flow's file is saved: whether the new code fits is said at once, and one may walk the past on it."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.widgets import Input

from cerebelum.connect import open_store
from cerebelum.engine.application.disk_code import DiskFailed, DiskReplay
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.runtime.code.modules import PINNED_PREFIX, finder
from tests.tui.walker import Walker, make_app, make_disk

ORDER = "order-1"


def url_of(project: Path) -> str:
    return f"sqlite:///{project}/.cerebelum/dev.db"


@pytest.fixture
async def walker(project: Path) -> AsyncIterator[Walker]:
    """Someone before the replay of an order that failed, in its project; its files are watched."""
    url = url_of(project)
    async with Walker.at(make_app(url, ORDER, disk=make_disk(url)), (120, 36)) as walker:
        await walker.until(lambda: bool(walker.replay.watched))
        yield walker


def save(file: Path, *changes: tuple[str, str]) -> None:
    """Save a file with some words changed, as an editor does that writes another file and renames it."""
    text = file.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    new = file.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def on_disk(walker: Walker) -> bool:
    return walker.replay.is_on_disk


async def heading_says(walker: Walker, text: str) -> None:
    await walker.until(lambda: text in walker.text("#heading"))
    await walker.still()


async def test_a_save_that_fits_and_one_that_does_not(walker: Walker, project: Path) -> None:
    """W7, E16: the title turns to "fits" or to "diverges at event N" with both sides, and back, as the file is saved."""
    assert "fits" not in walker.text("#heading")
    save(project / "order.py", ("total > 100", "total > 1000"))
    await heading_says(walker, "✓ fits order.py")
    before = walker.text("#source")
    save(project / "order.py", ("await charge(amount)", 'await ship(amount)\n    charged = {"total": 5.0}'))
    await heading_says(
        walker, "✗ order.py diverges at event 2: recorded step_scheduled charge, now step_scheduled ship"
    )
    assert "order.py:22" in walker.text("#heading")
    assert walker.text("#source") == before  # what ran is what is shown
    save(project / "order.py", ('await ship(amount)\n    charged = {"total": 5.0}', "await charge(amount)"))
    await heading_says(walker, "✓ fits order.py")


async def test_broken_code_says_why_and_where(walker: Walker, project: Path) -> None:
    """W7: a file that is no Python, raises, or ends its process is told with its line; what ran stays on the screen."""
    flow = project / "order.py"
    good = flow.read_text(encoding="utf-8")
    save(flow, ("await charge(amount)", "await charge(amount"))
    await heading_says(
        walker, "✗ order.py:22 is not valid Python: '(' was never closed  22 | charged = await charge(amount"
    )
    flow.write_text("raise RuntimeError('not today \\x1b[2J\\u202e')\n", encoding="utf-8")
    await heading_says(walker, "✗ order.py:1 raised while the flow was imported: RuntimeError: not today")
    assert visible(walker.text()) == walker.text()
    for code in (3, 0):
        flow.write_text(f"import os\nos._exit({code})\n", encoding="utf-8")
        await heading_says(walker, f"the code ended its process, with exit code {code}")
    flow.write_text("def order(): pass\n", encoding="utf-8")
    await heading_says(walker, "order.py")
    await walker.press("r")
    assert not on_disk(walker)
    assert "await charge(amount)" in walker.text("#source")
    flow.write_text(good, encoding="utf-8")
    await heading_says(walker, "✓ fits order.py")


async def test_code_that_never_ends_is_ended(project: Path) -> None:
    """W7: an import that goes round for ever holds no key up; it is ended after a while, and at once by the next save."""
    url = url_of(project)
    async with Walker.at(make_app(url, ORDER, disk=make_disk(url, quiet_s=1.0)), (120, 36)) as walker:
        await walker.until(lambda: bool(walker.replay.watched))
        good = (project / "order.py").read_text(encoding="utf-8")
        (project / "order.py").write_text("while True:\n    pass\n", encoding="utf-8")
        await walker.until(lambda: walker.replay.is_trying)
        await walker.pilot.press("home", "j", "j")
        assert walker.replay.version == 2
        await heading_says(walker, "did not come to an end within 1 s")
    async with Walker.at(make_app(url, ORDER, disk=make_disk(url, quiet_s=60.0)), (120, 36)) as walker:
        await walker.until(lambda: bool(walker.replay.watched))
        save(project / "order.py", ("pass", "pass  # still"))
        await walker.until(lambda: walker.replay.is_trying)
        (project / "order.py").write_text(good, encoding="utf-8")
        await heading_says(walker, "✓ fits order.py")
        (project / "order.py").write_text("while True:\n    pass\n", encoding="utf-8")
        await walker.until(lambda: walker.replay.is_trying)
        await walker.pilot.press("q")  # to leave does not wait for it either


async def test_the_past_is_walked_on_the_code_on_disk(walker: Walker, project: Path) -> None:
    """W7, E13: r shows the new source and locals where it fits, at the event one stood at; r again, what ran."""
    save(
        project / "order.py",
        ("charged = await charge(amount)", "doubled = amount * 2\n    charged = await charge(doubled // 2)"),
    )
    await heading_says(walker, "✓ fits order.py")
    at = walker.replay.version
    await walker.press("r")
    assert on_disk(walker)
    assert walker.replay.version == at
    assert "this is the code on disk" in walker.text("#heading")
    assert "doubled = amount * 2" in walker.text("#source")
    assert "order.py:24 on disk" in walker.text("#source")
    assert "doubled: 1000" in walker.text("#locals")
    await walker.press("home", "j")
    for version in range(1, len(walker.replay.past.index) + 1):
        frame, ran = walker.replay.past.frame(version), walker.replay.recorded.frame(version)
        assert frame is not None
        assert ran is not None
        assert (frame.version, frame.status, frame.event) == (ran.version, ran.status, ran.event)
    await walker.press("w")
    await walker.enter("doubled")
    assert "doubled: 1000" in walker.text("#watches")
    save(project / "order.py", ("amount * 2", "amount + amount"))
    await walker.until(lambda: "amount + amount" in "".join(walker.replay.past.source(str(project / "order.py"))))
    await walker.still()
    await walker.press("tab")
    assert "amount + amount" in walker.text("#source")
    await walker.press("r")
    assert not on_disk(walker)
    assert "doubled" not in walker.text("#source")
    assert "this is the code on disk" not in walker.text("#heading")
    await walker.until(lambda: walker.replay.recorded.watches == ["doubled"])


async def test_r_jumps_to_where_the_ways_part(walker: Walker, project: Path) -> None:
    """W7, E16: by hand, too; up to there the new code is walked, from there on it is said why there is nothing to see."""
    save(project / "order.py", ('ship(charged["total"])', 'charge(charged["total"])'))
    await heading_says(walker, "✗ order.py diverges at event 4")
    await walker.press("home", "r")
    assert on_disk(walker)
    assert walker.replay.version == 4
    assert 'charge(charged["total"])' in walker.text("#source")
    await walker.press("k", "end", "j")
    assert walker.replay.version == len(walker.replay.past.index)
    assert "FAILED" in walker.text("#heading")
    await walker.press("r")
    assert not on_disk(walker)
    assert 'ship(charged["total"])' in walker.text("#source")


async def test_a_live_execution_is_tried_as_it_goes_on(project: Path) -> None:
    """W7, W8: of one that is open it is said that it fits so far; what comes while one walks on the code on disk is tried too."""
    flow = project / "waiting.py"
    flow.write_text(WAITING, encoding="utf-8")
    url = url_of(project)
    command = [sys.executable, "-m", "cerebelum_cli", "run", "waiting.py", "--id", "waits", "--timeout", "2"]
    node = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL)
    await node.wait()
    async with Walker.at(make_app(url, "waits", disk=make_disk(url)), (120, 36)) as walker:
        await walker.press("r")
        assert "✓ fits waiting.py so far" in walker.text("#heading")
        await walker.press("t")
        before = len(walker.replay.past.index)
        resumed = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cerebelum_cli", "run", "--resume", "waits", stdout=DEVNULL, stderr=DEVNULL
        )
        await walker.press("s")
        await walker.until(lambda: walker.app.screen.query_one("#name", Input).value == "approve")
        await walker.press("5", "enter")
        await resumed.wait()
        await walker.until(lambda: "COMPLETED" in walker.text("#heading"))
        await walker.still()
        assert on_disk(walker)
        assert walker.replay.past.made == len(walker.replay.past.index) > before
        await walker.until(lambda: "✓ fits waiting.py" in walker.text("#heading"))


WAITING = """
from cerebelum import wait_for_signal, workflow


@workflow
async def waiting() -> int:
    found = await wait_for_signal("approve")
    return found + 1
"""


async def test_only_files_of_the_execution_count(walker: Walker, project: Path) -> None:
    """W7: another file of the folder is none of its own; one that the new code imports is, from then on."""
    (project / "other.py").write_text("1 / 0\n", encoding="utf-8")
    (project / "prices.py").write_text("RATE = 1\n", encoding="utf-8")
    save(project / "order.py", ("from cerebelum import", "from prices import RATE\nfrom cerebelum import"))
    await heading_says(walker, "✓ fits order.py")
    assert {each.name for each in walker.replay._files()} == {"order.py", "prices.py"}
    await walker.until(lambda: walker.replay.watched == walker.replay._files())
    (project / "prices.py").write_text("RATE = 2\n1 / 0\n", encoding="utf-8")
    await heading_says(walker, "prices.py:2 raised while the flow was imported")


async def test_nothing_is_left_behind_and_nothing_is_written(walker: Walker, project: Path) -> None:
    """E13: no module of the new code is left here, no event or row is written, and nothing in it runs a step."""
    modules = set(sys.modules)
    answered = set(finder.names_under(""))
    before = await events(project)
    marker = project / "ran"
    save(project / "order.py", ('return {"total": amount}', f'open({str(marker)!r}, "w")\n    return {{"total": 1}}'))
    await heading_says(walker, "✓ fits order.py")
    await walker.press("r")
    assert on_disk(walker)
    assert not marker.exists()
    new = {
        name for name in set(sys.modules) - modules if name.split(".")[0] not in ("asyncio", "watchfiles", "cerebelum")
    }
    assert not {name for name in new if "order" in name and not name.startswith(PINNED_PREFIX)}
    assert set(finder.names_under("")) == answered
    assert await events(project) == before


async def events(project: Path) -> list[bytes]:
    store = open_store(url_of(project), read_only=True)
    await store.open()
    try:
        return [event.data for event in await store.read_history(ORDER)]
    finally:
        await store.close()


async def test_without_a_file_and_without_a_process(store_url: str, project: Path) -> None:
    """W7: where the file is nowhere, or nothing can run it, r says so, and the past stays as it ran."""
    async with Walker.at(make_app(store_url, "order-1042", disk=make_disk(store_url)), (120, 36)) as walker:
        await walker.press("r")
        assert "travelled.py" in walker.text("#heading")
        assert not on_disk(walker)
    async with Walker.at(make_app(store_url, "order-1042"), (120, 36)) as walker:
        await walker.press("r")
        assert "cannot be tried here" in walker.said
    disk = make_disk(store_url)
    disk._command = ("/does/not/exist",)
    async with Walker.at(make_app(store_url, "order-1042", disk=disk), (120, 36)) as walker:
        await walker.press("r")
        assert "no process could be started" in walker.said
    [answer] = [each async for each in make_disk(url_of(project)).ask(DiskReplay(url_of(project), "nowhere"))]
    assert isinstance(answer, DiskFailed)
    assert "no execution 'nowhere'" in answer.text
