"""The screen of log lines: what it shows, live and afterwards, and every key of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.ports.store import Batch, ExecutionFilter, LogLine, Start
from cerebelum.tui.dialogs import Help
from cerebelum.tui.executions.screen import ExecutionsScreen
from cerebelum.tui.logs.book import PAGE, TEXTS_KEPT, LogBook, LogFilter
from cerebelum.tui.logs.screen import LogsScreen
from cerebelum.tui.replay.screen import ReplayScreen
from tests.conftest import urls_of
from tests.engine.world import World
from tests.flows import ledger, talking
from tests.tui.walker import Walker, make_app

ORDER = "order-1042"
MANY = 100_000


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store of both kinds that processes share."""
    return urls_of(request, tmp_path)()


def logs_of(walker: Walker) -> LogsScreen:
    screen = walker.app.screen
    assert isinstance(screen, LogsScreen)
    return screen


def is_tailing(screen: LogsScreen) -> bool:
    return screen.is_tailing


def messages(screen: LogsScreen) -> list[str]:
    lines = (screen.book.line(index) for index in range(screen.table.count))
    return [line.message if line is not None else "" for line in lines]


async def opened(walker: Walker, execution_id: str = ORDER, at: int | None = None) -> LogsScreen:
    await walker.app.push_screen(LogsScreen(execution_id, at))
    await walker.still()
    return logs_of(walker)


async def test_lines_are_shown_while_the_step_runs_and_following_ends_with_the_execution(url: str) -> None:
    """M8, W8: what a step of another engine prints is there before the step ends; no key, no waiting for its end."""
    world = await World.open(url)
    try:
        handle = await world.client.start(talking.stands_and_logs)
        await world.at_gate(handle)
        async with Walker.at(make_app(url)) as walker:
            await walker.press("L")
            screen = logs_of(walker)
            await walker.until(lambda: "▲ warning" in walker.text("#table"))
            assert is_tailing(screen)
            assert "live" in walker.text("#heading")
            assert "line 0" in walker.text("#table")
            assert "after the gate" not in walker.text("#table")
            ledger.gate(handle.id).set()
            await walker.until(lambda: "after the gate" in walker.text("#table"))
            await walker.until(lambda: screen.is_over and screen.is_still)
            assert not is_tailing(screen)
            assert "✓ completed" in walker.text("#heading")
            assert screen.table.cursor == screen.table.count - 1
            await walker.press("home", "t")
            assert walker.said == "it has ended: no further line will come"
            assert screen.table.cursor == screen.table.count - 1
    finally:
        await world.close()


async def test_the_tail_can_be_left_and_taken_up(tmp_path: Path) -> None:
    """M8: who walks up stays there while lines come; t follows again, and stops."""
    url = f"sqlite:///{tmp_path}/live.db"
    world = await World.open(url)
    try:
        handle = await world.client.start(talking.stands_and_logs)
        await world.at_gate(handle)
        async with Walker.at(make_app(url)) as walker:
            screen = await opened(walker, handle.id)
            await walker.until(lambda: screen.table.count == 4)
            await walker.press("home")
            assert not is_tailing(screen)
            assert "live" not in walker.text("#heading")
            await walker.press("t")
            assert is_tailing(screen)
            await walker.press("t")
            assert not is_tailing(screen)
            await walker.press("home")
            ledger.gate(handle.id).set()
            await walker.until(lambda: screen.table.count == 5)
            assert screen.table.cursor == 0
    finally:
        await world.close()


async def test_all_lines_in_order_of_time_with_step_attempt_and_level(store_url: str) -> None:
    """M7: every line of every attempt, each with its time, level, step and attempt; the marked one in full below."""
    async with Walker.at(make_app(store_url), (120, 36)) as walker:
        screen = await opened(walker)
        times = [screen.book.at_us(index) for index in range(screen.table.count)]
        assert times == sorted(times)
        shown = walker.text("#table").splitlines()
        assert [line.split()[1:4] for line in shown if "charging" in line] == [
            ["stdout", "charge_card", "charging"],
            ["stdout", "charge_card#2", "charging"],
        ]
        assert "ship#2 · error" in walker.text("#whole")
        assert "Traceback (most recent call last):" in walker.text("#whole").splitlines()[2]
        assert "AddressError: bad zip 'ABC' ⏎ Traceback" in walker.text("#table")


