"""What is edited while it runs: texts of flows, and of uvicorn's application. Each edit is of another length than the last.

Python takes a compiled module for current by the second of its time and by its length: uvicorn would serve the old one.
"""

from __future__ import annotations

from pathlib import Path

_PULSE = """\
import asyncio
import time

from cerebelum import continue_as_new, step, workflow

STAMPED = []


@step
async def note() -> None:
    if not STAMPED:
        STAMPED.append(True)
        with open({stamps!r}, "a") as stamps:
            stamps.write("{marker} " + str(time.monotonic_ns()) + "\\n")
    await asyncio.sleep(0.002)


@workflow
async def pulse() -> None:
    await note()
    continue_as_new()
"""

_OPEN = """\
import asyncio

from cerebelum import step, wait_for_signal, workflow


@step
def prepare() -> int:
    return {marker}


@step
def audit() -> int:
    return {marker}


@step
async def work() -> int:
    await asyncio.sleep(3600)
    return {marker}


@workflow
async def order(kind: str) -> int:
{first}    await prepare()
    if kind == "step":
        return await work()
    if kind == "sleeping":
        await asyncio.sleep(3600)
    else:
        await wait_for_signal("go")
    return {marker}
"""

_APPLICATION = """\
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({{"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]}})
    await send({{"type": "http.response.body", "body": b"{marker}"}})
"""


def pulse(marker: int, stamps: Path) -> str:
    """Return a workflow that runs again and again, a new execution each time; the first on new code notes when it ran."""
    return _longer(_PULSE.format(marker=marker, stamps=str(stamps)), marker)


def open_order(marker: int, *, fits: bool) -> str:
    """Return a workflow whose executions stay open: asleep, waiting, or in a step.

    Args:
        fits: whether histories of another marker's text that fits go on; else none does, whatever it waits for.
    """
    return _longer(_OPEN.format(marker=marker, first="" if fits else "    await audit()\n"), marker)


def application(marker: int) -> str:
    """Return an ASGI application that answers with the marker."""
    return _longer(_APPLICATION.format(marker=marker), marker)


def _longer(text: str, marker: int) -> str:
    return f"{text}# {'.' * marker}\n"
