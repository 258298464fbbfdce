"""The targets of the design's table of speeds, and whether measurements meet them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

from msgspec import Struct

SQLITE, POSTGRES = "cerebelum-sqlite", "cerebelum-postgres"
PEER_OF: Mapping[str, str] = {
    "cerebelum-sqlite": "dbos-sqlite",
    "cerebelum-sqlite-normal": "dbos-sqlite",
    "cerebelum-postgres": "dbos-postgres",
}
FLAT = 1.25  # last steps over first steps: the noise of a shared machine, no growth


class Metric(Struct, frozen=True):
    """One row of the results."""

    workload: str
    name: str
    text: str
    unit: str
    more_is_better: bool = False


class Target(Struct, frozen=True):
    """What one engine's metric must reach; a ratio is counted against its peer on the same database."""

    engine: str
    workload: str
    metric: str
    bound: float
    is_ratio: bool = False


class Verdict(Struct, frozen=True):
    """A target beside what was measured; `value` is a figure, or a ratio."""

    target: Target
    metric: Metric
    value: float | None

    @property
    def met(self) -> bool | None:
        """None where nothing was measured."""
        if self.value is None:
            return None
        at_least = self.target.is_ratio or self.metric.more_is_better
        reaches: Callable[[float, float], bool] = operator.ge if at_least else operator.le
        return reaches(self.value, self.target.bound)


METRICS = (
    Metric("W1", "workflows_per_s", "one-step workflows, started together (`start_many`)", "workflows/s", True),
    Metric("W1", "singly_per_s", "the same, one `start` each", "workflows/s", True),
    Metric("W2", "steps_per_s", "concurrent workflows of 10 sequential steps", "steps/s", True),
    Metric("W3", "p50_ms", "one idle one-step workflow, p50", "ms"),
    Metric("W3", "p99_ms", "the same, p99", "ms"),
    Metric("W4", "seconds", "steps in one `gather`", "s"),
    Metric("W5", "seconds", "workflows put to sleep for an hour", "s"),
    Metric("W5", "memory_kib_each", "memory of each sleeper, all it took to get there included", "KiB"),
    Metric("W5", "further_memory_kib_each", "memory that each of a further crowd adds", "KiB"),
    Metric("W5", "disk_bytes_each", "database bytes of each sleeper", "bytes"),
    Metric("W6", "seconds", "kill -9 midway, new process, until all have ended", "s"),
    Metric("W7", "seconds", "sequential steps of one workflow", "s"),
    Metric("W7", "last_to_first", "its last steps over its first", "ratio"),
    Metric("W8", "bare_ms", "`python -c pass`", "ms"),
    Metric("W8", "version_over_bare_ms", "`cerebelum --version`, over bare Python", "ms"),
    Metric("W8", "list_over_bare_ms", "`cerebelum list`, over bare Python", "ms"),
    Metric("W8", "run_over_bare_ms", "`cerebelum run` of a one-step flow, over bare Python", "ms"),
    Metric("W8", "first_run_ms", "the first `run` in a folder: makes the database", "ms"),
    Metric("W9", "events_per_s", "replay without frames", "events/s", True),
    Metric("W9", "events_with_frames_per_s", "replay with a frame at each event", "events/s", True),
    Metric("W9", "steps_per_s", "steps of a workflow replayed without frames", "steps/s", True),
    Metric("W9", "temporal_steps_per_s", "Temporal's `Replayer` on the history of the same workflow", "steps/s", True),
    Metric("W9", "first_frame_ms", "from the loaded history to the first frame on show", "ms"),
    Metric("W9", "jump_p99_ms", "going to any event of the replay, p99", "ms"),
    Metric(
        "D1", "ready_over_bare_ms", "`cerebelum dev` in the basic project to its ready line, over bare Python", "ms"
    ),
    Metric("D1", "first_ready_ms", "the first `dev` in a folder: makes the database; bare Python included", "ms"),
    Metric(
        "D1", "uvicorn_over_bare_ms", "uvicorn `--reload` of a few lines to its first answer, over bare Python", "ms"
    ),
    Metric("D2", "live_p50_ms", "a flow's save until an execution runs on it, p50", "ms"),
    Metric("D2", "live_p95_ms", "a flow's save until an execution runs on it, p95", "ms"),
    Metric("D2", "inside_p50_ms", "of this, from the news of the save until new starts use it, p50", "ms"),
    Metric("D2", "inside_p95_ms", "of this, from the news of the save until new starts use it, p95", "ms"),
    Metric("D2", "uvicorn_p50_ms", "uvicorn `--reload`: the save until a response is of the new code, p50", "ms"),
    Metric("D2", "uvicorn_p95_ms", "uvicorn `--reload`: the save until a response is of the new code, p95", "ms"),
    Metric("D3", "moved_ms", "a flow's save until it is told that all open executions moved", "ms"),
    Metric("D3", "moved_inside_ms", "of this, from the news of the save", "ms"),
    Metric("D3", "kept_ms", "a flow's save until it is told that all open executions stay: none fits", "ms"),
    Metric("D3", "kept_inside_ms", "of this, from the news of the save", "ms"),
    Metric("T1", "shown_ms", "the TUI on so many executions: from the application's making to its first rows", "ms"),
    Metric("T1", "process_over_bare_ms", "the same, from the start of its process, over bare Python", "ms"),
    Metric("T2", "shown_ms", "a history of so many events: from the application's making to its newest event", "ms"),
    Metric("T2", "process_over_bare_ms", "the same, from the start of its process, over bare Python", "ms"),
    Metric("T3", "list_p50_ms", "a key until the mark is drawn anew: list, p50", "ms"),
    Metric("T3", "list_p95_ms", "a key until the mark is drawn anew: list, p95", "ms"),
    Metric("T3", "history_p50_ms", "a key until the mark is drawn anew: history, while its frames are made, p50", "ms"),
    Metric("T3", "history_p95_ms", "a key until the mark is drawn anew: history, while its frames are made, p95", "ms"),
    Metric("T4", "list_mb", "the process' peak memory: list", "MB"),
    Metric("T4", "history_mb", "the process' peak memory: history, all its frames made", "MB"),
    Metric("T5", "p50_ms", "another process' commit until the row is drawn anew, p50", "ms"),
    Metric("T5", "p95_ms", "another process' commit until the row is drawn anew, p95", "ms"),
)


