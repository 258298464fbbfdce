"""The screens of schedules: what starts by itself, what was made of it, and what can be done to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from cerebelum.engine.application.schedules import Schedules
from cerebelum.engine.domain.schedules.schedule import ScheduleRow
from cerebelum.engine.domain.schedules.spec import Options, cron_schedule, interval_schedule
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.dialogs import Confirm, Help
from cerebelum.tui.executions.screen import ExecutionsScreen
from cerebelum.tui.replay.screen import ReplayScreen
from cerebelum.tui.schedules.fires import FiresScreen
from cerebelum.tui.schedules.screen import SchedulesScreen
from tests.conftest import urls_of
from tests.engine.world import World
from tests.flows import travelled
from tests.tui.walker import Walker, make_app


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store of both kinds that processes share."""
    return urls_of(request, tmp_path)()


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    """An empty store in a file."""
    return f"sqlite:///{tmp_path}/fires.db"


@pytest.fixture
async def world(file_url: str) -> AsyncIterator[World]:
    """A node that knows two workflows, and three schedules, of which one is paused and one is nobody's."""
    world = await World.open(file_url)
    await world.client.register(travelled.greet, travelled.process_order)
    schedules = Schedules(world.engine)
    await schedules.put("nightly", "greet", cron_schedule("30 2 * * *", timezone="Europe/Zurich", options=Options()))
    await schedules.put("held", "greet", interval_schedule(timedelta(hours=1)))
    await schedules.pause("held", "too often \x1b[2J")
    await schedules.put("orders", "process_order", cron_schedule("0 9 * * 1-5", timezone="UTC"))
    yield world
    await world.close()


def schedules_of(walker: Walker) -> SchedulesScreen:
    screen = walker.app.screen
    assert isinstance(screen, SchedulesScreen)
    return screen


def fires_of(walker: Walker) -> FiresScreen:
    screen = walker.app.screen
    assert isinstance(screen, FiresScreen)
    return screen


async def stored(world: World, name: str) -> ScheduleRow | None:
    return await world.store.get_schedule(name)


def line_of(walker: Walker, name: str) -> str:
    return next(line for line in walker.text("#table").splitlines() if name in line)


def says(walker: Walker, text: str) -> Callable[[], bool]:
    return lambda: text in walker.said


async def test_a_schedule_is_triggered_paused_and_resumed(url: str) -> None:
    """W8, W6: each is done to the stored schedule at once, on SQLite and PostgreSQL; a trigger is asked about first."""
    world = await World.open(url)
    try:
        await world.client.register(travelled.greet)
        await Schedules(world.engine).put("nightly", "greet", cron_schedule("0 9 * * *", timezone="UTC"))
        async with Walker.at(make_app(url)) as walker:
            await walker.press("S", "p")
            await walker.until(says(walker, "paused nightly"))
            assert (await Schedules(world.engine).get("nightly")).paused_by == "hand"
            await walker.until(lambda: "‖ paused" in walker.text("#table"))
            await walker.press("p")
            assert "nightly is paused already" in walker.said
            await walker.press("r")
            await walker.until(says(walker, "resumed nightly"))
            assert (await Schedules(world.engine).get("nightly")).enabled
            await walker.until(lambda: "◷ active" in walker.text("#table"))
            await walker.press("r")
            assert "nightly is not paused" in walker.said
            await walker.press("t")
            assert isinstance(walker.app.screen, Confirm)
            await walker.press("n")
            assert walker.said == "nothing was started"
            assert await Schedules(world.engine).runs("nightly") == []
            await walker.press("t", "y")
            await walker.until(says(walker, "started nightly-"))
            await walker.until(lambda: "✓ completed" in walker.text("#table"))
            [run] = await Schedules(world.engine).runs("nightly")
            assert run.execution_id is not None
            assert run.execution_id in walker.text("#preview")
    finally:
        await world.close()


async def test_the_list_says_when_next_and_what_stands_in_the_way(world: World, file_url: str) -> None:
    """W8: rule, next fire on the schedule's own wall clock, state in a sign and a word; the preview says the rest."""
    await Schedules(world.engine).put("nobody", "process_order", cron_schedule("@daily", timezone="UTC"))
    row = await stored(world, "nobody")
    assert row is not None
    async with Walker.at(make_app(file_url), (140, 36)) as walker:
        await walker.press("S")
        assert "4  ◷ 3 active  ‖ 1 paused" in walker.text("#heading")
        assert "every 1h" in line_of(walker, "held")
        assert "‖ paused" in line_of(walker, "held")
        assert "02:30 +0" in line_of(walker, "nightly")
        assert "too often \\x1b[2J" in walker.text("#preview")
        assert walker.text("#preview").count("would fire: it is paused") == 3
        assert visible(walker.text()) == walker.text()
        await walker.press("j")
        assert "30 2 * * *  Europe/Zurich" in walker.text("#preview")
        assert "put by hand" in walker.text("#preview")
        await world.close()
        await walker.until(lambda: "▲ no-node" in line_of(walker, "nightly"))
        await walker.until(lambda: "no node has workflow 'greet'" in walker.text("#preview"))


