"""All log lines of an execution, by the hundred thousand: a few bytes for each, and the texts of those one looks at.

Lines are read forward in pages by key, each once, so that each is known by its number, its place and what a filter asks
for. The text of a line that is looked at later is read again by its key. A filter by text has to read all of them again,
page by page, and keeps none.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.log_levels import rank_of
from cerebelum.engine.ports.store import LogLine
from cerebelum.engine.runtime.masking import mask_text

PAGE = 1_000
TEXTS_KEPT = 4_000
TEXT_CHARS = 16_384  # of a line; the whole is one command away
_APART = 64  # lines between two that are read in one go rather than in two
LEVELS = ("debug", "info", "warning", "error")  # that one filters by


class LogFilter(Struct, frozen=True):
    """Which lines are shown: all conditions at once."""

    step: str | None = None
    level: str = LEVELS[0]  # from this one on
    text: str = ""

    def __bool__(self) -> bool:
        return self != LogFilter()

    def shows(self, line: LogLine) -> bool:
        """Return whether a line fits."""
        return (
            self.step in (None, line.step)
            and rank_of(line.level) >= rank_of(self.level)
            and self.text.casefold() in line.message.casefold()
        )


class LogBook:
    """`read_on` and `fetch` read; everything else answers from what was read. Lines are numbered from 0 in order of writing.

    Attributes:
        filter: set by `narrow`.
        shown: the numbers of the lines that pass it, in order of time.
        steps: the names of the steps that wrote, in order of appearance.
    """

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        self.filter = LogFilter()
        self.shown = array("L")
        self.steps: list[str] = []
        self._ids, self._times = array("q"), array("q")
        self._step_of, self._rank_of = array("H"), array("B")
        self._number_of_step: dict[str, int] = {}
        self._texts: OrderedDict[int, LogLine] = OrderedDict()
        self._read_to = 0  # lines that the filter has been asked about

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def is_settled(self) -> bool:
        """Whether the filter has been asked about every line that is known."""
        return self._read_to == len(self)

    # -- reading ------------------------------------------------------------------------------------------------------
    async def read_on(self, engine: Engine) -> bool:
        """Read the next page, and return whether there was one."""
        start, narrowed = self._read_to, self.filter
        after_id = self._ids[start - 1] if start else 0
        page = await engine.store.read_logs(self.execution_id, after_id=after_id, limit=PAGE)
        if self.filter is not narrowed or self._read_to != start:
            return True  # another filter was chosen meanwhile: begin again
        for number, (id_, line) in enumerate(page, start):
            if number >= len(self._ids):
                self._note(id_, line)
                self._keep(number, line)
            if self.filter.shows(line):
                self._show(number)
        self._read_to = start + len(page)
        return bool(page)

    def _note(self, id_: int, line: LogLine) -> None:
        number = self._number_of_step.get(line.step)
        if number is None:
            number = self._number_of_step[line.step] = min(len(self.steps), 65_535)
            self.steps.append(line.step)
        self._ids.append(id_)
        self._times.append(line.at_us)
        self._step_of.append(number)
        self._rank_of.append(rank_of(line.level))

    def _show(self, number: int) -> None:
        if not self.shown or self._place(self.shown[-1]) <= self._place(number):
            self.shown.append(number)
        else:  # of two steps at once, the later line was stored first
            insort(self.shown, number, key=self._place)

    def _place(self, number: int) -> tuple[int, int]:
        return self._times[number], number

    def _keep(self, number: int, line: LogLine) -> None:
        message = mask_text(line.message[:TEXT_CHARS])
        if len(line.message) > TEXT_CHARS:
            message += f" … {len(line.message) - TEXT_CHARS:,} characters more: cerebelum logs {self.execution_id}"
        self._texts[number] = replace(line, message=message, metadata=b"{}")
        self._texts.move_to_end(number)
        while len(self._texts) > TEXTS_KEPT:
            self._texts.popitem(last=False)

    async def fetch(self, engine: Engine, indexes: Sequence[int]) -> bool:
        """Read the texts of these places in `shown` that are not there; return whether any was."""
        wanted = sorted(number for number in self._numbers(indexes) if number not in self._texts)
        for first, last in _runs(wanted):
            after_id = self._ids[first - 1] if first else 0
            page = await engine.store.read_logs(self.execution_id, after_id=after_id, limit=last - first + 1)
            for number, (_, line) in enumerate(page, first):
                self._keep(number, line)
        return bool(wanted)

    def _numbers(self, indexes: Sequence[int]) -> Iterator[int]:
        return (self.shown[index] for index in indexes if 0 <= index < len(self.shown))

    # -- answers ------------------------------------------------------------------------------------------------------
    def narrow(self, wanted: LogFilter) -> None:
        """Show what passes another filter. One by text is answered by the next calls of `read_on`."""
        self.filter = wanted
        if wanted.text:
            self.shown, self._read_to = array("L"), 0
            return
        self._read_to = len(self)
        least = rank_of(wanted.level)
        step = None if wanted.step is None else self._number_of_step.get(wanted.step, -1)
        passing = (
            number
            for number, (of_step, rank) in enumerate(zip(self._step_of, self._rank_of, strict=True))
            if rank >= least and step in (None, of_step)
        )
        self.shown = array("L", sorted(passing, key=self._place))

    def line(self, index: int) -> LogLine | None:
        """Return the line at a place of `shown`; None: its text is to be fetched first."""
        return self._texts.get(self.shown[index]) if 0 <= index < len(self.shown) else None

    def at_us(self, index: int) -> int:
        """Return when the line at a place of `shown` was written."""
        return self._times[self.shown[index]]

    def index_from(self, at_us: int) -> int:
        """Return the place of the first shown line at or after an instant; the last one where there is none."""
        found = bisect_left(self.shown, at_us, key=lambda number: self._times[number])
        return min(found, max(0, len(self.shown) - 1))

    def index_of(self, number: int) -> int:
        """Return the place of a line, or of the next one that is shown."""
        found = bisect_left(self.shown, self._place(number), key=self._place)
        return min(found, max(0, len(self.shown) - 1))


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of each group of numbers that lie near each other, no more than a page at once."""
    first = last = None
    for number in numbers:
        if first is None or last is None or number - last > _APART or number - first >= PAGE:
            if first is not None and last is not None:
                yield first, last
            first = number
        last = number
    if first is not None and last is not None:
        yield first, last
