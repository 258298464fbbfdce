"""Tunes the cyclic garbage collector while a node runs.

Executions come and go by the ten thousand, and are taken apart when they end, so that counting references frees them.
At its default thresholds the collector walks them all again and again and finds nothing: a third of the processor time
of a busy node. Everything loaded at the start is frozen besides. The collector is the process's: the last node to stop
restores it.
"""

from __future__ import annotations

import gc
import threading

_BUSY_THRESHOLDS = (50_000, 20, 100)

_lock = threading.Lock()
_nodes = 0
_before = gc.get_threshold()


def node_started() -> None:
    """Tune the collector, for the first node of the process."""
    global _nodes, _before  # noqa: PLW0603 - the collector is process-wide, and so is its count of users
    with _lock:
        _nodes += 1
        if _nodes == 1:
            _before = gc.get_threshold()
            if _before[0]:  # a process that switched it off keeps it off
                gc.freeze()
                gc.set_threshold(*_BUSY_THRESHOLDS)


def node_stopped() -> None:
    """Restore the collector after the last node of the process."""
    global _nodes  # noqa: PLW0603 - as above
    with _lock:
        _nodes -= 1
        if _nodes == 0 and _before[0]:
            gc.set_threshold(*_before)
            gc.unfreeze()
