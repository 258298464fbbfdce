"""The parts below the screens, each alone."""

from __future__ import annotations

import pytest
from textual.keys import Keys

from cerebelum.engine.application.versions import is_failure, neighbour
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.events import EVENT_TYPES
from cerebelum.engine.domain.execution import OPEN, STATUSES, ExecutionRow
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.tui.base_screen import BaseScreen
from cerebelum.tui.compare.screen import CompareScreen
from cerebelum.tui.executions.filters import FilterRefused, parse_filter
from cerebelum.tui.executions.listing import PAGE, Listing
from cerebelum.tui.executions.screen import ExecutionsScreen
from cerebelum.tui.graph.screen import GraphScreen
from cerebelum.tui.inputs.screen import InputsScreen
from cerebelum.tui.lines import fit
from cerebelum.tui.logs.screen import LogsScreen
from cerebelum.tui.marks import of_event, of_status
from cerebelum.tui.nodes.screen import NodesScreen
from cerebelum.tui.replay.event_index import EventIndex
from cerebelum.tui.replay.screen import ReplayScreen
from cerebelum.tui.schedules.fires import FiresScreen
from cerebelum.tui.schedules.screen import SchedulesScreen
from cerebelum.tui.tables import Column, Row, TableView
from cerebelum.tui.timeline.screen import TimelineScreen
from cerebelum.tui.wrapping import wrapped
from tests.tui.walker import NAMES

NOW_US = 1_795_255_200_000_000


def test_a_filter_has_all_its_conditions() -> None:
    """W6: statuses in one list, "open" for all that have not ended, a workflow, a time, an id's beginning."""
    found = parse_filter("status:failed,open workflow:order since:2h exec-12", NOW_US)
    assert found == ExecutionFilter(
        statuses=("failed", *OPEN), workflow="order", started_from_us=NOW_US - 7_200_000_000, id_prefix="exec-12"
    )
    assert parse_filter("node:n-1", NOW_US) == ExecutionFilter(owner="n-1")
    assert parse_filter("", NOW_US) == ExecutionFilter()
    assert parse_filter("since:2026-11-21T10:00", NOW_US).started_from_us == NOW_US
    assert parse_filter("since:2026-11-21T10:00:00+00:00", NOW_US).started_from_us == NOW_US
    assert parse_filter("since:999999999w", NOW_US).started_from_us == 0


@pytest.mark.parametrize(
    "text, why",
    [
        ("status:odd", "no status 'odd'"),
        ("since:soon", "is no time"),
        ("workflow:", "needs a value"),
        ("queue:x", "no condition 'queue'"),
        ("exec-1 exec-2", "one beginning at a time"),
    ],
)
def test_a_filter_that_cannot_be_understood_says_why(text: str, why: str) -> None:
    """W6: the part and what would be right are named."""
    with pytest.raises(FilterRefused, match=why):
        parse_filter(text, NOW_US)


class Table:
    """Rows as a store gives them."""

    def __init__(self, number: int) -> None:
        self.rows = [self.row(each) for each in range(number)]
        self.reads = 0

    @staticmethod
    def row(number: int, status: str = "running") -> ExecutionRow:
        return ExecutionRow(id=f"e{number:06}", workflow="w", inserted_at_us=number, status=status)  # type: ignore[arg-type]

    async def read(self, query: ExecutionFilter) -> list[ExecutionRow]:
        self.reads += 1
        newest = sorted(self.rows, key=lambda row: (row.inserted_at_us, row.id), reverse=True)
        fits = [row for row in newest if query.before is None or (row.inserted_at_us, row.id) < query.before]
        return fits[: query.limit]

    def ids(self) -> list[str]:
        return sorted((row.id for row in self.rows), reverse=True)


async def test_pages_follow_each_other_without_gap_or_double() -> None:
    """W6: page after page gives every row once, and knows the end."""
    table, listing = Table(1000), Listing()
    while listing.has_more:
        await listing.more(table.read)
    assert [row.id for row in listing.rows] == table.ids()
    assert table.reads == 1000 // PAGE + 1


async def test_a_part_that_is_read_again_shows_what_came_and_what_went() -> None:
    """W6: new rows come in above, changed ones change, removed ones go, wherever they stand."""
    table, listing = Table(1000), Listing()
    for _ in range(3):
        await listing.more(table.read)
    table.rows += [table.row(1000), table.row(1001)]
    table.rows = [row for row in table.rows if row.id not in ("e000990", "e000600")]
    table.rows[500] = table.row(500, "failed")
    await listing.renew(table.read)
    await listing.renew(table.read, first=300, count=256)
    known = [row.id for row in listing.rows]
    assert known == table.ids()[: len(known)]
    at = listing.index_of("e000500")
    assert at is not None
    assert listing.rows[at].status == "failed"
    table.rows = []
    await listing.renew(table.read)
    assert (listing.rows, listing.has_more) == ([], False)


