"""Two histories side by side: pure alignment by command and type."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.aligning import align
from cerebelum.engine.domain.json_paths import NoSuchPlace, parse_path, path_text, replaced


def history(*events: ev.Event) -> list[ev.RecordedEvent]:
    """Return the events as a store would hold them."""
    return [ev.RecordedEvent(n, event.type, ev.encode_event(event), n) for n, event in enumerate(events, start=1)]


STARTED = ev.ExecutionStarted(workflow="w")


def step(number: int, name: str = "s", **fields: Any) -> ev.StepScheduled:
    """Return a call of a step."""
    return ev.StepScheduled(number=number, name=name, **fields)


def test_events_belong_together_by_command_not_by_order() -> None:
    """E15: two steps that ended in another order are the same, and so are lines and instants."""
    first = history(STARTED, step(1, line="a:1"), step(2), *(ev.StepCompleted(number=n, started_us=n) for n in (1, 2)))
    second = history(STARTED, step(1, line="b:9"), step(2), *(ev.StepCompleted(number=n, started_us=7) for n in (2, 1)))
    assert {pair.kind for pair in align(first, second)} == {"same"}


def test_what_differs_is_named_by_its_path() -> None:
    """E15: with both values; numbers that are equal are equal however they are written."""
    first = history(ev.StepCompleted(number=1, result=Raw(b'{"a":[1,{"b":5.0}],"c":1}')))
    second = history(ev.StepCompleted(number=1, result=Raw(b'{"a":[1,{"b":5}],"d":2}')))
    [pair] = align(first, second)
    assert [(change.path, bytes(change.before), bytes(change.after)) for change in pair.changes] == [
        ("result.c", b"1", b""), ("result.d", b"", b"2"),
    ]  # fmt: skip


def test_what_only_one_has_stands_where_it_came() -> None:
    """E15: an inserted step shifts nothing else of its kind out of line."""
    first = history(STARTED, step(1), ev.StepCompleted(number=1), ev.ExecutionCompleted(number=2))
    second = history(STARTED, step(1), ev.StepCompleted(number=1), step(2), ev.ExecutionCompleted(number=3))
    assert [(pair.kind, pair.type) for pair in align(first, second)] == [
        ("same", "execution_started"), ("same", "step_scheduled"), ("same", "step_completed"),
        ("only_second", "step_scheduled"), ("same", "execution_completed"),
    ]  # fmt: skip


_EVENTS = st.lists(
    st.one_of(
        st.integers(1, 4).map(step),
        st.integers(1, 4).map(lambda n: ev.StepCompleted(number=n)),
        st.sampled_from("ab").map(lambda name: ev.SignalReceived(name=name)),
    ),
    max_size=12,
)


@given(_EVENTS, _EVENTS)
def test_every_event_is_in_one_pair(one: list[ev.Event], other: list[ev.Event]) -> None:
    """E15: none is lost and none comes twice; a history is the same as itself."""
    first, second = history(*one), history(*other)
    pairs = align(first, second)
    assert [pair.first for pair in pairs if pair.first is not None] == first
    assert sorted(pair.second.version for pair in pairs if pair.second is not None) == [e.version for e in second]
    assert {pair.kind for pair in align(first, first)} <= {"same"}


def test_a_place_in_json_is_replaced_and_the_rest_keeps_its_bytes() -> None:
    """E15: numbers beside it are not written anew."""
    data = b'{"a":1.50,"items":[{"price":2},3.0e1]}'
    path = parse_path(".items[0].price")
    assert replaced(data, path, b"7") == b'{"a":1.50,"items":[{"price":7},3.0e1]}'
    assert path_text(path) == ".items[0].price"
    for text in ("a", ".a..b", "[x]", ".a]"):
        with pytest.raises(NoSuchPlace):
            parse_path(text)
    for wrong in (".b.c", ".items.x", ".a[0]", ".items[2]"):
        with pytest.raises(NoSuchPlace):
            replaced(data, parse_path(wrong), b"7")
