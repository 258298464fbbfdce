"""Suspended code is thrown away: whatever block it stands in, nothing is recorded, scheduled or done."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cerebelum import patched, saga, sleep, wait_for_signal, workflow
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.runtime.replay import Replay
from cerebelum.engine.runtime.run import WorkflowRun
from tests.engine.runtime.played import CODEC, AnyWorkflow, Played, echo, effects, release, replay


@pytest.fixture(autouse=True)
def world() -> None:
    """Workflow code reads its own clock, and nothing has happened yet."""
    install()
    effects.clear()


async def clean_up(what: str) -> None:
    """Do everything that cleaning up may do in a workflow."""
    await asyncio.gather(release(what), sleep(1))
    await release(what)
    await wait_for_signal(what, timeout=3)


@workflow
async def try_finally() -> None:
    try:
        await echo(1)
    finally:
        await clean_up("finally")


@workflow
async def only_a_step_in_finally() -> None:
    try:
        await echo(1)
    finally:
        await release("finally")


@workflow
async def many_finallys() -> None:
    try:
        try:
            await sleep(60)
        finally:
            await release("inner")
    finally:
        try:
            await release("outer")
        finally:
            await sleep(1)


@asynccontextmanager
async def reserved() -> AsyncIterator[None]:
    try:
        yield
    finally:
        await release("context")


class Reserved:
    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None:
        await clean_up("object")


@workflow
async def async_with() -> None:
    async with Reserved(), reserved():
        await echo(1)


async def numbers() -> AsyncIterator[int]:
    try:
        for number in itertools.count():
            yield number
    finally:
        await release("generator")


async def fetched() -> AsyncIterator[int]:
    try:
        while True:
            yield await echo(1)
    finally:
        await release("generator")


@workflow
async def async_for_waits_in_its_body() -> None:
    async for number in numbers():
        await echo(number)


@workflow
async def async_for_waits_in_its_generator() -> None:
    async for number in fetched():
        await echo(number)


async def cautious() -> Any:
    try:
        return await echo(1)
    finally:
        await release("helper")


async def helped() -> AsyncIterator[int]:
    while True:
        yield await cautious()


@workflow
async def async_for_waits_in_a_helper_of_its_generator() -> None:
    generator = helped()
    circle: list[Any] = [generator]
    circle.append(circle)
    async for number in generator:
        await echo(number)


@workflow
async def async_for_in_a_circle() -> None:
    generator = numbers()
    circle: list[Any] = [generator]
    circle.append(circle)
    async for number in generator:
        await echo(number)


@workflow
async def task_group() -> None:
    async def child() -> None:
        try:
            await echo(1)
        finally:
            await clean_up("child")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
            group.create_task(only_a_step_in_finally.function())
            await echo(2)
    finally:
        await release("group")


@workflow
async def gathers() -> None:
    try:
        await asyncio.gather(only_a_step_in_finally.function(), try_finally.function())
    finally:
        await release("gather")


@workflow
async def in_a_saga() -> None:
    async with saga() as undo:
        undo.add(release, "saga")
        await echo(1)


@workflow
async def with_timeout() -> None:
    try:
        async with asyncio.timeout(60):
            await echo(1)
    finally:
        await release("timeout")


@workflow
async def waits_for() -> None:
    try:
        await asyncio.wait_for(only_a_step_in_finally.function(), 60)
    except TimeoutError:
        await release("wait_for")
    finally:
        await release("wait_for")


@workflow
async def catches_generator_exit() -> None:
    try:
        await echo(1)
    except GeneratorExit:
        await release("generator exit")
        raise


@workflow
async def catches_everything() -> None:
    for attempt in range(3):
        try:
            await echo(attempt)
        except BaseException:  # what a bare `except:` does
            await release("everything")


@workflow
async def starts_more() -> None:
    try:
        await echo(1)
    finally:
        asyncio.create_task(echo(2))  # noqa: RUF006 - as careless code does
        asyncio.get_running_loop().call_soon(effects.append, "call_soon")
        asyncio.get_running_loop().call_later(1, effects.append, "call_later")
        if patched("late"):
            await child_of_its_own(1)


@workflow
async def child_of_its_own(number: int) -> int:
    return number


@workflow
async def iterates_in_its_cleanup() -> None:
    try:
        await echo(1)
    finally:
        generator = numbers()
        circle: list[Any] = [generator]
        circle.append(circle)
        async for number in generator:
            await echo(number)


BLOCKS = [
    try_finally, only_a_step_in_finally, many_finallys, async_with, async_for_waits_in_its_body,
    async_for_waits_in_its_generator, async_for_waits_in_a_helper_of_its_generator, async_for_in_a_circle, task_group, gathers, in_a_saga, with_timeout, waits_for,
    catches_generator_exit, catches_everything, starts_more, iterates_in_its_cleanup,
]  # fmt: skip


@pytest.mark.parametrize("definition", BLOCKS, ids=lambda block: block.name)
def test_code_that_is_thrown_away_records_and_effects_nothing(definition: AnyWorkflow) -> None:
    """R: eviction runs no cleanup for real: nothing is asked, scheduled or done, whatever block is left."""
    thrown_away(definition)


@pytest.mark.parametrize("definition", BLOCKS, ids=lambda block: block.name)
async def test_nor_does_it_with_a_loop_running(definition: AnyWorkflow) -> None:
    """R: the node's own loop, which looks after generators that are left, does not finish them either."""
    thrown_away(definition)
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)
    assert effects == []


def thrown_away(definition: AnyWorkflow) -> None:
    played = Played(definition)
    number, count = played.run.number, len(played.history)
    assert played.run.pending
    played.run.close()
    assert played.run.commands == {}
    assert played.run.pending == {}
    assert (played.run.number, len(played.history)) == (number, count)
    history = played.history
    del played
    gc.collect()
    assert effects == []
    run = WorkflowRun("exec-1", definition, CODEC)  # and it goes on elsewhere as if nothing had been
    Replay(run, history).to_end()
    assert run.number == number
    run.close()
    assert effects == []


def test_a_generator_that_the_code_left_is_closed_in_the_workflow() -> None:
    """E13: a generator left by `break` cleans up inside the workflow: its steps are recorded, and replayed."""

    @workflow("breaks")
    async def breaks() -> str:
        async for number in numbers():
            await echo(number)
            break
        return str(await echo("after"))

    played = Played(breaks).complete_all()
    names = [event.event().name for event in played.history if event.type == "step_scheduled"]  # type: ignore[union-attr]
    assert names == ["echo", "echo", "release"]
    replay(breaks, played.history)
    assert effects == []
