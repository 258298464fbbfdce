"""Flows as data."""

from __future__ import annotations

import threading
from typing import Any

from cerebelum.engine.authoring.flow import Flow

meeting = threading.Barrier(1)


def double(x: int) -> int:
    return 2 * x


def multiply(numbers: list[int], factor: int) -> int:
    return sum(numbers) * factor


def large() -> str:
    return "large"


def small() -> str:
    return "small"


def left() -> str:
    return "left"


def right() -> str:
    return "right"


def first() -> str:
    return "first"


def second() -> str:
    return "second"


def meet() -> None:
    meeting.wait(20)


def late() -> str:
    return "late"


def add(count: int = 0) -> int:
    return count + 1


def reserve() -> str:
    return "reserved"


def release(reserved: str) -> str:
    return f"released {reserved}"


def refuse() -> None:
    raise ValueError("always")


def _node(function: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "config": {"function": f"{__name__}:{function}", **more}}


DOUBLES: dict[str, Any] = {
    "name": "doubles",
    "entrypoint": "double",
    "nodes": {"double": {"type": "map", "config": {"function": f"{__name__}:double", "items": [1, 2, 3]}}},
}
EMBEDS: dict[str, Any] = {
    "name": "embeds_defined",
    "entrypoint": "embed",
    "nodes": {
        "embed": {"type": "map", "config": {"function": "queued:job", "items": list(range(30)), "queue": "background"}}
    },
}
doubles = Flow.from_definition(DOUBLES)
totals = Flow.from_definition(
    {"name": "totals", "entrypoint": "sum", "nodes": {"sum": {**_node("multiply", result="x"), "next_nodes": ["end"]},
     "end": _node("double")}}
)  # fmt: skip
chooses = Flow.from_definition(
    {
        "name": "chooses",
        "entrypoint": "is_large",
        "nodes": {
            "is_large": {"type": "conditional", "config": {"condition": 'total > 1000 and country in ["CH", "DE"]'},
                         "next_nodes": ["large", "small"]},
            "large": {**_node("large"), "next_nodes": ["both"]},
            "small": {**_node("small"), "next_nodes": ["both"]},
            "both": {"type": "parallel", "config": {"children": ["left", "right"]}, "next_nodes": ["in_order"]},
            "left": _node("left"),
            "right": _node("right"),
            "in_order": {"type": "sequential", "config": {"children": ["first", "second"]}},
            "first": _node("first"),
            "second": _node("second"),
        },
    }
)  # fmt: skip
meets = Flow.from_definition(
    {
        "name": "meets",
        "entrypoint": "both",
        "nodes": {
            "both": {"type": "parallel", "config": {"children": ["a", "b"]}},
            "a": _node("meet"),
            "b": _node("meet"),
        },
    }
)
delayed = Flow.from_definition(
    {
        "name": "delayed",
        "entrypoint": "wait",
        "nodes": {
            "wait": {"type": "delay", "config": {"duration": "1h"}, "next_nodes": ["late"]},
            "late": _node("late"),
        },
    }
)
counts = Flow.from_definition(
    {
        "name": "counts",
        "entrypoint": "add",
        "nodes": {"add": _node("add", result="count")},
        "edges": [{"from": "add", "to": "add", "condition": "count < most", "max_iterations": 5}],
    }
)
optional = Flow.from_definition(
    {
        "name": "optional",
        "entrypoint": "reserve",
        "queue": "high_priority",
        "nodes": {
            "reserve": {
                **_node("reserve", queue="background", compensate=f"{__name__}:release"),
                "next_nodes": ["refuse"],
            },
            "refuse": _node("refuse", retry={"max_attempts": 2, "backoff": "constant", "backoff_base": 0.001}),
        },
    }
)
