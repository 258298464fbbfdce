from __future__ import annotations

import random
from typing import Any

import pytest

from cerebelum import step, workflow
from cerebelum.testing import CrashDiffers, FlowHandle, InMemoryEngine, crash_everywhere
from tests.flows import fanout, sagas, tested


def say_go(engine: InMemoryEngine, handle: FlowHandle[Any]) -> None:
    engine.at(days=3).signal(handle, "go", 3)


async def test_a_flow_that_keeps_the_rules_survives_every_crash() -> None:
    """S7: steps, days of sleep, children, fan-out and a signal on the third day are the same after each crash."""
    progress: list[tuple[int, int]] = []
    report = await crash_everywhere(tested.much, drive=say_go, on_progress=lambda done, of: progress.append((done, of)))
    assert report.difference is None
    assert report.end == "completed: [3, 3, 5, 3]"
    assert report.crashes == report.events + report.commits >= 20
    assert progress[-1] == (report.crashes, report.crashes)
    assert str(report).startswith(f"much: the same after each of {report.crashes} crashes\n")


@pytest.mark.parametrize("flow", [sagas.trip, sagas.caught, sagas.parallel_trip, fanout.parent])
async def test_flows_that_fail_and_compensate_survive_too(flow: Any) -> None:
    """S7: compensations and children end the same after each crash."""
    args = (2,) if flow is fanout.parent else ()
    assert (await crash_everywhere(flow, *args)).difference is None


async def test_code_that_knows_how_often_it_ran_is_found() -> None:
    """S7: a workflow that branches on a global counter is named with its line, before any crash is tried."""
    with pytest.raises(AssertionError, match=r"counts_its_own_runs.*what must always hold\n(.|\n)*tested.py:\d+"):
        await crash_everywhere(tested.counts_its_own_runs)


async def test_an_effect_that_happens_twice_is_reported_with_both_values() -> None:
    """S7: a step that relies on what it left in the world is reported: place of the crash, line, both values."""
    with pytest.raises(CrashDiffers) as found:
        await crash_everywhere(tested.relies_on_the_world, prepare=lambda _: tested.world.clear())
    report = found.value.report
    assert report.difference is not None
    assert report.crash.startswith("before commit 2 of ")
    assert report.difference.what.startswith("result of step put_down, tested.py:")
    assert (report.difference.whole, report.difference.again) == ("put_down() → 1", "put_down() → 2")
    assert str(found.value).splitlines()[1:4] == [
        f"  crash    {report.crash}",
        "  without  put_down() → 1",
        "  with     put_down() → 2",
    ]


async def test_answers_of_people_survive_too() -> None:
    """S7: an answer given on the third day is given again after a crash, then as well."""

    def answer(engine: InMemoryEngine, handle: FlowHandle[Any]) -> None:
        engine.at(days=3).answer(handle, "approval", True)

    report = await crash_everywhere(tested.asks_people, drive=answer)
    assert report.end == "completed: True"


async def test_a_graph_survives_too() -> None:
    """S7: flows made of blocks are tested in the same way."""
    report = await crash_everywhere(tested.order_flow, {"order": {"id": 7}})
    assert report.difference is None


@step
async def throw_dice() -> float:
    return random.random()


@workflow
async def gamble() -> float:
    return await throw_dice()


async def test_what_differs_without_a_crash_is_not_held_against_it() -> None:
    """S7: results that are never the same twice are not compared, and the report says so."""
    report = await crash_everywhere(gamble)
    assert report.difference is None
    assert report.notes[0].startswith("the result differs from run to run")
    assert report.notes[1].endswith("results of throw_dice")


async def test_a_flow_that_never_ends_is_told_at_once() -> None:
    """S7: without the signal that it waits for there is nothing to compare, and the report names the wait."""
    with pytest.raises(AssertionError, match=r"waits_for_ever, without any crash: whether it ends(.|\n)*signal never"):
        await crash_everywhere(tested.waits_for_ever)


_seen: list[str] = []


@workflow
async def remembers() -> int:
    from cerebelum import info

    _seen.append(info().execution_id)
    return await tested.count(len(_seen))


async def test_a_workflow_with_a_memory_of_its_own_is_found() -> None:
    """S7: workflow code that reads what an earlier run left in a variable diverges when it is replayed."""
    with pytest.raises(AssertionError, match="replay diverged"):
        await crash_everywhere(remembers)