async def test_more_news_than_a_page_begin_the_list_anew() -> None:
    """W6: where new and known rows do not meet, nothing is shown as if they did."""
    table, listing = Table(300), Listing()
    await listing.more(table.read)
    table.rows += [table.row(each) for each in range(300, 1000)]
    await listing.renew(table.read)
    assert [row.id for row in listing.rows] == table.ids()[:PAGE]
    assert listing.has_more


def test_every_status_and_every_event_has_a_sign() -> None:
    """W6: no two statuses differ by their colour alone, and every type of event has a sign of one cell."""
    assert len({of_status(status)[0] for status in STATUSES}) == len(STATUSES)
    assert all(len(of_event(name)[0]) == 1 for name in (*EVENT_TYPES, "of_a_newer_release"))
    assert {name for name in EVENT_TYPES if is_failure(name)} >= {"step_failed", "execution_failed", "wait_timed_out"}
    assert all(is_failure(name) == (of_event(name)[0] == "✗") for name in (*EVENT_TYPES, "of_a_newer_release"))


def test_an_index_knows_steps_and_failures() -> None:
    """W7: events of one step belong together, whatever stands between; an update's event is no step's."""
    history = [
        ev.StepScheduled(number=1, name="a"),
        ev.StepScheduled(number=2, name="b"),
        ev.StepFailedEvent(number=1, attempt=1, error=ev.ErrorInfo(type="E", message="no")),
        ev.UpdateCompleted(number=3, of=2),
        ev.StepCompleted(number=2, attempt=1),
        ev.StepCompleted(number=1, attempt=2),
    ]
    index = EventIndex()
    for version, event in enumerate(history, 1):
        index.append(ev.RecordedEvent(version, event.type, ev.encode_event(event), version * 1_000))
    assert [index.same_step(1, 1), index.same_step(3, 1), index.same_step(6, -1), index.same_step(2, 1)] == [3, 6, 3, 5]
    assert (index.same_step(4, 1), index.same_step(0, 1), index.failure(0, 1), index.failure(3, 1)) == (
        None,
        None,
        3,
        None,
    )
    assert index.summary(3) == "a (attempt 1): E: no"
    assert index.after_us(6) == 5_000
    assert (neighbour([2, 4], 3, 1), neighbour([2, 4], 2, -1), neighbour([], 2, 1)) == (4, None, None)


def test_text_fits_its_cells() -> None:
    """W6: what is too long is cut with a mark, what is wide counts twice, what acts is made visible first."""
    assert (fit("abc", 5), fit("abcdef", 4), fit("\x1b", 4), fit("abc", 0)) == ("abc  ", "abc…", "\\x1b", "")
    assert fit("日本語", 5) == "日本…"


@pytest.mark.parametrize(
    "screen",
    [
        ExecutionsScreen,
        ReplayScreen,
        LogsScreen,
        InputsScreen,
        SchedulesScreen,
        FiresScreen,
        NodesScreen,
        TimelineScreen,
        GraphScreen,
        CompareScreen,
    ],
)
def test_every_key_has_a_known_name_and_a_place_on_the_page_of_keys(
    screen: type[BaseScreen],
) -> None:
    """W7: a name that Textual does not know would fail silently; a key that is not told would not be found."""
    characters = {name: character for character, name in NAMES.items()}
    page = " ".join(key for _, keys in screen.KEY_PAGE for key, _ in keys)
    named = {key.value for key in Keys}
    ours = [kind.__dict__.get("BINDINGS", ()) for kind in screen.__mro__ if kind.__module__.startswith("cerebelum")]
    for key in (key for bindings in ours for binding in bindings for key in binding.key.split(",")):
        character = characters.get(key, key)
        assert len(character) == 1 or key in named, key
        if len(character) == 1 and not character.isdigit() and character not in " =":
            assert character in page, key


def test_long_text_is_wrapped_at_spaces_and_by_cells() -> None:
    """M7: lines of the text stay lines, wide signs count twice, and what acts is made visible."""

    def texts(text: str, width: int) -> list[str]:
        return ["".join(piece.text for piece in line) for line in wrapped(text, width)]

    assert texts("one two three\nfour", 9) == ["one two ", "three", "four"]
    assert texts("日本語日本語", 8) == ["日本語日", "本語"]
    assert texts("a\x1b[2J", 20) == ["a\\x1b[2J"]
    assert texts("", 20) == [""]
    assert len(texts("x\n" * 1_000, 20)) == 501


def test_a_table_leaves_out_what_matters_least() -> None:
    """W8: by rank where it is narrow; one column takes the rest, and the mark stays on its row."""
    table = TableView((Column("A"), Column("B", rank=2), Column("C", rank=1), Column("D", takes_rest=True)))
    rows = [Row(key, ((key, "text"), ("b" * 10, "text"), ("c" * 10, "text"), ("d" * 30, "text"))) for key in "xyz"]
    table.rows = rows
    for width, shown in ((100, [0, 1, 2, 3]), (50, [0, 1, 2, 3]), (40, [0, 1, 3]), (20, [0, 3])):
        table.lay_out(width)
        assert list(table.widths) == shown
        assert width < 40 or 2 + sum(cells + 2 for cells in table.widths.values()) == width
