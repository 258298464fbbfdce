"""An execution laid over its workflow's drawing: what ran, how long, how often, and which ways it took.

Pure: a drawing and a history in, a drawing out. A record belongs to the node of its place or name; where several nodes
have the name, to the one whose lines it was asked for on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.drawing import Drawing, DrawnNode, ExecutionMark
from cerebelum.engine.domain.overlay_ways import take_ways
from cerebelum.engine.domain.projection import ExecutionState, StepState, advance
from cerebelum.engine.domain.spans import number_of


class Ran(Struct):
    """One record: a step with its attempts, or a wait. Versions are places in the history."""

    node_id: str
    status: str
    begun: int
    ended: int | None = None
    started_us: int = 0
    ended_us: int | None = None
    attempt: int = 1
    progress: float | None = None


class Overlay:
    """An execution laid over a drawing, event by event: `read` takes the next ones, `drawn` is how it is after them.

    Attributes:
        node_of: for each event the id of the node it is about, "" where it is about none. Version 1 is at 0.
    """

    def __init__(self, drawing: Drawing) -> None:
        self.drawing = drawing
        self.node_of: list[str] = []
        self._state = ExecutionState(execution_id="")
        self._reader = _Reader(drawing)

    @property
    def version(self) -> int:
        """How many events were read."""
        return len(self.node_of)

    def read(self, history: Iterable[ev.RecordedEvent]) -> None:
        """Take the next events."""
        for recorded in history:
            advance(self._state, recorded)
            self.node_of.append(self._reader.read(recorded, self._state))

    def drawn(self) -> Drawing:
        """Return the drawing with `execution_state` on each node that ran, and the ways not taken marked."""
        drawing, state = self.drawing, self._state
        records = self._reader.finish(state)
        by_node: dict[str, list[Ran]] = {}
        for record in records:
            by_node.setdefault(record.node_id, []).append(record)
        nodes = tuple(
            msgspec.structs.replace(node, state=_mark(by_node[node.id])) if node.id in by_node else node
            for node in drawing.nodes
        )
        marked = msgspec.structs.replace(drawing, nodes=nodes, status=state.status)
        spans = [(record.node_id, record.begun, record.ended) for record in records]
        return take_ways(marked, spans, is_over=state.ended_us is not None, is_completed=state.status == "completed")


def with_execution(drawing: Drawing, history: Iterable[ev.RecordedEvent]) -> Drawing:
    """Return `drawing` with `execution_state` on each node that ran, and the ways not taken marked."""
    overlay = Overlay(drawing)
    overlay.read(history)
    return overlay.drawn()


def _mark(records: Sequence[Ran]) -> ExecutionMark:
    """What several passes over one node come to: the newest one's state, and the time of all that ended."""
    last = records[-1]
    ended = [record for record in records if record.ended_us is not None]
    return ExecutionMark(
        status=last.status,
        duration_ms=sum((record.ended_us or 0) - record.started_us for record in ended) / 1000 if ended else None,
        started_at=_instant(records[0].started_us),
        completed_at=None if last.ended_us is None else _instant(last.ended_us),
        attempt=last.attempt,
        count=len(records),
        active=last.status == "running",
        progress=last.progress,
    )


def _instant(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="microseconds")


