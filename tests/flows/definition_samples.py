"""A definition with a node of every type, and functions that it may name."""

from __future__ import annotations

from typing import Any

from cerebelum import step

DELAY: dict[str, Any] = {"type": "delay", "config": {"duration": 1}}
WHOLE: dict[str, Any] = {
    "name": "order",
    "entrypoint": "load",
    "version": 3,
    "timeout": "2h",
    "max_retries": 1,
    "queue": "orders",
    "nodes": {
        "load": {"type": "map", "config": {"function": "m:f", "items": [1, 2], "concurrency": 2, "result": "loaded"}, "next_nodes": ["large"]},
        "large": {"type": "conditional", "config": {"condition": "len(loaded) > 1", "then": "both", "else": "wait"}},
        "both": {"type": "parallel", "config": {"children": ["one", "rows"]}, "next_nodes": ["wait"]},
        "one": {"type": "function", "config": {"function": "m:f", "retry": {"max_attempts": 2, "backoff": "constant", "max_backoff": "1m"}, "timeout": "5m", "queue": "q", "compensate": "m:f"}},
        "rows": {"type": "sequential", "config": {"children": ["two", "pause"]}},
        "two": {"type": "function", "config": {"function": "m:f", "at_most_once": True}},
        "pause": {"type": "delay", "config": {"until": "2030-01-01T00:00:00+00:00"}},
        "wait": {"type": "delay", "config": {"duration": "1d"}},
    },
    "edges": [{"from": "wait", "to": "load", "condition": "again", "max_iterations": 3, "label": "once more"}],
}  # fmt: skip


def function(item: int) -> int:
    return item


@step
def a_step(item: int) -> int:
    return item
