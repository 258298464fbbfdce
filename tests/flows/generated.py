"""Random flows: every kind of block, nested at random."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from cerebelum import (
    Flow,
    append_context,
    ask,
    decision,
    delay,
    foreach,
    increment_context,
    loop,
    node,
    parallel,
    receive,
    step,
    subflow,
    switch,
    workflow,
)
from cerebelum.engine.authoring.blocks import Block
from cerebelum.engine.domain.graph import (
    Computed,
    ForEach,
    FunctionRef,
    Graph,
    Input,
    Loop,
    Map,
    Signal,
    all_nodes,
    bodies,
)
from cerebelum.engine.domain.retry import Retry
from tests.flows.ledger import effect

_tries: dict[tuple[str, str], int] = {}


@step
def add() -> int:
    effect("add")
    increment_context("n")
    return 1


async def note() -> str:
    append_context("notes", "noted")
    return "noted"


def flaky() -> str:
    from cerebelum import info

    if info().attempt < 2:
        increment_context("n", 100)  # of a failed attempt: it vanishes
        raise ConnectionError("try again")
    return "fine"


def pick(n: int = 0) -> str:
    return "even" if n % 2 == 0 else "odd"


def blow() -> None:
    raise ValueError("generated to fail")


def undone() -> None:
    effect("undone")


@workflow
async def generated_child(value: int) -> int:
    return value * 2


def doubled(item: int) -> int:
    append_context("notes", f"doubled {item}")
    return item * 2


def three(ctx: Any) -> list[int]:
    return [1, 2, 3]


def tell(ctx: Any) -> dict[str, Any]:
    """The result of a random flow: all that it wrote."""
    return dict(sorted(ctx.as_dict().items()))


undoable = node(add, name="undoable", compensate=undone)
mapped = Block("mapped", Map(FunctionRef.of(doubled), Computed(FunctionRef.of(three)), concurrency=2, collect="mapped"))
unanswered = ask("unanswered", timeout=0.001, default="nobody")
_leaves = st.sampled_from(
    [
        undoable,
        node(note, collect="noted"),
        node(flaky, retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.001)),
        delay(0.001),
        receive("go"),
        ask("approve"),
        unanswered,
        mapped,
        subflow(generated_child, input=lambda ctx: {"value": ctx.get("n", 0)}, collect="of child"),
    ]
)


def _nested(body: st.SearchStrategy[Any]) -> st.SearchStrategy[Block]:
    bodies: st.SearchStrategy[list[Any]] = st.lists(body, min_size=1, max_size=2)
    return st.one_of(
        bodies.map(lambda b: decision(pick, {"even": b})),
        st.tuples(bodies, bodies).map(lambda b: switch("switch", on=lambda ctx: ctx.get("n", 0), cases={0: b[0]}, default=b[1])),
        bodies.map(lambda b: loop("loop", while_=lambda ctx: ctx.iteration < 2, body=b)),
        st.tuples(bodies, bodies).map(lambda b: parallel("parallel", *b)),
        st.tuples(bodies, st.integers(1, 2)).map(
            lambda b: foreach("foreach", items=lambda ctx: [1, 2], body=[node(_ignore), *b[0]], concurrency=b[1], collect="all")
        ),
    )  # fmt: skip


def _ignore(item: int) -> int:
    return item


def block_kinds() -> dict[str, Any]:
    """Return one way to put each composite block around blocks."""
    return {
        "sequence": lambda b: [*b],
        "decision": lambda b: decision(pick, {"even": b, "odd": b}),
        "switch": lambda b: switch("switch", on=lambda ctx: 1, cases={1: b}),
        "loop": lambda b: loop("loop", while_=lambda ctx: ctx.iteration < 2, body=b),
        "parallel": lambda b: parallel("parallel", b, [add]),
        "foreach": lambda b: foreach("foreach", items=lambda ctx: [1, 2], body=b),
        "foreach_at_once": lambda b: foreach("foreach", items=lambda ctx: [1, 2], body=b, concurrency=2),
    }


def leaf_kinds() -> dict[str, Any]:
    """Return a block of each kind that holds no others."""
    return {
        "step": undoable,
        "delay": delay(0.001),
        "signal": receive("go"),
        "input": ask("approve"),
        "unanswered": unanswered,
        "map": mapped,
        "subflow": subflow(generated_child, input=lambda ctx: {"value": ctx.get("n", 0)}),
        "failure": node(blow),
    }


def flows(max_leaves: int = 6) -> st.SearchStrategy[Flow]:
    """Return random flows; some fail in the end, some wherever they please."""
    failing = st.sampled_from([False] * 5 + [True])
    leaf = failing.flatmap(lambda fails: st.just(node(blow)) if fails else _leaves)
    block = st.recursive(st.one_of(_leaves, _leaves, leaf), _nested, max_leaves=max_leaves)
    ends = st.sampled_from([[add, tell], [add, tell], [add, blow]])
    starts: st.SearchStrategy[list[Any]] = st.lists(block, min_size=1, max_size=3)
    return st.builds(lambda start, end: Flow("generated", *start, *end), starts, ends)


def signals_of(graph: Graph) -> int:
    """Return how many signals a generated flow takes at most: loops and foreachs run their bodies twice."""
    total = 0
    for node_ in graph.nodes.values():
        inner = sum(signals_of(body) for _, body in bodies(node_))
        total += isinstance(node_, Signal) + inner * (2 if isinstance(node_, Loop | ForEach) else 1)
    return total


def asks(graph: Graph) -> bool:
    """Return whether a generated flow asks people."""
    return any(isinstance(node_, Input) for _, node_ in all_nodes(graph))
