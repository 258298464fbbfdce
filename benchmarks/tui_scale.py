"""T1 to T5: the terminal interface on a million executions and a history of 50,000 events, in a terminal of its own.

What is measured is what somebody sees: from the start of the process, a key, or another process' commit until it is drawn.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path

from benchmarks.sizes import Sizes
from benchmarks.start_up import bare_ms
from benchmarks.terminal import COLUMNS, ROWS, Terminal
from benchmarks.tui_stores import LONG, newest, store_of
from benchmarks.workloads import Metrics, check, percentile

_MARK = "▌ "  # before the execution that the mark is on
_EVENT = re.compile(r"event ([\d,]+)/")
_QUIET_S, _QUIET_MOST_S = 0.06, 0.4
_PAGE_DOWN, _PAGE_UP, _HOME, _END = b"\x1b[6~", b"\x1b[5~", b"\x1b[H", b"\x1b[F"
_LIST_KEYS = (b"j", b"j", _PAGE_DOWN, b"j", b"k", _PAGE_DOWN, _PAGE_UP, b"k", _END, b"k", _PAGE_UP, _HOME)
_EVENT_KEYS = (b"k", b"k", _PAGE_UP, b"j", b"k", _PAGE_UP, _PAGE_DOWN, b"k", _HOME, b"j", _PAGE_DOWN, b"j", _END)


def t1_open_list(folder: Path, sizes: Sizes) -> Metrics:
    """From the application's making, and from the start of its process, until the newest executions can be seen."""
    file = store_of(folder, sizes.tui_executions, sizes.tui_steps)
    wanted = newest(sizes.tui_executions)
    inside_ms = [asyncio.run(_shown_ms(file, None, lambda text: wanted in text)) for _ in range(sizes.tui_opens + 1)]
    over_ms = _over_bare_ms(folder, sizes, lambda: _list(file, wanted))
    return {
        "count": sizes.tui_executions,
        "shown_ms": statistics.median(inside_ms[1:]),
        "process_over_bare_ms": over_ms,
    }


def t2_open_history(folder: Path, sizes: Sizes) -> Metrics:
    """The same for the replay of a long history: until its newest event stands there."""
    file = store_of(folder, sizes.tui_executions, sizes.tui_steps)
    events = _event_count(file)
    inside_ms = [
        asyncio.run(_shown_ms(file, LONG, lambda text: _events_in(text) == [events]))
        for _ in range(sizes.tui_opens + 1)
    ]
    over_ms = _over_bare_ms(folder, sizes, lambda: _history(file))
    return {"count": events, "shown_ms": statistics.median(inside_ms[1:]), "process_over_bare_ms": over_ms}


def t3_keys(folder: Path, sizes: Sizes) -> Metrics:
    """From a key until the mark is drawn where it belongs; in the history from the first moment, while frames are made."""
    file = store_of(folder, sizes.tui_executions, sizes.tui_steps)
    list_ms = _walk_list(file, sizes)[0]
    event_ms = _walk_history(file, sizes)[0]
    return {
        "count": sizes.tui_keys,
        "list_p50_ms": percentile(list_ms, 50), "list_p95_ms": percentile(list_ms, 95),
        "history_p50_ms": percentile(event_ms, 50), "history_p95_ms": percentile(event_ms, 95),
    }  # fmt: skip


def t4_memory(folder: Path, sizes: Sizes) -> Metrics:
    """The most memory that the process had: the list walked, and the history with all its frames."""
    file = store_of(folder, sizes.tui_executions, sizes.tui_steps)
    return {"count": sizes.tui_keys, "list_mb": _walk_list(file, sizes)[1], "history_mb": _walk_history(file, sizes)[1]}


def t5_live(folder: Path, sizes: Sizes) -> Metrics:
    """From another process' commit until the changed execution is drawn anew."""
    file = store_of(folder, sizes.tui_executions, sizes.tui_steps)
    wanted, taken_ms = newest(sizes.tui_executions), []
    with _list(file, wanted) as terminal, closing(sqlite3.connect(file, isolation_level=None)) as writer:
        terminal.rest(0.5, most_s=5)
        for number in range(sizes.tui_updates):
            step = f"update-{number}."
            terminal.type(b"")
            changed = writer.execute("UPDATE executions SET current_step = ? WHERE id = ?", (step, wanted))
            committed_s = time.perf_counter()
            check([changed.rowcount], [1])
            taken_ms.append((terminal.until(lambda text, step=step: step in text) - committed_s) * 1000)  # type: ignore[misc]
            terminal.rest(_QUIET_S, most_s=_QUIET_MOST_S)
    return {"count": sizes.tui_updates, "p50_ms": percentile(taken_ms, 50), "p95_ms": percentile(taken_ms, 95)}


