"""What was printed and logged, line by line as it is looked at; what came after the event one stands at is faint."""

from __future__ import annotations

from cerebelum.engine.domain.words import duration
from cerebelum.engine.ports.store import LogLine
from cerebelum.engine.runtime.masking import mask_text
from cerebelum.tui.lines import Line, Piece, TextPane
from cerebelum.tui.replay.panes import pieces_of
from cerebelum.tui.replay.past import Past
from cerebelum.tui.themes import Ink

_LEVELS: dict[str, Ink] = {"error": "bad", "critical": "bad", "stderr": "bad", "warning": "wait", "debug": "faint"}


class LogPane(TextPane):
    """All captured lines."""

    def __init__(self, past: Past) -> None:
        super().__init__(id="logs")
        self._past = past
        self._at_us = self._start_us = 0

    def show_logs(self, version: int) -> None:
        """Show them as they are seen from an event."""
        index, logs = self._past.index, self._past.logs
        self._at_us = index.events[version - 1].at_us if version else 0
        self._start_us = index.events[0].at_us if len(index) else 0
        before = sum(log.at_us <= self._at_us for log in logs)
        if logs:
            self.resize_to(len(logs))
            self.scroll_to(y=max(0, before - max(1, self.size.height)), animate=False, force=True)
        else:
            self.show(pieces_of("nothing was printed or logged"))
        self.border_title = f"logs · {before:,} of {len(logs):,} so far" if logs else "logs"

    def line_at(self, index: int, width: int) -> Line:
        """Return a captured line."""
        logs = self._past.logs
        return self._line(logs[index]) if index < len(logs) else super().line_at(index, width)

    def _line(self, log: LogLine) -> Line:
        is_future = log.at_us > self._at_us
        level = log.level.removeprefix("std")
        return [
            Piece(f"{duration(max(0, log.at_us - self._start_us)):>7} ", "faint" if is_future else "dim"),
            Piece(f"{level:<8}", "faint" if is_future else _LEVELS.get(log.level, "dim")),
            Piece(f"{log.step} ", "faint" if is_future else "busy"),
            Piece(mask_text(log.message), "faint" if is_future else "text"),
        ]

    @property
    def text(self) -> str:
        """All of it, as it would be copied."""
        lines = [self._line(log) for log in self._past.logs] or self.lines
        return "\n".join("".join(piece.text for piece in line).rstrip() for line in lines)
