"""What the comparison of two executions says, in words. Values are masked."""

from __future__ import annotations

from typing import Any

import msgspec

from cerebelum.engine.application.diffing import ExecutionDiff
from cerebelum.engine.domain.aligning import Pair, ValueChange, changed_value
from cerebelum.engine.runtime.rendering import mask_json

KIND_MARKS = {"same": " ", "changed": "~", "only_first": "-", "only_second": "+"}


def pair_numbers(pair: Pair) -> str:
    """Return `5`, `5/7`, or `5/·` where only one has it."""
    first, second = ("·" if side is None else str(side.version) for side in (pair.first, pair.second))
    return first if first == second else f"{first}/{second}"


def pair_name(found: ExecutionDiff, pair: Pair) -> str:
    """Return the step, signal or workflow that an event is about; "" where it is about none."""
    recorded, state = (pair.first, found.states[0]) if pair.first is not None else (pair.second, found.states[1])
    event: Any = None if recorded is None else recorded.event()
    number = int(getattr(event, "of", 0) or getattr(event, "number", 0))
    event = state.steps.get(number, event)
    return str(getattr(event, "place", "") or getattr(event, "name", "") or getattr(event, "workflow", ""))


def side_value(change: ValueChange, side: msgspec.Raw) -> Any:
    """Return a side of a change, masked if one of the names that lead to it says that it is a secret."""
    value = changed_value(side)
    names = change.path.replace("]", "").replace("[", ".").split(".")
    for name in reversed(names):
        value = mask_json({name: value})[name]
    return value