WORKLOADS: Mapping[str, Callable[[Path, Sizes], Metrics]] = {
    "T1": t1_open_list,
    "T2": t2_open_history,
    "T3": t3_keys,
    "T4": t4_memory,
    "T5": t5_live,
}


async def _shown_ms(file: Path, execution_id: str | None, shows: Callable[[str], bool]) -> float:
    """Return how long the application takes until the screen shows something. The first one imports it: leave it out."""
    from cerebelum.tui.app import CerebelumApp
    from cerebelum_cli.composition import opened, reading

    url, ended_s = f"sqlite:///{file}", 0.0
    began_s = time.perf_counter()
    app = CerebelumApp(lambda: reading(url), lambda: opened(url), store_name=file.name, execution_id=execution_id)

    async def look(_: object) -> None:
        nonlocal ended_s
        async with asyncio.timeout(60):
            while not shows("\n".join(strip.text for strip in app.screen._compositor.render_strips())):  # noqa: SLF001, ASYNC110 - it tells nobody
                await asyncio.sleep(0.002)
        ended_s = time.perf_counter()
        app.exit()

    await app.run_async(headless=True, size=(COLUMNS, ROWS), auto_pilot=look)
    if not ended_s:
        raise AssertionError("the application ended before it showed anything")
    return (ended_s - began_s) * 1000


def _over_bare_ms(folder: Path, sizes: Sizes, open_: Callable[[], Terminal]) -> float:
    """Return the median of starting the process until it shows what `open_` waits for, over a bare Python's."""
    with open_():
        pass  # compiles what it imports
    bare, shown = [], []
    for _ in range(sizes.tui_opens):
        bare.append(bare_ms(folder))
        with open_() as terminal:
            shown.append((time.perf_counter() - terminal.begun_s) * 1000)
    return statistics.median(shown) - statistics.median(bare)


def _tui(file: Path, *words: str) -> Terminal:
    return Terminal([sys.executable, "-m", "cerebelum_cli", "tui", *words, "--store", str(file)], file.parent)


def _list(file: Path, wanted: str) -> Terminal:
    """Return the list, once it is shown."""
    terminal = _tui(file)
    terminal.until(lambda text: wanted in text)
    return terminal


def _history(file: Path) -> Terminal:
    terminal = _tui(file, LONG)
    events = _event_count(file)
    terminal.until(lambda text: events in _events_in(text))
    return terminal


def _walk_list(file: Path, sizes: Sizes) -> tuple[list[float], float]:
    with _list(file, newest(sizes.tui_executions)) as terminal:
        terminal.rest(0.5, most_s=5)
        taken_ms = []
        for key in _some(_LIST_KEYS, sizes.tui_keys):
            began_s = terminal.type(key)
            taken_ms.append((terminal.until(lambda text: _MARK in text) - began_s) * 1000)
            terminal.rest(_QUIET_S, most_s=_QUIET_MOST_S)
        return taken_ms, terminal.peak_mb()


def _walk_history(file: Path, sizes: Sizes) -> tuple[list[float], float]:
    with _history(file) as terminal:
        terminal.rest(0.01, most_s=0.1)  # the rest of that picture
        taken_ms: list[float] = []
        at = _event_count(file)
        for key in _some(_EVENT_KEYS, sizes.tui_keys):
            began_s = terminal.type(key)

            def has_moved(text: str, before: int = at) -> bool:
                return any(number != before for number in _events_in(text))

            taken_ms.append((terminal.until(has_moved) - began_s) * 1000)
            at = _events_in(terminal.drawn())[-1]
            terminal.rest(_QUIET_S, most_s=_QUIET_MOST_S)
        terminal.rest(1, most_s=60)  # its last frames; every two seconds it looks for news
        return taken_ms, terminal.peak_mb()


def _events_in(text: str) -> Sequence[int]:
    return [int(number.replace(",", "")) for number in _EVENT.findall(text)]


def _some(keys: Sequence[bytes], count: int) -> Iterator[bytes]:
    return islice(cycle(keys), count)


def _event_count(file: Path) -> int:
    with closing(sqlite3.connect(file)) as store:
        return int(store.execute("SELECT last_version FROM executions WHERE id = ?", (LONG,)).fetchone()[0])
