"""Schedules as lines: what one says of itself, its coming fires, what became of the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cerebelum.engine.domain.schedules.coming import Coming
from cerebelum.engine.domain.schedules.rules import Cron
from cerebelum.engine.domain.schedules.schedule import ScheduleRun
from cerebelum.engine.domain.schedules.wording import interval, local_text, offset, wall, when, zone_of
from cerebelum.engine.domain.words import duration
from cerebelum.engine.runtime.rendering import mask_json, render
from cerebelum.tui.lines import Line, Piece
from cerebelum.tui.marks import of_status
from cerebelum.tui.schedules.board import ScheduleLook
from cerebelum.tui.themes import Ink

STATES: dict[str, tuple[str, Ink]] = {
    "active": ("◷", "good"),
    "paused": ("‖", "wait"),
    "done": ("✓", "dim"),
    "no-node": ("▲", "bad"),
}
_OUTCOMES: dict[str, tuple[str, Ink]] = {
    "started": ("▸", "busy"),
    "triggered": ("▸", "accent"),
    "backfilled": ("▸", "accent"),
    "queued": ("…", "wait"),
    "skipped": ("⊘", "dim"),
    "missed": ("✗", "bad"),
}
_SOON_US = 48 * 3_600 * 1_000_000


def outcome(run: ScheduleRun | None, status: str) -> tuple[str, Ink]:
    """Return what became of a fire, in one sign and word: the status of what it started, else what was decided."""
    if run is None:
        return "", "dim"
    if status:
        sign, ink = of_status(status)
        return f"{sign} {status}", ink
    sign, ink = _OUTCOMES.get(run.outcome, ("?", "dim"))
    return f"{sign} {run.outcome}", ink


def next_text(look: ScheduleLook) -> str:
    """Return its next fire on its own wall clock."""
    if not look.row.enabled or look.row.next_run_at_us is None:
        return ""
    return local_text(look.row.next_run_at_us, look.zone)


def about(look: ScheduleLook) -> Iterator[Line]:
    """Yield what `cerebelum schedule show` says."""
    row, spec = look.row, look.row.spec
    sign, ink = STATES[look.state]
    why = row.paused_reason if not row.enabled else look.problem
    yield [Piece(row.name, "strong"), Piece(f"  {sign} {look.state}", ink), Piece(f"  {why}" if why else "", "bad" if look.problem else "dim")]  # fmt: skip
    origin = f"from {row.module}" if row.module else "put by hand"
    yield [Piece("workflow  ", "dim"), Piece(row.workflow), Piece(f"  {origin}", "dim")]
    zone = f"  {zone_of(spec.rule)}" if isinstance(spec.rule, Cron) else ""
    yield [Piece("when      ", "dim"), Piece(when(spec.rule)), Piece(zone, "dim")]
    if spec.input:
        yield [Piece("input     ", "dim"), Piece(render(mask_json(spec.input)))]
    more = [f"overlap {spec.overlap}", f"catch up {spec.catch_up}"]
    more += [f"queue {spec.queue}"] if spec.queue else []
    more += [f"jitter up to {interval(spec.jitter_us)}"] if spec.jitter_us else []
    more += [f"{row.waiting} waiting"] if row.waiting else []
    yield [Piece("how       ", "dim"), Piece(" · ".join(more), "dim")]
    if look.last is not None:
        said, ink = outcome(look.last, look.last_status)
        yield [
            Piece("last      ", "dim"), Piece(said, ink), Piece(f"  {local_text(look.last.fire_at_us, look.zone)}"),
            Piece(f"  {look.last.execution_id or look.last.reason}", "dim"),
        ]  # fmt: skip


def fire_cells(fire: Coming, now_us: int, *, is_paused: bool) -> Sequence[tuple[str, Ink]]:
    """Return a coming fire as the cells of a table."""
    ahead = fire.at_us - now_us
    return (
        (f"{wall(fire.local)} {offset(fire.local)}", "text"),
        ("‖ if resumed", "wait") if is_paused else ("◷ to come", "accent"),
        (f"in {duration(ahead)}" if 0 <= ahead < _SOON_US else "", "dim"),
        (fire.note, "wait"),
    )


def run_cells(run: ScheduleRun, status: str, look: ScheduleLook) -> Sequence[tuple[str, Ink]]:
    """Return what became of a fire as the cells of a table."""
    said, ink = outcome(run, status)
    return (
        (local_text(run.fire_at_us, look.zone), "text"),
        (said, ink),
        (run.execution_id or "", "text"),
        (run.reason, "dim"),
    )
