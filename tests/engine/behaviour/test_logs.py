"""What steps print and log: captured with the step, kept in every case, readable live."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from cerebelum import ExecutionFailed
from cerebelum.engine.application import query
from cerebelum.engine.application.client import Handle
from cerebelum.engine.ports.store import LogLine
from tests.engine.world import PATIENCE_S, World
from tests.flows import ledger, talking


async def lines_of(world: World, handle: Handle[Any], least: int, *, step: str | None = None) -> list[LogLine]:
    """Wait until `least` lines are stored, and return them: lines are committed soon after the step, not with it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            lines = [line async for line in query.read_logs(world.engine, handle.id, step=step)]
            if len(lines) >= least:
                return lines
            await asyncio.sleep(0.01)


async def test_every_level_and_what_is_printed_is_captured(
    world: World, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """M1, M2, M4: whatever level the logger is set to; each line has its step, attempt, time and fields; print still prints."""
    logging.getLogger("tests.talking").setLevel(logging.ERROR)
    handle = await world.client.start(talking.talks)
    await handle.result(PATIENCE_S)
    lines = await lines_of(world, handle, 5)
    assert [(line.level, line.message) for line in lines[:5]] == [
        ("debug", "a debug line"), ("info", "an info line"), ("warning", "a warning"), ("error", "an error"), ("stdout", "printed"),
    ]  # fmt: skip
    assert {(line.execution_id, line.step, line.attempt, line.number) for line in lines} == {
        (handle.id, "logs_each_level", 1, 1)
    }
    assert [line.at_us for line in lines] == sorted(line.at_us for line in lines)
    assert msgspec.json.decode(lines[1].metadata)["order"] == 7
    assert "printed" in capsys.readouterr().out


async def test_failures_and_attempts_are_told_without_a_call_by_the_author(world: World) -> None:
    """M3, M7: traceback, duration and number of each failed attempt; one step's lines can be read alone."""
    handle = await world.client.start(talking.stumbles_on)
    await handle.result(PATIENCE_S)
    lines = await lines_of(world, handle, 5, step="stumbles")
    assert [line.attempt for line in lines] == sorted(line.attempt for line in lines)
    assert {line.attempt for line in lines} == {1, 2, 3}
    failures = [line for line in lines if line.level == "error"]
    assert ["Traceback" in line.message and "talking.py" in line.message for line in failures] == [True, True]
    assert all("duration_ms" in msgspec.json.decode(line.metadata) for line in failures)
    everything = await lines_of(world, handle, 6)
    assert [line.message for line in everything if line.step == "says_bye" and line.level == "stdout"] == ["bye"]


async def test_lines_of_a_step_that_times_out_are_kept(world: World) -> None:
    """M6: up to its last word."""
    handle = await world.client.start(talking.cut_off)
    with pytest.raises(ExecutionFailed):
        await handle.result(PATIENCE_S)
    assert (await lines_of(world, handle, 1))[0].message == "last words"


async def test_lines_of_a_step_whose_process_died_are_kept(world: World) -> None:
    """M6: those that were flushed before; they are readable while the step runs, too."""
    handle = await world.client.start(talking.stands_and_talks)
    await world.at_gate(handle)
    assert (await lines_of(world, handle, 1))[0].message == "before the gate"
    ledger.gate(handle.id).set()
    handle = await world.crash_and_come_back(handle, talking.stands_and_talks)
    await handle.result(PATIENCE_S)
    messages = [line.message for line in await lines_of(world, handle, 3) if line.level == "stdout"]
    assert messages == ["before the gate", "before the gate", "after the gate"]


async def test_a_follower_sees_lines_while_the_step_runs_and_ends_with_the_execution(world: World) -> None:
    """M8: the first line comes before the step is let on."""
    handle = await world.client.start(talking.stands_and_talks)
    seen: list[str] = []

    async def follow() -> None:
        async for line in handle.logs():
            if line.level == "stdout":
                seen.append(line.message)
                ledger.gate(handle.id).set()

    await asyncio.wait_for(follow(), PATIENCE_S)
    assert seen == ["before the gate", "after the gate"]


async def test_output_of_concurrent_steps_never_mixes(world: World) -> None:
    """M9: of fifty concurrent executions with three concurrent steps each, one in a thread, each holds only its own lines."""
    handles = await world.client.start_many(talking.says_own_ids, [()] * 50)
    await asyncio.gather(*(handle.result(PATIENCE_S) for handle in handles))
    for handle in handles:
        lines = [line.message for line in await lines_of(world, handle, 7) if line.level == "stdout"]
        assert lines == [handle.id] * 7


async def test_logging_outside_a_step_is_left_alone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """M9: it reaches its handlers, and no execution."""
    handle = await world.client.start(talking.talks)
    await handle.result(PATIENCE_S)
    count = len(await lines_of(world, handle, 5))
    logging.getLogger("tests.elsewhere").warning("outside")
    await world.node.journal.drained()
    assert "outside" in caplog.text
    assert len(await lines_of(world, handle, count)) == count


async def test_an_execution_is_shown_with_its_steps_and_logs(world: World) -> None:
    """M10, N1: where asked for."""
    handle = await world.client.start(talking.talks)
    await handle.result(PATIENCE_S)
    await lines_of(world, handle, 5)
    assert (await handle.describe()).logs == ()
    view = await handle.describe(include_logs=True)
    assert [step.name for step in view.steps] == ["logs_each_level"]
    assert {line.number for line in view.logs} == {view.steps[0].number}