async def test_one_is_removed_after_a_question(world: World, file_url: str) -> None:
    """W8: no leaves it, yes removes it from the store and from the list; in its own screen one is led back."""
    async with Walker.at(make_app(file_url)) as walker:
        await walker.press("S", "delete")
        assert walker.sees(Confirm)
        await walker.press("enter")
        assert walker.said == "held was left as it is"
        assert await stored(world, "held") is not None
        await walker.press("delete", "y")
        await walker.until(says(walker, "removed schedule held"))
        assert await stored(world, "held") is None
        await walker.until(lambda: list(schedules_of(walker).looks) == ["nightly", "orders"])
        await walker.press("enter", "delete", "y")
        await walker.until(lambda: walker.sees(SchedulesScreen))
        await walker.until(lambda: list(schedules_of(walker).looks) == ["orders"])
        await Schedules(world.engine).delete("orders")
        await walker.until(lambda: "no schedules" in walker.text("#columns"))
        await walker.press("p", "r", "t", "delete", "y", "enter", "j", "end")
        assert walker.sees(SchedulesScreen)


async def test_the_next_ten_fires_and_the_last_runs(world: World, file_url: str) -> None:
    """W8: what is to come stands above what was; a run leads to the replay of what it started."""
    name = "orders"
    execution_id = await Schedules(world.engine).trigger(name)
    await world.until_status(world.client.handle(execution_id), "failed")
    async with Walker.at(make_app(file_url), (140, 36)) as walker:
        await walker.press("S", "end", "enter")
        screen = fires_of(walker)
        lines = walker.text("#table").splitlines()[:11]
        assert sum("◷ to come" in line for line in lines) == 10
        assert [line.split()[1] for line in lines[:10]] == sorted(
            (line.split()[1] for line in lines[:10]), reverse=True
        )
        assert "✗ failed" in lines[10]
        assert execution_id in lines[10]
        assert screen.table.cursor == 10
        await walker.press("enter")
        assert walker.replay.past.execution_id == execution_id
        await walker.press("q", "k", "enter")
        assert walker.said == "this fire is still to come"
        await walker.press("p")
        await walker.until(says(walker, "paused orders"))
        await walker.until(lambda: "‖ paused" in walker.text("#preview"))
        assert walker.text("#table").count("‖ if resumed") == 10
        await walker.press("r")
        await walker.until(says(walker, "resumed orders"))
        await walker.press("t", "y")
        await walker.until(says(walker, "started orders-"))
        await walker.until(lambda: screen.table.count == 12)
        await walker.press("y")
        assert (walker.said, walker.app.clipboard) == ("copied orders", "orders")
        await walker.press("?")
        assert walker.sees(Help)
        await walker.press("escape", "home", "end", "pageup", "pagedown", "up", "down", "J", "K", "T", "escape")
        assert walker.sees(SchedulesScreen)


async def test_a_fire_that_started_nothing_says_why(world: World, file_url: str) -> None:
    """W8: enter on a fire that was skipped says the reason; a schedule that is gone while one looks is told."""
    from msgspec.structs import replace

    from cerebelum.engine.domain.schedules.schedule import ScheduleRun
    from cerebelum.engine.ports.schedule_store import ScheduleDecision

    row = await stored(world, "orders")
    assert row is not None
    run = ScheduleRun(schedule="orders", fire_at_us=10**15, outcome="skipped", reason="the one before still runs")
    assert await world.store.write_schedule(ScheduleDecision(row=replace(row), runs=[run]))
    async with Walker.at(make_app(file_url)) as walker:
        await walker.press("S", "end", "enter")
        assert "⊘ skipped" in walker.text("#table")
        await walker.press("enter")
        assert walker.said == "nothing was started: the one before still runs"
        await Schedules(world.engine).delete("orders")
        await walker.until(lambda: "orders" in walker.said and "no schedule" in walker.said)
        await walker.press("q")


async def test_the_other_keys(world: World, file_url: str) -> None:
    """W8: walking, copying, commands, the page of keys, the mouse, and small windows."""
    app = make_app(file_url)
    async with Walker.at(app, (80, 24)) as walker:
        await walker.press(":")
        await walker.enter("schedules")
        table = schedules_of(walker).table
        for key, cursor in (
            ("j", 1), ("down", 2), ("down", 2), ("k", 1), ("up", 0), ("pagedown", 2), ("pageup", 0), ("end", 2),
            ("home", 0),
        ):  # fmt: skip
            await walker.press(key)
            assert (key, table.cursor) == (key, cursor)
        assert "WORKFLOW" not in walker.text("#columns")
        assert "STATE" in walker.text("#columns")
        await walker.press("J", "shift+down", "K", "shift+up", "y")
        assert (walker.said, app.clipboard) == ("copied held", "held")
        await walker.press("?")
        assert "trigger: start an execution now" in walker.text()
        await walker.press("escape", "T", "ctrl+p")
        await walker.press(*"remove", "escape")
        await walker.until(lambda: walker.sees(SchedulesScreen))
        await walker.pilot.click("#table", offset=(4, 1))
        await walker.still()
        assert table.cursor == 1
        await walker.pilot.click("#table", offset=(4, 1))
        await walker.until(lambda: walker.sees(FiresScreen))
        for size in ((30, 8), (200, 50), (1, 1), (80, 24)):
            await walker.pilot.resize_terminal(*size)
            await walker.still()
        await walker.press("q", "q")
        assert walker.sees(ExecutionsScreen)
        assert not walker.sees(ReplayScreen)
