"""`why --stuck`: of all open executions those that nothing moves by itself, or that have not moved for long.

Most of what is open sleeps, and is told so by its row alone: pages of rows are read by key, and a history only where the
row cannot tell. A parent that waits for its child is left out: the child is in the list, and it is the cause.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator
from itertools import count

from msgspec import Struct, field

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.reasons import Surroundings, case_of, look_around
from cerebelum.engine.domain.execution import OPEN, ExecutionRow
from cerebelum.engine.domain.explaining import explain
from cerebelum.engine.domain.reasons import BLOCKERS, ENGINE, MISFIT, Kind, Reason
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.engine.runtime.blobs import with_blobs

DEFAULT_FOR_US = 600_000_000
MOST_GROUPS = 1_000
MOST_HISTORIES = 2_000  # that one look reads; what is beyond is told by its row alone
_ROWS_PER_PAGE = 5_000
_WAITS: dict[str, Kind] = {"signal": "signal", "input": "input"}


class Stuck(Struct, frozen=True, kw_only=True):
    """One execution that is stuck, and its first reason."""

    row: ExecutionRow
    kind: Kind
    name: str  # of the signal, the input, the step, the workflow; who paused it
    since_us: int
    text: str = ""


class Group(Struct, kw_only=True):
    """Those that are stuck for the same reason.

    Attributes:
        members: the longest first; at most as many as were asked for.
        total: how many there are.
    """

    kind: Kind
    name: str
    total: int = 0
    since_us: int = 0
    members: list[Stuck] = field(default_factory=list)


class Report(Struct, kw_only=True):
    """The answer.

    Attributes:
        groups: the largest first.
        looked_at: how many open executions there are.
        stuck: how many of them are stuck.
        younger: how many would be, but not for long enough yet; of those that a node holds, only some are known.
        unread: how many were judged by their row alone, because too many histories would have had to be read.
    """

    groups: list[Group] = field(default_factory=list)
    looked_at: int = 0
    stuck: int = 0
    younger: int = 0
    unread: int = 0


async def find_stuck(
    engine: Engine, *, for_us: int = DEFAULT_FOR_US, limit: int = 50, workflow: str | None = None
) -> Report:
    """Return what is stuck, in groups.

    Args:
        for_us: for at least so long.
        limit: how many executions are named, the longest of each group; 1 to 10,000. All are counted.
        workflow: only of this one.
    """
    around = await look_around(engine)
    report = Report()
    groups: dict[tuple[Kind, str], _Heap] = {}
    budget = _Budget(MOST_HISTORIES)
    async for row in _open_rows(engine, workflow):
        report.looked_at += 1
        found = _by_row(row, around, for_us)
        if found is _ASK:
            found = await _by_history(engine, row, around, for_us, budget)
        if found is None or not isinstance(found, Stuck):
            continue
        if around.now_us - found.since_us < for_us:
            report.younger += 1
            continue
        report.stuck += 1
        key = (found.kind, found.name)
        if key not in groups and len(groups) >= MOST_GROUPS:
            key = (found.kind, "…")
        groups.setdefault(key, _Heap(limit)).add(found)
    report.unread = budget.refused
    report.groups = sorted(
        (heap.group(*key) for key, heap in groups.items()), key=lambda group: (-group.total, group.kind, group.name)
    )
    _cut(report, limit)
    return report


def _cut(report: Report, limit: int) -> None:
    """Name at most `limit` executions: each group gets its turn, so that a large one hides no other."""
    longest = max((len(group.members) for group in report.groups), default=0)
    for keep in range(longest, 0, -1):
        if sum(min(keep, len(group.members)) for group in report.groups) <= limit:
            break
    else:
        keep = 1
    for group in report.groups:
        del group.members[keep:]


class _Ask:
    """The row alone does not tell."""


_ASK = _Ask()


class _Budget:
    def __init__(self, left: int) -> None:
        self.left, self.refused = left, 0

    def take(self) -> bool:
        """Whether one more history may be read."""
        if self.left:
            self.left -= 1
            return True
        self.refused += 1
        return False


class _Heap:
    """The longest stuck of a group, and how many there are."""

    def __init__(self, limit: int) -> None:
        self._limit, self._total, self._kept = limit, 0, list[tuple[int, int, Stuck]]()
        self._numbers = count()

    def add(self, found: Stuck) -> None:
        self._total += 1
        item = (-found.since_us, next(self._numbers), found)
        (heapq.heappush if len(self._kept) < self._limit else heapq.heappushpop)(self._kept, item)

    def group(self, kind: Kind, name: str) -> Group:
        members = [found for _, _, found in sorted(self._kept, key=lambda item: (-item[0], item[1]))]
        return Group(kind=kind, name=name, total=self._total, since_us=members[0].since_us, members=members)


async def _open_rows(engine: Engine, workflow: str | None) -> AsyncIterator[ExecutionRow]:
    """Yield open rows, one status after the other: each is a walk along an index, where all together would be sorted."""
    for status in OPEN:
        before: tuple[int, str] | None = None
        while True:
            page = await engine.store.list_executions(
                ExecutionFilter(statuses=(status,), workflow=workflow, before=before, limit=_ROWS_PER_PAGE)
            )
            for row in page:
                yield row
            if len(page) < _ROWS_PER_PAGE:
                break
            before = (page[-1].inserted_at_us, page[-1].id)


def _by_row(row: ExecutionRow, around: Surroundings, for_us: int) -> Stuck | _Ask | None:
    """Return what the row alone says: stuck, moves by itself (None), or that it cannot tell."""
    since_us = row.updated_at_us
    if row.status == "paused":
        return _ASK
    gone = row.owner is not None and not around.lives(row.owner)
    due = row.wake_at_us is not None and row.wake_at_us <= around.now_us
    if (gone or (row.owner is None and due)) and not around.knowing(row.workflow):
        return Stuck(row=row, kind="no_node", name=row.workflow, since_us=since_us if gone else row.wake_at_us or 0)
    if row.owner is not None:
        quiet = around.now_us - (row.started_at_us or row.inserted_at_us) < for_us
        return None if quiet or gone else _ASK  # younger than that in all, or others take over
    if row.wake_at_us is None:
        return _without_end(row)
    if due:
        return Stuck(row=row, kind="due", name=row.workflow, since_us=row.wake_at_us or 0)
    return None


def _without_end(row: ExecutionRow) -> Stuck | _Ask | None:
    kind, _, name = (row.current_step or "").partition(" ")
    if kind == "child":
        return None
    if kind in _WAITS:
        return Stuck(row=row, kind=_WAITS[kind], name=name, since_us=row.updated_at_us)
    return _ASK


async def _by_history(
    engine: Engine, row: ExecutionRow, around: Surroundings, for_us: int, budget: _Budget
) -> Stuck | None:
    if not budget.take():
        if row.status != "paused":
            return None
        return Stuck(row=row, kind="paused", name="", since_us=row.updated_at_us)
    if row.status == "paused" and (quick := await _pause_told_last(engine, row)) is not None:
        return quick
    history = await with_blobs(engine.store, await engine.store.read_history(row.id))
    answer = explain(await case_of(engine, row, history, around))
    if answer.blockers:
        return _of(row, answer.blockers[0])
    if answer.is_stuck:
        waits = [reason for reason in answer.reasons if reason.kind not in ("child", *BLOCKERS)]
        return _of(row, waits[0]) if waits else None
    slow = [
        reason
        for reason in answer.reasons
        if reason.kind in ("step", "place", "code") and around.now_us - (reason.since_us or around.now_us) >= for_us
    ]
    return _of(row, slow[0]) if slow else None


async def _pause_told_last(engine: Engine, row: ExecutionRow) -> Stuck | None:
    """Return what the newest event says of a pause: nearly always it is the pause itself."""
    from cerebelum.engine.domain import events as ev

    last = await engine.store.last_event(row.id)
    event = last.event() if last is not None else None
    if last is None or not isinstance(event, ev.ExecutionPaused):
        return None
    first = event.reason.partition("\n")[0]
    kind: Kind = "paused"
    if event.by == ENGINE:
        kind = "incompatible" if event.reason.startswith(MISFIT) else "parked"
    name = event.by if kind == "paused" else row.workflow
    return Stuck(row=row, kind=kind, name=name, since_us=last.at_us, text=first)


def _of(row: ExecutionRow, reason: Reason) -> Stuck:
    since_us = reason.since_us or row.updated_at_us
    name = reason.name or (row.workflow if reason.kind in BLOCKERS else "")
    return Stuck(row=row, kind=reason.kind, name=name, since_us=since_us, text=reason.text)
