"""One flow for each kind of block, and for what can go wrong in one."""

from __future__ import annotations

from typing import Any

from cerebelum import (
    Flow,
    Workflow,
    append_context,
    decision,
    delay,
    edge,
    foreach,
    increment_context,
    info,
    loop,
    node,
    ok,
    parallel,
    put_context,
    receive,
    sleep,
    subflow,
    switch,
    workflow,
)
from tests.flows.ledger import effect, pass_gate


def one() -> int:
    effect("one")
    increment_context("n")
    return 1


def two(n: int) -> int:
    effect("two")
    return n + 1


def label(kind: str = "a") -> str:
    return kind


def double(item: int) -> int:
    append_context("results", item * 2)
    return item * 2


def fail() -> None:
    raise ValueError("broken")


def undo_one(result: int) -> None:
    effect(f"undo {result}")


async def gated() -> None:
    await pass_gate()


steps = Flow("steps", one, node(two, collect="two"), one)
chosen = Flow("chosen", decision(label, {"a": [one], "b": [node(two)]}), lambda ctx: ctx.as_dict())
switched = Flow(
    "switched",
    switch("route", on=lambda ctx: ctx.kind, cases={"billing": [one], "technical": [one, one]}, default=[fail]),
    lambda ctx: ctx.n,
)
looped = Flow("looped", loop("again", while_=lambda ctx: ctx.get("n", 0) < 3, body=[one, delay(0.001)]))
endless = Flow("endless", loop("again", while_=lambda ctx: True, body=[one], max_iterations=5))
at_once = Flow("at_once", parallel("both", [one], [one, one]), node(two))
each = Flow("each", foreach("each", items=lambda ctx: ctx["items"], body=[double], collect="doubled"))
each_at_once = Flow(
    "each_at_once", foreach("each", items=lambda ctx: ctx["items"], body=[double], concurrency=2, collect="doubled")
)
waits = Flow("waits", receive("go", collect="went"), delay(0.001), lambda ctx: ctx.went)
failing_branch = Flow("failing_branch", parallel("both", [node(one, compensate=undo_one)], [fail]))
held = Flow("held", loop("again", while_=lambda ctx: ctx.get("n", 0) < 2, body=[one, gated]))


@workflow
async def child(n: int) -> int:
    return n * 10


with_child = Flow(
    "with_child",
    one,
    subflow(child, input=lambda ctx: {"n": ctx.n}, collect="tenfold"),
    subflow(steps, name="inner", input=lambda ctx: {}, collect="inner"),
    lambda ctx: [ctx.tenfold, ctx.inner],
)
nested_wait = Flow(
    "nested_wait",
    loop(
        "again",
        while_=lambda ctx: ctx.get("n", 0) < 2,
        body=[decision(label, {"a": [receive("go"), one]}), parallel("both", [delay(0.001)], [one])],
    ),
)


def resumed_with(ctx: Any) -> Any:
    return [ctx.n, info().resume_data]


naps = Flow("naps", one, delay(3_600), resumed_with)
merged = Flow("merged", parallel("both", *([one] for _ in range(10))))


def put_left() -> None:
    put_context("side", "left")


def put_right() -> None:
    put_context("side", "right")


conflicting = Flow("conflicting", parallel("both", [put_left], [put_right]))
edges = Flow(
    "edges",
    edges=[
        edge(one, two, when=ok(1)),
        edge(one, double, when=lambda ctx: ctx.n > 5),
        edge(two, one, when=lambda ctx: ctx.n < 3, max_iterations=5),
    ],
)


class Pauses(Workflow):
    def begin(state: Any) -> Any:  # noqa: N805
        return sleep({"ms": 5}, {**state, "slept": True})

    def spread(state: Any) -> Any:  # noqa: N805
        return _together(state)

    def left(state: Any) -> Any:  # noqa: N805
        return ok({**state, "left": 1})

    def right(state: Any) -> Any:  # noqa: N805
        return ok({**state, "right": 1})

    entrypoint = begin
    edges = (edge(begin, spread), edge(spread, left, when=lambda s: False), edge(spread, right, when=lambda s: False))


def _together(state: Any) -> Any:
    return parallel([Pauses.left, Pauses.right], {**state, "spread": True})


class Wrong(Workflow):
    def start(state: Any) -> Any:  # noqa: N805
        return 42


class Rounds(Workflow):
    def start(state: Any) -> Any:  # noqa: N805
        return ok({"n": state.get("n", 0) + 1})

    edges = (edge(start, start, max_iterations=5),)
