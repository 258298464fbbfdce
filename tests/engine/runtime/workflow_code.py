"""Stands for a running activation: as much of one as the interception asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from cerebelum.engine.authoring.activation import Activation, slot
from cerebelum.engine.runtime.randomness import rng_for

NOW_US = 1_700_000_000_123_456  # 2023-11-14T22:13:20.123456Z


class SmallActivation:
    def __init__(self, execution_id: str = "exec-1", now_us: int = NOW_US, seed: int = 0) -> None:
        self.execution_id = execution_id
        self.rng = rng_for(execution_id, seed)
        self._now_us = now_us

    def now_us(self) -> int:
        return self._now_us


@contextmanager
def inside(activation: SmallActivation | None = None) -> Iterator[SmallActivation]:
    """Run the body as workflow code."""
    activation = activation or SmallActivation()
    before, slot.activation = slot.activation, cast("Activation", activation)
    try:
        yield activation
    finally:
        slot.activation = before
