"""Starts work beside the keys, in a worker of a screen or the application; it ends with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from textual.dom import DOMNode


def begin(
    owner: DOMNode, work: Callable[[], Awaitable[object]], *, name: str = "", group: str = "default", only: bool = False
) -> None:
    """Begin `work`. It is not called before its turn comes: where its owner closes first, nothing is left unawaited.

    Args:
        only: what else runs in this group is cancelled.
    """
    call: Any = work
    owner.run_worker(call, name=name, group=group, exclusive=only)
