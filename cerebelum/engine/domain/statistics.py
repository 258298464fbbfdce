"""What many executions of a workflow did at each node: how long it took, and how often it failed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import ceil

import msgspec

from cerebelum.engine.domain.drawing import Drawing, ExecutionMark, Statistics


def with_statistics(drawing: Drawing, overlays: Iterable[Drawing]) -> Drawing:
    """Return `drawing` with the statistics of executions that were laid over it, one drawing each.

    Only what has ended counts. Percentiles are by nearest rank: durations that did occur.
    """
    durations: dict[str, list[float]] = defaultdict(list)
    failures: dict[str, int] = defaultdict(int)
    for overlay in overlays:
        for node in overlay.nodes:
            if node.state is not None and _has_ended(node.state):
                durations[node.id].append((node.state.duration_ms or 0.0) / max(node.state.count, 1))
                failures[node.id] += node.state.status == "failed"
    nodes = tuple(
        msgspec.structs.replace(node, statistics=_statistics(durations[node.id], failures[node.id]))
        if node.id in durations
        else node
        for node in drawing.nodes
    )
    return msgspec.structs.replace(drawing, nodes=nodes)


def _has_ended(state: ExecutionMark) -> bool:
    return state.status in ("completed", "failed")


def _statistics(durations: list[float], failures: int) -> Statistics:
    count = len(durations)
    return Statistics(count, percentile(durations, 0.5), percentile(durations, 0.95), failures / count)


def percentile(values: list[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of all are not above."""
    ordered = sorted(values)
    return ordered[max(ceil(share * len(ordered)) - 1, 0)]