class _Reader:
    def __init__(self, drawing: Drawing) -> None:
        self._steps: dict[int, tuple[Ran, StepState | None]] = {}
        self._records: list[Ran] = []
        self._finder = _Finder(drawing)

    def read(self, recorded: ev.RecordedEvent, state: ExecutionState) -> str:
        """Take an event; return the id of the node it is about."""
        event, version, at_us = recorded.event(), recorded.version, recorded.at_us
        match event:
            case ev.StepScheduled():
                place = str(getattr(event, "place", ""))
                self._begin(event.number, self._finder.find(event.name, event.line, place, _STEPS), version, at_us)
                if event.number in self._steps:
                    self._steps[event.number] = (self._steps[event.number][0], state.steps.get(event.number))
            case ev.TimerStarted(kind="sleep"):
                self._begin(event.number, self._finder.find("", event.line, "", {"sleep"}), version, at_us, "waiting")
            case ev.WaitStarted():
                waited = self._finder.find(event.name, event.line, "", {"signal", "input"})
                self._begin(event.number, waited, version, at_us, "waiting")
            case ev.ChildStarted():
                self._begin(event.number, self._finder.find(event.workflow, event.line, "", _CHILDREN), version, at_us)
            case ev.StepCompleted() | ev.TimerFired() | ev.ChildCompleted():
                self._end(event.number, "completed", version, at_us)
            case ev.StepFailedEvent(retry_at_us=None) | ev.ChildFailedEvent() | ev.WaitTimedOutEvent():
                self._end(event.number, "failed", version, at_us)
            case ev.WaitCompleted():
                self._end(event.of, "completed" if event.signal else "cancelled", version, at_us)
            case ev.StepCancelled() | ev.TimerCancelled() | ev.ChildCancelled():
                self._end(event.of, "cancelled", version, at_us)
            case _:
                other: Any = event
                self._input(other, version, at_us)
        found = self._steps.get(number_of(event))
        return found[0].node_id if found is not None else ""

    def _input(self, event: Any, version: int, at_us: int) -> None:
        """Inputs are events of their own; what matters here is their name and their end."""
        kind = getattr(event, "type", "")
        if kind == "input_requested":
            found = self._finder.find(event.name, event.line, "", {"input"})
            self._begin(event.number, found, version, at_us, "waiting")
        elif kind in _INPUT_ENDS:
            self._end(getattr(event, "number", 0) or getattr(event, "of", 0), _INPUT_ENDS[kind], version, at_us)

    def _begin(self, number: int, node: DrawnNode | None, version: int, at_us: int, status: str = "running") -> None:
        if node is None:
            return
        record = Ran(node.id, status, version, started_us=at_us)
        self._steps[number] = (record, None)
        self._records.append(record)

    def _end(self, number: int, status: str, version: int, at_us: int) -> None:
        found = self._steps.get(number)
        if found is not None:
            found[0].status, found[0].ended, found[0].ended_us = status, version, at_us

    def finish(self, state: ExecutionState) -> list[Ran]:
        for record, step in self._steps.values():
            if step is not None:
                record.status = step.status
                record.attempt = max((found.attempt for found in step.attempts), default=1)
                record.progress = _progress(step)
                if step.attempts and record.ended_us is not None:
                    record.started_us = step.attempts[-1].started_us  # as the row of the last attempt says
            elif record.ended is None and state.ended_us is not None:
                record.status = "cancelled"
        return self._records


_INPUT_ENDS = {"input_received": "completed", "input_timed_out": "failed", "input_closed": "cancelled"}
_STEPS = frozenset({"step", "decision", "map", "dynamic", "compensation"})
_CHILDREN = frozenset({"subflow", "map"})


def _progress(step: StepState) -> float | None:
    """Return a heartbeat's details as a percentage, if that is what they are."""
    if step.status != "running" or step.progress is None:
        return None
    value = msgspec.json.decode(bytes(step.progress))
    if isinstance(value, dict):
        value = value.get("progress")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 100 else None


class _Finder:
    """Which node a record belongs to."""

    def __init__(self, drawing: Drawing) -> None:
        self._nodes = drawing.nodes
        self._by_place = {node.place: node for node in drawing.nodes if node.place}
        self._found: Counter[str] = Counter()

    def find(self, name: str, line: str, place: str, types: Iterable[str]) -> DrawnNode | None:
        if place:
            return self._by_place.get(_without_passes(place))
        fitting = [node for node in self._nodes if node.type in types and (not node.name or node.name == name)]
        file, number = _line(line)
        here = [node for node in fitting if _covers(node, file, number)]
        named = [node for node in fitting if name and node.name == name]
        if name and any(node.name for node in here):
            here = [node for node in here if node.name == name]
        if here:
            return self._next_of(here)
        found = named or (fitting if len(fitting) == 1 else [])
        return next((node for node in found if node.type != "compensation"), found[0] if found else None)

    def _next_of(self, nodes: Sequence[DrawnNode]) -> DrawnNode:
        """Of several calls on one line, as in `gather(notify(a), notify(b))`, each record is of the next."""
        alike = [node for node in nodes if (node.type, node.name) == (nodes[0].type, nodes[0].name)]
        found = min(alike, key=lambda node: self._found[node.id])
        self._found[found.id] += 1
        return found


def _without_passes(place: str) -> str:
    """Return the static place: `retry[1]/charge` is the node `retry/charge`."""
    return "/".join(part.partition("[")[0] for part in place.split("/"))


def _line(text: str) -> tuple[str, int]:
    file, _, number = text.partition(" ")[0].rpartition(":")
    file = file.partition("@")[0]  # `flow.py@3f2a91bc`: of code that ran from the store
    return file.replace("\\", "/").rpartition("/")[2], int(number) if number.isdecimal() else 0


def _covers(node: DrawnNode, file: str, number: int) -> bool:
    if node.lines is None or not number:
        return False
    return node.lines[0] == file and node.lines[1] <= number <= node.lines[2]
