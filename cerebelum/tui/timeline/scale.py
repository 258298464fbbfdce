"""The row above the chart: the time since the beginning, what is folded, and where one stands."""

from __future__ import annotations

from rich.text import Text
from textual.widget import Widget

from cerebelum.tui.themes import style
from cerebelum.tui.timeline.axis import FOLD_CELLS, fold_text
from cerebelum.tui.timeline.chart import MARK_CELLS, TOOK_CELLS, Chart

_HERE = "▼"


class Scale(Widget):
    """One line, over the columns of `chart`."""

    DEFAULT_CSS = "Scale { height: 1; }"

    def __init__(self, chart: Chart) -> None:
        super().__init__(id="scale")
        self._chart = chart

    def cells(self) -> str:
        """Return the part over the chart, without its looks."""
        chart, axis = self._chart, self._chart.axis
        line = [" "] * chart.plot_cells
        if axis is not None:
            for cell, label in axis.ticks(chart.left, len(line)):
                _write(line, cell - chart.left, f"╷{label}")
            for fold in axis.folds:
                if fold.cell < chart.left + len(line):
                    _write(line, fold.cell - chart.left, fold_text(fold.to_us - fold.from_us, FOLD_CELLS))
            if 0 <= chart.here_cell < len(line):
                line[chart.here_cell] = _HERE
        return "".join(line)

    def render(self) -> Text:
        """Return it."""
        theme, chart = self.app.theme, self._chart
        text = Text(no_wrap=True)
        text.append(
            " " * (MARK_CELLS + 2) + "what".ljust(chart.name_cells) + " " + "took".rjust(TOOK_CELLS) + " ",
            style(theme, "dim"),
        )
        for sign in self.cells():
            text.append(sign, style(theme, "accent" if sign == _HERE else "dim"))
        return text


def _write(line: list[str], cell: int, text: str) -> None:
    for at, letter in enumerate(text, cell):
        if 0 <= at < len(line) and letter != " ":
            line[at] = letter