async def test_walking(store_url: str) -> None:
    """M7, W8: every key that walks does so, and stops at both ends; long lines are scrolled, and so is the whole one."""
    async with Walker.at(make_app(store_url), (80, 24)) as walker:
        screen = await opened(walker)
        last = screen.table.count - 1
        for key, cursor in (
            ("home", 0), ("j", 1), ("down", 2), ("k", 1), ("up", 0), ("up", 0), ("pagedown", last), ("pageup", 0),
            ("end", last), ("j", last),
        ):  # fmt: skip
            await walker.press(key)
            assert (key, screen.table.cursor) == (key, cursor)
        assert "attempt 2 failed" in walker.text("#table").splitlines()[last]
        await walker.press("l", "right")
        assert "attempt 2 failed" not in walker.text("#table").splitlines()[last]
        await walker.press("h", "left", "h")
        assert "attempt 2 failed" in walker.text("#table").splitlines()[last]
        await walker.pilot.resize_terminal(60, 14)
        await walker.still()
        await walker.press("J", "shift+down")
        assert "attempt 2 failed" not in walker.text("#whole")
        await walker.press("K", "shift+up")
        assert "attempt 2 failed" in walker.text("#whole")


async def test_filters_by_step_level_and_text(store_url: str) -> None:
    """M7: s takes one step after the other, v one level after the other, / a text; all at once, and esc takes them back."""
    async with Walker.at(make_app(store_url), (120, 36)) as walker:
        screen = await opened(walker)
        total = screen.table.count
        await walker.press("s")
        assert screen.book.filter.step == "reserve_stock"
        assert messages(screen) == ["reserving lamp"]
        assert f"1 of {total} lines · step reserve_stock" in walker.text("#heading")
        await walker.press("s", "v", "v", "v")
        assert screen.book.filter == LogFilter(step="charge_card", level="error")
        assert [text[:9] for text in messages(screen)] == ["attempt 1"]
        await walker.press("v", "/")
        await walker.enter("CHARGING")
        assert messages(screen) == ["charging 42", "charging 42"]
        await walker.press("/")
        await walker.press(*("backspace",) * 8)
        await walker.enter("nothing like it")
        assert "no line fits" in walker.text("#whole")
        await walker.press("y", "enter", "l", "end", "home")
        assert isinstance(walker.app.screen, LogsScreen)
        await walker.press("escape")
        assert screen.table.count == total
        await walker.press("s", "s", "s", "s")
        assert not screen.book.filter
        await walker.press("escape")
        assert walker.sees(ExecutionsScreen)


async def test_a_filter_keeps_the_mark_where_it_was(store_url: str) -> None:
    """M7: the marked line stays marked under a filter that it passes, and when the filter is taken back."""
    async with Walker.at(make_app(store_url), (120, 36)) as walker:
        screen = await opened(walker)
        await walker.press("home", "j", "j", "j")
        assert "charge_card#2" in walker.text("#whole")
        await walker.press("/")
        await walker.enter("charging")
        assert "charge_card#2" in walker.text("#whole")
        await walker.press("escape")
        assert (screen.table.cursor, screen.table.count) == (3, 6)


