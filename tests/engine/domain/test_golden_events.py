"""Histories outlive releases: every event that was ever stored is still read as what it meant."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.projection import reconstruct
from tests.golden_events import FILE, Sample, meaning, missing, samples

SAMPLES = samples()
_IDS = [f"{sample.type}-{len(sample.fields)}" for sample in SAMPLES]


def _recorded(sample: Sample, extra: dict[str, Any] | None = None) -> ev.RecordedEvent:
    data = bytes(sample.data)
    if extra is not None:
        data = msgspec.json.encode(msgspec.json.decode(data) | extra)
    return ev.RecordedEvent(1, sample.type, data, 1)


@pytest.mark.parametrize("sample", SAMPLES, ids=_IDS)
def test_a_stored_event_is_read_as_what_it_meant(sample: Sample) -> None:
    """F2: a sample is of its type, means what it meant, and would be written with the same bytes today."""
    event = _recorded(sample).event()
    assert type(event) is ev.EVENT_TYPES[sample.type]
    today = meaning(event)
    assert {name: today.get(name, "gone") for name in sample.means} == sample.means
    assert ev.encode_event(event) == bytes(sample.data)


def test_every_type_and_field_has_a_sample() -> None:
    """F2: no event is released without samples: `python -m tests.golden_events` adds those that are missing."""
    assert [(sample.type, sorted(sample.fields)) for sample in missing(SAMPLES)] == []


def test_a_field_that_lost_its_sample_would_be_seen() -> None:
    """F2: the check finds what it is for: without its lines, each type would be reported."""
    for name in ev.EVENT_TYPES:
        assert name in {sample.type for sample in missing([each for each in SAMPLES if each.type != name])}


def test_the_file_is_one_sample_a_line_and_none_twice() -> None:
    """F2: what is there stays as it is, so lines are only ever added."""
    lines = FILE.read_bytes().splitlines()
    assert len(set(lines)) == len(lines)
    assert [msgspec.json.encode(sample) for sample in SAMPLES] == lines


@pytest.mark.parametrize("sample", SAMPLES, ids=_IDS)
def test_fields_of_a_newer_release_are_passed_over_and_kept(sample: Sample) -> None:
    """F2: an unknown field changes nothing of what is understood, and stays in the stored bytes."""
    newer = _recorded(sample, {"of_the_future": {"deep": [1]}, "another": None})
    assert newer.event() == _recorded(sample).event()
    assert msgspec.json.decode(newer.data)["of_the_future"] == {"deep": [1]}


def test_an_event_of_an_unknown_type_is_kept_and_changes_nothing() -> None:
    """F2: what a newer release wrote is shown as it is; the state around it is the same as without it."""
    future = ev.RecordedEvent(2, "sang_a_song", b'{"verses":3}', 2)
    assert future.event() == ev.UnknownEvent(type_="sang_a_song", data=b'{"verses":3}')
    started = ev.RecordedEvent(1, "execution_started", ev.encode_event(ev.ExecutionStarted(workflow="w")), 1)
    with_it, without = reconstruct("exec-1", [started, future]), reconstruct("exec-1", [started])
    assert (with_it.status, with_it.steps, with_it.workflow) == (without.status, without.steps, without.workflow)
    assert with_it.version == 2
