"""Schedules: what starts by itself, when next on its own wall clock, and what came of it last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from cerebelum.engine.domain.schedules.coming import coming_fires
from cerebelum.engine.domain.schedules.wording import when
from cerebelum.tui.base_screen import Keys
from cerebelum.tui.lines import Line, Piece
from cerebelum.tui.list_screen import EVERYWHERE_KEYS, WALK_KEYS
from cerebelum.tui.schedules.acting import ACT_KEYS, ScheduleActions
from cerebelum.tui.schedules.board import Board, ScheduleLook
from cerebelum.tui.schedules.words import STATES, about, next_text, outcome
from cerebelum.tui.tables import Column, Row
from cerebelum.tui.themes import Ink

_NEXT_SHOWN = 3


class SchedulesScreen(ScheduleActions):
    """All schedules."""

    KEY_PAGE_TITLE = "Schedules"
    KEY_PAGE: ClassVar[Sequence[tuple[str, Keys]]] = (
        ("Walk", (*WALK_KEYS, ("enter", "the next ten fires, and what became of the last"))),
        ("Act", ACT_KEYS),
        ("Everywhere", EVERYWHERE_KEYS),
        ("Marks", tuple((sign, state) for state, (sign, _) in STATES.items())),
    )
    COLUMNS: ClassVar[Sequence[Column]] = (
        Column("NAME", most=30),
        Column("WHEN", most=24, rank=4),
        Column("NEXT", rank=5),
        Column("LAST", rank=3),
        Column("STATE"),
        Column("WORKFLOW", most=30, rank=1),
    )
    STATUS_KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("enter", "fires"), ("p", "pause"), ("r", "resume"), ("t", "trigger"), ("delete", "remove"), ("?", "help"),
        ("q", "back"), ("y", "copy name"),
    )  # fmt: skip
    NOTHING = 'no schedules; declare one: @cron("0 9 * * *") above @workflow, then: cerebelum worker'

    def __init__(self) -> None:
        super().__init__()
        self._board = Board()
        self.looks: dict[str, ScheduleLook] = {}
        self.now_us = 0

    @property
    def look(self) -> ScheduleLook | None:
        """The schedule under the cursor."""
        return self.looks.get(str(self.table.selected))

    async def read_rows(self) -> bool:
        """Read all of them."""
        found = await self.cerebelum.read(self._board.read)
        if found is None:
            return False
        self.now_us = await self.cerebelum.read(lambda engine: engine.store.now_us()) or self.now_us
        self.looks = {look.row.name: look for look in found}
        self.table.show_rows(Row(name, _cells(look)) for name, look in self.looks.items())
        return True

    def heading(self) -> Sequence[tuple[str, Ink]]:
        """Return how many there are, and in which state."""
        parts: list[tuple[str, Ink]] = [("schedules", "strong"), (f"  {self.cerebelum.store_name}", "dim")]
        if self.has_read:
            parts.append((f"  {len(self.looks):,}", "strong"))
        for state, (sign, ink) in STATES.items():
            if count := sum(look.state == state for look in self.looks.values()):
                parts += [(f"  {sign} {count:,}", ink), (f" {state}", "dim")]
        return parts

    def preview(self) -> Sequence[Line]:
        """Return what the schedule says of itself, and its next fires."""
        look = self.look
        if look is None:
            return []
        lines = list(about(look))
        row = look.row
        after_us = max(self.now_us, row.progress.decided_until_us)
        fires = coming_fires(row.spec.rule, after_us=after_us, count=_NEXT_SHOWN, zone=look.zone)
        for number, fire in enumerate(fires):
            paused = "" if row.enabled else "  would fire: it is paused"
            note = fire.note or paused
            lines.append(
                [Piece("next      " if not number else " " * 10, "dim"),
                 Piece(f"{fire.local:%a %Y-%m-%d %H:%M:%S %Z}", "text" if row.enabled else "faint"),
                 Piece(f"  {note}" if note else "", "wait")]
            )  # fmt: skip
        return lines

    async def open_selected(self) -> None:
        """Show its fires."""
        from cerebelum.tui.schedules.fires import FiresScreen

        if (look := self.look) is not None:
            await self.app.push_screen(FiresScreen(look.row.name))


def _cells(look: ScheduleLook) -> Sequence[tuple[str, Ink]]:
    sign, ink = STATES[look.state]
    said, last_ink = outcome(look.last, look.last_status)
    return (
        (look.row.name, "strong"),
        (when(look.row.spec.rule), "text"),
        (next_text(look), "text"),
        (said, last_ink),
        (f"{sign} {look.state}", ink),
        (look.row.workflow, "dim"),
    )