async def test_between_the_replay_and_the_logs(store_url: str) -> None:
    """W7, M7: from an event to the first line at or after it, and from a line to the first event at or after that."""
    async with Walker.at(make_app(store_url, ORDER, at=6), (120, 36)) as walker:
        at_us = walker.replay.past.index.events[5].at_us
        await walker.press("L")
        screen = logs_of(walker)
        assert screen.book.at_us(screen.table.cursor) >= at_us > screen.book.at_us(screen.table.cursor - 1)
        await walker.press("home", "enter")
        assert walker.sees(ReplayScreen)
        events = walker.replay.past.index.events
        first_us = screen.book.at_us(0)
        assert events[walker.replay.version - 1].at_us >= first_us > events[walker.replay.version - 2].at_us


async def test_the_other_keys(store_url: str) -> None:
    """W8: y copies the line, ? tells the keys, T changes the theme, : takes commands, a click marks, q goes back."""
    app = make_app(store_url)
    async with Walker.at(app, (120, 36)) as walker:
        await walker.press("j", ":")
        await walker.enter("logs")
        screen = logs_of(walker)
        await walker.press("home", "y")
        assert (walker.said, app.clipboard) == ("copied the line of reserve_stock", "reserving lamp")
        await walker.press("T")
        assert app.theme == "cerebelum-light"
        for key in ("?", "f1"):
            await walker.press(key)
            assert walker.sees(Help)
            assert "follow what comes" in walker.text()
            await walker.press("escape")
        await walker.press(":")
        await walker.enter("dance")
        assert "no command 'dance'" in walker.said
        await walker.pilot.click("#table", offset=(20, 2))
        await walker.still()
        assert screen.table.cursor == 2
        await walker.pilot.resize_terminal(30, 8)
        await walker.still()
        assert ORDER in walker.text("#heading")
        await walker.pilot.click("#table", offset=(20, screen.table.cursor - round(screen.table.scroll_offset.y)))
        await walker.until(lambda: walker.sees(ReplayScreen))
        await walker.press("q", "q")
        assert walker.sees(ExecutionsScreen)


async def test_without_lines_and_without_the_execution(store_url: str) -> None:
    """M7: where nothing was printed that is said, and an execution that is gone is told."""
    async with Walker.at(make_app(store_url)) as walker:
        await opened(walker, "greet-1")
        assert "nothing was printed or logged" in walker.text("#whole")
        await walker.press("j", "k", "enter", "y", "s", "v", "end", "home", "t", "escape")
        await walker.press("q")
        await opened(walker, "nobody")
        assert "no execution 'nobody'" in walker.said
        await walker.press("j", "enter")


async def test_hostile_lines_cannot_act(store_url: str) -> None:
    """M7, W8: controls in lines and steps are shown as what they are, in the list, in full, and when searched for."""
    async with Walker.at(make_app(store_url), (80, 24)) as walker:
        screen = await opened(walker, "order-1041")
        shown = [walker.text()]
        screen.narrow(LogFilter(text="\x1b[2J"))
        await walker.still()
        shown.append(walker.text())
        assert screen.table.count
    for text in shown:
        assert "\\x1b[2J" in text
        assert visible(text) == text


# -- by the hundred thousand ------------------------------------------------------------------------------------------
class Counted(Engine):
    """Counts the pages that are read, and the lines in them."""

    pages = lines = 0

    @classmethod
    async def with_lines(cls, url: str, number: int, line: Callable[[int], LogLine]) -> Counted:
        store = open_store(url)
        await store.open()
        [like] = await store.list_executions(ExecutionFilter(id_prefix="greet-1"))
        start = Start(row=structs.replace(like, id="long"), events=await store.read_history("greet-1"))
        await store.commit(Batch(id="long", starts=[start], logs=[line(each) for each in range(number)]))
        engine = cls(store, make_codec())
        read = store.read_logs

        async def counted(execution_id: str, *, after_id: int = 0, limit: int = 1000) -> list[tuple[int, LogLine]]:
            found = await read(execution_id, after_id=after_id, limit=limit)
            engine.pages += 1
            engine.lines += len(found)
            return found

        store.read_logs = counted  # type: ignore[method-assign]
        return engine


