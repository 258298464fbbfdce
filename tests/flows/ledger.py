"""What steps did to the world, and gates at which they wait for the test. By execution, since flows are shared."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from cerebelum import info

effects: dict[str, list[str]] = defaultdict(list)
_gates: dict[tuple[str, str], asyncio.Event] = {}


def effect(text: str) -> None:
    """Take effect on the world, outside the store."""
    effects[info().execution_id].append(text)


def gate(execution_id: str, name: str = "gate") -> asyncio.Event:
    """Return the gate of this name; the test sets it."""
    return _gates.setdefault((execution_id, name), asyncio.Event())


async def pass_gate(name: str = "gate") -> None:
    """Inside a step: say that the gate is reached, and wait until the test opens it."""
    effect(f"at {name}")
    await gate(info().execution_id, name).wait()
