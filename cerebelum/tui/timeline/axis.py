"""Instants and cells: an axis of time on which idle stretches are folded, so that what ran has the room.

Pure arithmetic. Between its breakpoints the axis is linear; a fold takes `FOLD_CELLS`, however long it lasted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from heapq import nlargest
from typing import NamedTuple

FOLD_CELLS = 11
_FOLDS_MOST = 2_000
_WORTH_CELLS = FOLD_CELLS + 4  # an idle time that would take fewer cells stays as it is
_WORTH_SHARE = 4  # and so does one that is shorter than this part of all that ran
_TICK_CELLS = 12  # at least, between two labels
_STEPS_US = (
    *(n * 10**power for power in range(6) for n in (1, 2, 5)),
    *(s * 1_000_000 for s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)),
)


class Fold(NamedTuple):
    """An idle time that is shown in `FOLD_CELLS` cells from `cell` on."""

    from_us: int
    to_us: int
    cell: int


class Axis:
    """Maps the time from `start_us` to `end_us` onto `cells` cells.

    Args:
        idle: times in which nothing ran, in any order.
        cells: of the whole axis, also where it is wider than the screen.
    """

    def __init__(self, start_us: int, end_us: int, idle: Sequence[tuple[int, int]], cells: int) -> None:
        self.start_us, self.end_us, self.cells = start_us, max(end_us, start_us + 1), max(cells, 1)
        folded, scale = self._choose(idle)
        self.cells_per_us = scale
        self.folds: list[Fold] = []
        self._times, self._at = [start_us], [0.0]
        for from_us, to_us in sorted(folded):
            self._advance(from_us, scale)
            self.folds.append(Fold(from_us, to_us, int(self._at[-1])))
            self._times.append(to_us)
            self._at.append(self._at[-1] + FOLD_CELLS)
        self._advance(self.end_us, scale)

    def _choose(self, idle: Sequence[tuple[int, int]]) -> tuple[list[tuple[int, int]], float]:
        """Return what is folded, longest first, and the cells of a microsecond that is not."""
        left_us, left_cells = self.end_us - self.start_us, float(self.cells)
        busy_us = left_us - sum(to_us - from_us for from_us, to_us in idle)
        folded: list[tuple[int, int]] = []
        for gap in nlargest(_FOLDS_MOST, idle, key=lambda each: each[1] - each[0]):
            length_us = gap[1] - gap[0]
            if length_us * left_cells / left_us < _WORTH_CELLS or left_cells - FOLD_CELLS < self.cells / 3:
                break
            if length_us >= left_us or length_us * _WORTH_SHARE < busy_us:
                break
            folded.append(gap)
            left_us, left_cells = left_us - length_us, left_cells - FOLD_CELLS
        return folded, left_cells / left_us

    def _advance(self, at_us: int, scale: float) -> None:
        self._at.append(self._at[-1] + max(0, at_us - self._times[-1]) * scale)
        self._times.append(max(at_us, self._times[-1]))

    def cell(self, at_us: int) -> int:
        """Return the cell that an instant lies in, 0 to `cells` - 1; those outside are at the ends."""
        if at_us <= self.start_us:
            return 0
        if at_us >= self.end_us:
            return self.cells - 1
        after = bisect_right(self._times, at_us)
        before_us, next_us = self._times[after - 1], self._times[after]
        part = (at_us - before_us) / (next_us - before_us)
        cell = self._at[after - 1] + part * (self._at[after] - self._at[after - 1])
        return max(0, min(int(cell + 1e-6), self.cells - 1))

    def instant_us(self, cell: float) -> int:
        """Return the instant at which a cell begins."""
        if cell <= 0:
            return self.start_us
        if cell >= self.cells:
            return self.end_us
        after = min(bisect_right(self._at, cell), len(self._at) - 1)
        before_cell, next_cell = self._at[after - 1], self._at[after]
        part = (cell - before_cell) / (next_cell - before_cell) if next_cell > before_cell else 0.0
        return self._times[after - 1] + round(part * (self._times[after] - self._times[after - 1]))

    def ticks(self, first_cell: int, cells: int) -> list[tuple[int, str]]:
        """Return (cell, label) of the marks within some cells: times since the beginning."""
        step_us = next((step for step in _STEPS_US if step * self.cells_per_us >= _TICK_CELLS), 0)
        while not step_us or step_us * self.cells_per_us < _TICK_CELLS:
            step_us = (step_us or _STEPS_US[-1]) * 2
        found: list[tuple[int, str]] = []
        low_us, high_us = self.instant_us(first_cell), self.instant_us(first_cell + cells)
        folds = iter([*(fold for fold in self.folds if fold.to_us > low_us), None])
        fold = next(folds)
        number, free_from = -(-(low_us - self.start_us) // step_us), first_cell
        while (at_us := self.start_us + number * step_us) <= high_us:
            if fold is not None and at_us >= fold.from_us:
                if at_us <= fold.to_us:
                    number = (fold.to_us - self.start_us) // step_us + 1
                free_from = max(free_from, fold.cell + FOLD_CELLS + 1)
                fold = next(folds)
                continue
            cell, label = self.cell(at_us), tick_text(number * step_us, step_us)
            room_to = fold.cell if fold is not None else first_cell + cells
            if cell >= free_from and cell + len(label) + 1 <= room_to:
                found.append((cell, label))
                free_from = cell + len(label) + 2
            number += 1
        return found


def tick_text(after_us: int, step_us: int) -> str:
    """Return an instant after the beginning as its tick says it, as exact as the ticks are apart."""
    if after_us < 1_000_000 and step_us < 1_000_000:
        if after_us == 0:
            return "0"
        if step_us >= 1_000:
            return f"{after_us // 1_000}ms"
        return f"{after_us}µs" if after_us < 1_000 else f"{after_us / 1_000:g}ms"
    if step_us < 1_000_000:
        return f"{after_us / 1_000_000:.{6 if step_us < 1_000 else 3 if step_us < 100_000 else 1}f}s"
    return long_text(after_us)


def long_text(duration_us: int) -> str:
    """Return a duration of whole seconds and more, exactly: `58s`, `1m02s`, `3h05m`, `12d04h`."""
    seconds = duration_us // 1_000_000
    if seconds < 60:
        return f"{seconds}s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m{seconds:02}s" if seconds else f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}h{minutes:02}m{seconds:02}s" if seconds else f"{hours}h{minutes:02}m"
    days, hours = divmod(hours, 24)
    return f"{days:,}d{hours:02}h"


def short_text(duration_us: int) -> str:
    """Return a duration in seven cells at most: `850µs`, `46ms`, `2.79s`, `58s`, `1m02s`, `3h05m`, `12d04h`."""
    if duration_us < 1_000:
        return f"{duration_us}µs"
    if duration_us < 1_000_000:
        return f"{duration_us / 1_000:.0f}ms" if duration_us >= 10_000 else f"{duration_us / 1_000:.1f}ms"
    if duration_us < 60_000_000:
        digits = 2 if duration_us < 10_000_000 else 1
        return f"{duration_us / 1_000_000:.{digits}f}".rstrip("0").rstrip(".") + "s"
    if duration_us < 3_600_000_000:
        return long_text(duration_us)
    if duration_us < 172_800_000_000:
        return long_text(duration_us - duration_us % 60_000_000)
    return long_text(duration_us)


def fold_text(duration_us: int, width: int = FOLD_CELLS, *, around: str = " ") -> str:
    """Return the sign of a fold, in the middle of `width` cells: `⋯ 58s ⋯`."""
    return f"⋯ {short_text(duration_us)} ⋯".center(width, around)[:width]
