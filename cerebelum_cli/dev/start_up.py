"""The first lines of `cerebelum dev`: what it runs, where it keeps it, and which keys there are."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

import cerebelum
from cerebelum.engine.application.reloading import FileOutcome
from cerebelum_cli.dev.dev_store import counted
from cerebelum_cli.dev.libraries import RESTARTED
from cerebelum_cli.dev.voice import Voice

KEYS = "h help, o TUI, r run the last one again, s skip a timer, p pause timers, q quit"
HELP = (
    "o  the terminal interface        r  run the last one again, with the same input",
    "s  skip the next timer            p  pause timers, or let them go on",
    "c  executions on older code: keep or cancel",
    "l  log level: warning, info, debug",
    "q  quit (Ctrl-C does, too): everything is kept, and goes on next time",
    "from another terminal: cerebelum start NAME -i key=value, list, show ID, logs -f ID, replay ID",
)


class Ready(Struct, frozen=True, kw_only=True):
    """What there is to say once everything runs."""

    ready_us: int
    store: str
    executions: int
    resumed: int
    elsewhere: dict[str, int]  # workflow -> open executions whose code is not here
    outcomes: Sequence[FileOutcome]
    speed: float
    has_keys: bool
    restarted: bool
    put_aside: str = ""
    watched: Sequence[str] = ()


class Stopwatch:
    """Measures from the start of the process: what the interpreter and imports took until now is its processor time."""

    def __init__(self) -> None:
        # A process that took another's place goes on with the processor time of that one.
        self._before_s = 0.0 if RESTARTED in os.environ else time.process_time()
        self._begun_s = time.monotonic()

    def elapsed_us(self) -> int:
        """Return how long it has been."""
        return round((self._before_s + time.monotonic() - self._begun_s) * 1e6)


def announce(voice: Voice, ready: Ready) -> None:
    """Say it."""
    names = sorted({name for outcome in ready.outcomes for name in outcome.workflows})
    files = [outcome.shown for outcome in ready.outcomes if outcome.workflows]
    again = "began anew" if ready.restarted else "ready"
    lines = [f"cerebelum {cerebelum.__version__}  {again} in {ready.ready_us / 1000:.0f} ms"]
    lines += [f"fresh    {ready.put_aside}"] if ready.put_aside else []
    lines.append(f"store    {ready.store} ({_held(ready)})")
    if names:
        lines.append(f"flows    {', '.join(names)}      from {_patterns(files)}")
    else:
        lines.append(f"flows    none yet: save a file with a function under @workflow in {', '.join(ready.watched)}")
    lines += [
        f"         {counted(count, 'open execution')} of {name!r}, which no file here declares: kept, not run"
        for name, count in sorted(ready.elsewhere.items())
    ]
    if names and not ready.executions:
        lines.append(
            f"start    cerebelum start {names[0]}      in another terminal" + (", or press r" if ready.has_keys else "")
        )
    lines += [f"speed    timers run {ready.speed:g} times as fast"] if ready.speed != 1 else []
    lines += [f"keys     {KEYS}"] if ready.has_keys else []
    voice.block(
        lines, "ready", version=cerebelum.__version__, ready_ms=ready.ready_us / 1000, store=ready.store,
        executions=ready.executions, resumed=ready.resumed, elsewhere=ready.elsewhere, workflows=names, files=files,
        speed=ready.speed, restarted=ready.restarted, put_aside=ready.put_aside or None,
    )  # fmt: skip


def _held(ready: Ready) -> str:
    resumed = f", {ready.resumed} resumed" if ready.resumed else ""
    return f"{counted(ready.executions, 'execution')}{resumed}"


def _patterns(files: Sequence[str]) -> str:
    """Return the files of each folder together: `flows/*.py`, where there are several."""
    folders: dict[tuple[Path, str], list[str]] = {}
    for file in files:
        folders.setdefault((Path(file).parent, Path(file).suffix), []).append(file)
    return ", ".join(
        shown[0] if len(shown) == 1 else str(folder / f"*{suffix}") for (folder, suffix), shown in folders.items()
    )
