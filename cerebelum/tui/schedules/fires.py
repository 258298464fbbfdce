"""One schedule: its next ten fires, the nearest last, and below them what became of the last ones, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from cerebelum.engine.application.cluster import who_runs
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.schedules import Schedules
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.schedules.coming import Coming, coming_fires
from cerebelum.engine.domain.schedules.schedule import ScheduleRun
from cerebelum.tui.base_screen import Keys, first_line
from cerebelum.tui.lines import Line
from cerebelum.tui.list_screen import EVERYWHERE_KEYS, WALK_KEYS
from cerebelum.tui.schedules.acting import ACT_KEYS, ScheduleActions
from cerebelum.tui.schedules.board import ScheduleLook, status_of
from cerebelum.tui.schedules.words import about, fire_cells, run_cells
from cerebelum.tui.tables import Column, Row
from cerebelum.tui.themes import Ink

_COMING = 10
_RUNS = 100


class _Read(Struct, frozen=True):
    look: ScheduleLook
    coming: list[Coming]
    runs: list[tuple[ScheduleRun, str]]
    now_us: int


class FiresScreen(ScheduleActions):
    """What a schedule will do, and what it has done.

    Args:
        name: of the schedule.
    """

    KEY_PAGE_TITLE = "Schedule"
    KEY_PAGE: ClassVar[Sequence[tuple[str, Keys]]] = (
        ("Walk", (*WALK_KEYS, ("enter", "open the replay of what a fire started"))),
        ("Act", ACT_KEYS),
        ("Everywhere", EVERYWHERE_KEYS),
    )
    COLUMNS: ClassVar[Sequence[Column]] = (
        Column("FIRE"),
        Column("OUTCOME"),
        Column("EXECUTION", most=60),
        Column("NOTE", rank=1, takes_rest=True),
    )
    STATUS_KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("enter", "replay"), ("p", "pause"), ("r", "resume"), ("t", "trigger"), ("delete", "remove"), ("?", "help"),
        ("q", "back"),
    )  # fmt: skip
    NOTHING = "it fires no more, and never did"

    def __init__(self, name: str) -> None:
        super().__init__()
        self._schedule_name = name
        self._read: _Read | None = None

    @property
    def look(self) -> ScheduleLook | None:
        """The schedule."""
        return self._read.look if self._read is not None else None

    async def removed(self) -> None:
        """Go back: there is nothing left to show."""
        if self.app.screen is self:
            await self.action_leave()

    async def read_rows(self) -> bool:
        """Read what is to come, and what was."""
        try:
            found = await self.cerebelum.read(self._look)
        except CerebelumError as error:  # removed while one looks at it
            self.has_read = True
            self.refuse(first_line(error))
            return False
        if found is None:
            return False
        is_first, self._read = self._read is None, found
        is_paused = not found.look.row.enabled
        coming = [
            Row(("coming", fire.at_us), fire_cells(fire, found.now_us, is_paused=is_paused))
            for fire in reversed(found.coming)
        ]
        runs = [Row(("run", run.fire_at_us), run_cells(run, status, found.look)) for run, status in found.runs]
        self.table.show_rows([*coming, *runs])
        if is_first:
            self.table.move_to(len(coming) if runs else len(coming) - 1)
        return True

    async def _look(self, engine: Engine) -> _Read:
        schedules = Schedules(engine)
        row = await schedules.get(self._schedule_name)
        runs = await schedules.runs(self._schedule_name, _RUNS)
        fires = row.enabled and row.next_run_at_us is not None
        problem = await who_runs(engine, row.workflow) or "" if fires else ""
        told = [(run, await status_of(engine, run)) for run in runs]
        last, status = told[0] if told else (None, "")
        look = ScheduleLook(row=row, problem=problem, last=last, last_status=status)
        now_us = await engine.store.now_us()
        after_us = max(now_us, row.progress.decided_until_us)
        coming = coming_fires(row.spec.rule, after_us=after_us, count=_COMING, zone=look.zone)
        return _Read(look, coming, told, now_us)

    def heading(self) -> Sequence[tuple[str, Ink]]:
        """Return which schedule it is."""
        return [("schedule ", "dim"), (self._schedule_name, "strong")]

    def preview(self) -> Sequence[Line]:
        """Return what the schedule says of itself."""
        return list(about(self._read.look)) if self._read is not None else []

    def show_preview(self) -> None:
        """The schedule's own lines stand there also where it never fires."""
        from cerebelum.tui.lines import TextPane

        self.query_one("#preview", TextPane).show(self.preview())

    async def open_selected(self) -> None:
        """Open the replay of what a fire started."""
        found, key = self._read, self.table.selected
        if found is None or not isinstance(key, tuple):
            return
        run = next((run for run, _ in found.runs if ("run", run.fire_at_us) == key), None)
        if run is None:
            self.say("this fire is still to come")
        elif run.execution_id is None:
            self.say(f"nothing was started: {run.reason or run.outcome}")
        else:
            await self.cerebelum.open_replay(run.execution_id)
