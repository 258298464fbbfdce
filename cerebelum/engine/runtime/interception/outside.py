from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cerebelum.engine.authoring.activation import slot


@contextmanager
def outside() -> Iterator[None]:
    """Run engine code in the midst of an activation as if there were none: real time, nothing forbidden."""
    activation = slot.activation
    slot.activation = None
    try:
        yield
    finally:
        slot.activation = activation
