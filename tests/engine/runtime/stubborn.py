# ruff: noqa: SIM105 - careless code is what is tested
"""Workflows that catch whatever ends them, and go on; and a process that throws them away, for tests that must not hang."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from cerebelum import sleep, step, wait_for_signal, workflow
from cerebelum.engine.authoring.workflow import WorkflowDefinition


@step
async def touch(what: str) -> None:
    print(f"effect: {what}", flush=True)  # noqa: T201 - read by the test


@workflow
async def steps_for_ever() -> None:
    while True:
        try:
            await touch("step")
        except BaseException:
            continue


@workflow
async def sleeps_for_ever() -> None:
    while True:
        with contextlib.suppress(BaseException):
            await sleep(60)


@workflow
async def begins_to_turn() -> None:
    with contextlib.suppress(BaseException):
        await touch("first")
    while True:
        try:
            await asyncio.sleep(0)
        except BaseException:
            pass


@workflow
async def waits_for_ever() -> None:
    while True:
        try:
            await wait_for_signal("never")
        except BaseException:
            pass


async def stubborn_child(what: str) -> None:
    while True:
        try:
            await touch(what)
        except BaseException:
            continue


@workflow
async def gathers_for_ever() -> None:
    while True:
        try:
            await asyncio.gather(stubborn_child("a"), stubborn_child("b"))
        except BaseException:
            continue


@workflow
async def sleeps_on_when_cancelled() -> None:
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


@workflow
async def waits_on_nothing() -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.get_running_loop().create_future()


@workflow
async def computes_in_its_cleanup() -> None:
    try:
        await touch("first")
    finally:
        while True:
            pass


EVICTED: list[WorkflowDefinition[..., None]] = [
    steps_for_ever, sleeps_for_ever, begins_to_turn, waits_for_ever, gathers_for_ever, sleeps_on_when_cancelled,
]  # fmt: skip


def main() -> None:
    """Throw away the workflow that the command line names, and end."""
    from cerebelum.engine.runtime.interception import install
    from tests.engine.runtime.played import Played

    install()
    played = Played(next(each for each in EVICTED if each.name == sys.argv[1]))
    assert played.run.pending
    played.run.close()
    assert not played.run.pending
    print("thrown away", flush=True)  # noqa: T201 - read by the test


if __name__ == "__main__":
    main()
