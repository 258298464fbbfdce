# mypy: disable-error-code="func-returns-value, no-any-return, unused-coroutine"
"""Suspended plain `def` code is thrown away: its cleanup runs, and nothing is recorded, scheduled or done."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cerebelum import map_steps, patched, saga, sleep, together, wait_for_signal, workflow
from cerebelum.engine.runtime.interception import install
from tests.engine.runtime.played import AnyWorkflow, Played, echo, effects, release
from tests.engine.runtime.test_eviction import thrown_away


@pytest.fixture(autouse=True)
def world() -> None:
    """Workflow code reads its own clock, and nothing has happened yet."""
    install()
    effects.clear()


def clean_up(what: str) -> None:
    """Do everything that cleaning up may do in a workflow."""
    together(lambda: release(what), lambda: sleep(1))
    time.sleep(1)
    release(what)
    wait_for_signal(what, timeout=3)


@workflow
def try_finally() -> None:
    try:
        echo(1)
    finally:
        clean_up("finally")


@workflow
def many_finallys() -> None:
    try:
        try:
            time.sleep(60)
        finally:
            release("inner")
    finally:
        try:
            release("outer")
        finally:
            sleep(1)


@contextmanager
def reserved() -> Iterator[None]:
    try:
        yield
    finally:
        release("context")


@workflow
def in_a_context() -> None:
    with reserved():
        echo(1)


def numbers() -> Iterator[int]:
    try:
        while True:
            yield echo(1)  # type: ignore[misc]
    finally:
        release("generator")


@workflow
def waits_in_a_generator() -> None:
    for number in numbers():
        echo(number)


@workflow
def waits_beside_a_generator() -> None:
    generator = numbers()
    next(generator)
    echo(2)


@workflow
def in_a_saga() -> None:
    with saga() as undo:
        undo.add(release, "saga")
        echo(1)


@workflow
def in_branches() -> None:
    try:
        together(try_finally.function, many_finallys.function)
    finally:
        release("together")


@workflow
def in_a_map() -> None:
    try:
        map_steps(lambda _: try_finally.function(), range(3), concurrency=2)
    finally:
        release("map")


@workflow
def catches_generator_exit() -> None:
    try:
        echo(1)
    except GeneratorExit:
        release("generator exit")
        raise


@workflow
def catches_everything() -> None:
    for attempt in range(3):
        try:
            echo(attempt)
        except BaseException:  # what a bare `except:` does
            release("everything")


@workflow
def asks_for_more() -> None:
    try:
        echo(1)
    finally:
        if patched("late"):
            try_finally()


@workflow
def in_a_circle() -> None:
    circle: list[Any] = [echo]
    circle.append(circle)
    try:
        echo(1)
    finally:
        release(str(len(circle)))


BLOCKS = [
    try_finally, many_finallys, in_a_context, waits_in_a_generator, waits_beside_a_generator, in_a_saga, in_branches, in_a_map,
    catches_generator_exit, catches_everything, asks_for_more, in_a_circle,
]  # fmt: skip


@pytest.mark.parametrize("definition", BLOCKS, ids=lambda block: block.name)
def test_code_that_is_thrown_away_records_and_effects_nothing(definition: AnyWorkflow) -> None:
    """R10, E13: eviction runs no cleanup for real, whatever block of plain code is left."""
    thrown_away(definition)


class Held:
    """Something that suspended code holds."""


@pytest.mark.parametrize("branches", [1, 3])
def test_what_it_held_is_freed_at_once(branches: int) -> None:
    """K: the stack of thrown-away plain code goes with it; no collector is waited for."""
    seen: list[weakref.ref[Held]] = []

    def stands() -> None:
        held = Held()
        seen.append(weakref.ref(held))
        echo(1)
        del held

    @workflow
    def holds() -> None:
        if branches == 1:
            stands()
        else:
            together(*[stands] * branches)

    gc.collect()
    gc.disable()
    try:
        played = Played(holds)
        assert [ref() is not None for ref in seen] == [True] * branches
        played.run.close()
        assert [ref() for ref in seen] == [None] * branches
    finally:
        gc.enable()


def test_what_ended_code_held_is_freed_at_once() -> None:
    """K: the same for code that failed: neither the error nor the driver keeps the stack."""
    seen: list[weakref.ref[Held]] = []

    @workflow
    def fails() -> None:
        held = Held()
        seen.append(weakref.ref(held))
        echo(1)
        raise ValueError(str(held))

    gc.collect()
    gc.disable()
    try:
        played = Played(fails).complete_all()
        assert played.types()[-1] == "execution_failed"
        played.run.close()
        del played
        assert [ref() for ref in seen] == [None]
    finally:
        gc.enable()