def _both(
    workload: str, metric: str, sqlite: float, postgres: float, *, is_ratio: bool = False
) -> tuple[Target, Target]:
    return (
        Target(SQLITE, workload, metric, sqlite, is_ratio),
        Target(POSTGRES, workload, metric, postgres, is_ratio),
    )


TARGETS = (
    *_both("W1", "workflows_per_s", 50, 25, is_ratio=True),
    *_both("W2", "steps_per_s", 55, 35, is_ratio=True),
    *_both("W3", "p50_ms", 1, 1.4),
    *_both("W3", "p99_ms", 3, 4.5),
    *_both("W4", "seconds", 0.1, 0.15),
    *_both("W5", "seconds", 0.5, 0.55),
    *_both("W5", "memory_kib_each", 0.1, 0.1),
    *_both("W5", "further_memory_kib_each", 0.1, 0.1),
    *_both("W5", "disk_bytes_each", 600, 900),
    *_both("W6", "seconds", 1.5, 2),
    *_both("W7", "seconds", 0.8, 1.4),
    *_both("W7", "last_to_first", FLAT, FLAT),
    Target(SQLITE, "W8", "version_over_bare_ms", 80),
    Target(SQLITE, "W8", "list_over_bare_ms", 200),
    Target(SQLITE, "W8", "run_over_bare_ms", 400),
    Target(SQLITE, "W9", "events_per_s", 100_000),
    Target(SQLITE, "W9", "events_with_frames_per_s", 20_000),
    Target(SQLITE, "W9", "jump_p99_ms", 50),
    Target(SQLITE, "D1", "ready_over_bare_ms", 400),
    Target(SQLITE, "D2", "live_p50_ms", 50),
    Target(SQLITE, "D2", "live_p95_ms", 50),
    Target(SQLITE, "D2", "inside_p95_ms", 50),
    Target(SQLITE, "T1", "shown_ms", 300),
    Target(SQLITE, "T2", "shown_ms", 1_000),
    Target(SQLITE, "T3", "list_p95_ms", 50),
    Target(SQLITE, "T3", "history_p95_ms", 50),
    Target(SQLITE, "T4", "history_mb", 300),
    Target(SQLITE, "T5", "p95_ms", 100),
)


def better_by(metric: Metric, ours: float | None, peer: float | None) -> float | None:
    """Return how many times better ours is; None where either was not measured, or a ratio has no meaning."""
    if ours is None or peer is None or ours <= 0 or peer <= 0:
        return None
    return ours / peer if metric.more_is_better else peer / ours


def verdicts(value_of: Callable[[str, str, str], float | None]) -> list[Verdict]:
    """Judge every target; `value_of(engine, workload, metric)` gives the medians."""
    metrics = {(metric.workload, metric.name): metric for metric in METRICS}
    judged = []
    for target in TARGETS:
        metric = metrics[target.workload, target.metric]
        value = value_of(target.engine, target.workload, target.metric)
        if target.is_ratio:
            value = better_by(metric, value, value_of(PEER_OF[target.engine], target.workload, target.metric))
        judged.append(Verdict(target, metric, value))
    return judged