def line_of(number: int) -> LogLine:
    level = "error" if number % 1_000 == 999 else "info"
    step = f"step{number % 7}"
    return LogLine(
        execution_id="long", number=1, step=step, attempt=1, level=level, at_us=number * 10, message=f"line {number}"
    )


async def test_a_hundred_thousand_lines_are_read_once_and_kept_as_a_few_bytes(store_url: str) -> None:
    """M7: each line is read once, by key; texts are kept of a few thousand, and read again where one looks."""
    engine = await Counted.with_lines(store_url, MANY, line_of)
    try:
        book = LogBook("long")
        while await book.read_on(engine):
            assert len(book._texts) <= TEXTS_KEPT
        assert (len(book), len(book.shown), engine.lines, engine.pages) == (MANY, MANY, MANY, MANY // PAGE + 1)
        assert book.line(10) is None
        await book.fetch(engine, range(10, 60))
        assert (engine.pages - MANY // PAGE - 1, engine.lines - MANY) == (1, 50)
        found = book.line(10)
        assert found is not None
        assert found.message == "line 10"
        engine.pages = 0
        book.narrow(LogFilter(step="step3", level="error"))
        assert [book.at_us(index) // 10 for index in range(3)] == [n for n in range(999, MANY, 1_000) if n % 7 == 3][:3]
        await book.fetch(engine, range(20))
        assert engine.pages == len(book.shown)  # they lie far apart: one line each
        book.narrow(LogFilter(text="line 9999"))
        while await book.read_on(engine):
            pass
        assert [book.at_us(index) // 10 for index in range(len(book.shown))] == [9_999, *range(99_990, 100_000)]
        assert len(book) == MANY
        assert (book.index_from(99_991 * 10), book.index_from(10**12), book.index_of(0)) == (2, 10, 0)
    finally:
        await engine.store.close()


async def test_a_hundred_thousand_lines_on_the_screen(store_url: str) -> None:
    """M7, W8: one stands at the newest, jumps to the oldest, and each line on the screen has its text."""
    engine = await Counted.with_lines(store_url, MANY, line_of)
    await engine.store.close()
    async with Walker.at(make_app(store_url), (120, 36)) as walker:
        screen = await opened(walker, "long")
        assert screen.table.cursor == MANY - 1
        assert "line 99999" in walker.text("#table")
        for key, text in (("home", "line 0"), ("pagedown", "line 23"), ("end", "line 99998"), ("pageup", "line 99976")):
            await walker.press(key)
            assert text in walker.text("#table")
            assert "…" not in walker.text("#table")


async def test_lines_of_steps_at_once_are_put_in_order_of_time(store_url: str) -> None:
    """M7: a line that was stored later and written earlier stands above, also under a filter."""
    times = [30, 10, 20, 20, 5]
    engine = await Counted.with_lines(
        store_url, len(times), lambda number: structs.replace(line_of(number), at_us=times[number])
    )
    try:
        book = LogBook("long")
        for narrowed in (LogFilter(), LogFilter(level="info"), LogFilter(text="line")):
            book.narrow(narrowed)
            while await book.read_on(engine):
                pass
            assert list(book.shown) == [4, 1, 2, 3, 0]
    finally:
        await engine.store.close()


async def test_a_filter_that_changes_while_a_page_is_read(store_url: str) -> None:
    """M7: what was asked for first is thrown away, and nothing is counted twice."""
    engine = await Counted.with_lines(store_url, 10, line_of)
    try:
        book = LogBook("long")
        read = engine.store.read_logs

        async def interrupted(execution_id: str, *, after_id: int = 0, limit: int = 1000) -> list[tuple[int, LogLine]]:
            found = await read(execution_id, after_id=after_id, limit=limit)
            if book.filter.text != "line 7":
                book.narrow(LogFilter(text="line 7"))
            return found

        engine.store.read_logs = interrupted  # type: ignore[method-assign]
        while await book.read_on(engine):
            pass
        assert (len(book), list(book.shown)) == (10, [7])
    finally:
        await engine.store.close()
