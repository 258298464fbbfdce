"""The blocks of a `Flow`: what a flow is made of, as values. Each becomes one node of the graph.

A sequence of blocks is written as a list: functions and steps stand for themselves, a flow or workflow in it is a
subflow, a list in it is a sequence of its own.
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, overload

from msgspec import Struct

from cerebelum.engine.authoring.outcome import Error, Ok, Together
from cerebelum.engine.authoring.step import StepDefinition
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import graph as g
from cerebelum.engine.domain.durations import Duration, duration_us, instant_us
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.retry import Retry


class Block(Struct, frozen=True, eq=False):
    """A named node of a flow that is being written."""

    name: str
    node: g.Node


Blocks: TypeAlias = "Block | Callable[..., Any] | Iterable[Block | Callable[..., Any] | Iterable[Any]]"
Over: TypeAlias = "Callable[[Any], Any] | str | g.Expression"  # a function of the context, or an expression as text


def node(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    compensate: Callable[..., Any] | None = None,
    queue: str | None = None,
    at_most_once: bool | None = None,
    collect: str | None = None,
    label: str | None = None,
) -> Block:
    """Return a step of a flow with options of its own; those left out are the function's own.

    Args:
        function: a function or `@step`. Its parameters are filled by name from the context; `ctx` is the whole context,
            and in a `foreach` the first other parameter is the item.
        name: of the node; default: the function's name.
        retry, timeout, compensate, queue, at_most_once: as in `@step`.
        collect: the key of the context that gets the result.
        label: what drawings show.
    """
    options = step_options(retry=retry, timeout=timeout, compensate=compensate, queue=queue, at_most_once=at_most_once)
    reference = _reference(function)
    return Block(name or reference.short_name, g.Step(reference, options, label, collect=collect))


def decision(
    function: Callable[..., Any], branches: Mapping[str, Blocks], *, name: str | None = None, **options: Any
) -> Block:
    """Return a block that calls `function` and runs the branch that its result names, or none.

    Args:
        function: a function or step, as in `node`; returns the label.
        branches: label -> blocks.
        options: as in `node`.
    """
    reference = _reference(function)
    title = name or reference.short_name
    graphs = {str(label): sequence_graph(str(label), body) for label, body in branches.items()}
    return Block(title, g.Decision(reference, graphs, step_options(**options)))


def switch(name: str, *, on: Over, cases: Mapping[Any, Blocks], default: Blocks | None = None) -> Block:
    """Return a block that runs the case equal to `on`, a function of the context, else `default`, else nothing."""
    graphs = tuple(g.Case(value, sequence_graph(str(value), body)) for value, body in cases.items())
    rest = None if default is None else sequence_graph("default", default)
    return Block(name, g.Switch(over(on, "switch(on=…)"), graphs, rest))


def loop(name: str, *, while_: Over, body: Blocks, max_iterations: int | None = None) -> Block:
    """Return a block that runs `body` while `while_` holds, which is asked before each pass.

    Args:
        while_: a function of the context.
        max_iterations: a pass beyond it fails the flow with `IterationsExceeded`.
    """
    if max_iterations is not None and (type(max_iterations) is not int or max_iterations < 1):
        raise DefinitionError(f"loop {name!r}: max_iterations={max_iterations!r} must be a whole number, 1 or more")
    return Block(name, g.Loop(over(while_, "loop(while_=…)"), sequence_graph(name, body), max_iterations))


@overload
def parallel(name: str, /, *branches: Blocks) -> Block: ...
@overload
def parallel(functions: Sequence[Callable[..., Any]], state: Any = ..., /) -> Together: ...


def parallel(first: Any, /, *rest: Any) -> Any:
    """Return a block that runs its branches at once, and goes on when all have ended: `parallel("prepare", [a], [b, c])`.

    Returned from a function of a `Workflow`, `parallel([a, b], state)` runs these functions at once, each from `state`
    (default: the state that the function was given), and goes on with what they made of it.
    """
    if not isinstance(first, str):
        return Together(tuple(first), rest[0] if rest else None, has_state=bool(rest))
    name, branches = first, rest
    return Block(name, g.Parallel(tuple(sequence_graph(str(i), branch) for i, branch in enumerate(branches))))


def foreach(name: str, *, items: Over, body: Blocks, concurrency: int = 1, collect: str | None = None) -> Block:
    """Return a block that runs `body` for each item.

    Args:
        items: a function of the context that gives a list; asked once.
        concurrency: how many items are under way at once. At 1 each item sees what those before it wrote.
        collect: the key of the context that gets what the last step of the body returned, per item, in order.
    """
    if type(concurrency) is not int or concurrency < 1:
        raise DefinitionError(f"foreach {name!r}: concurrency={concurrency!r} must be a whole number, 1 or more")
    return Block(name, g.ForEach(over(items, "foreach(items=…)"), sequence_graph(name, body), concurrency, collect))


def subflow(
    flow: WorkflowDefinition[..., Any],
    *,
    name: str | None = None,
    input: Over | None = None,  # noqa: A002 - the word that people know
    collect: str | None = None,
) -> Block:
    """Return a block that runs another flow or workflow as a child execution.

    Args:
        input: a function of the context that gives the child's arguments as a dict; default: the context.
        collect: the key of the context that gets its result.
    """
    reference = g.FunctionRef(f"{flow.__module__}:{flow.name}", flow)
    given = None if input is None else over(input, "subflow(input=…)")
    return Block(name or flow.name, g.Subflow(reference, given, collect))


def delay(duration: Duration | Callable[[Any], Any], *, name: str = "delay") -> Block:
    """Return a block that sleeps, for a time or for what a function of the context says (seconds, timedelta, datetime)."""
    if callable(duration):
        return Block(name, g.Delay(computed=over(duration, "delay(…)")))
    return Block(name, g.Delay(duration_us=duration_us(duration, what="delay(…)")))


def delay_until(moment: datetime, *, name: str = "delay") -> Block:
    """Return a block that sleeps until an aware datetime."""
    return Block(name, g.Delay(until_us=instant_us(moment, what="delay_until(…)")))


def receive(
    name: str,
    *,
    match: Callable[[Any], bool] | None = None,
    timeout: Duration | None = None,
    collect: str | None = None,
) -> Block:
    """Return a block that waits for a signal; its payload goes to the key `collect`, by default the signal's name."""
    limit = None if timeout is None else duration_us(timeout, what="receive(timeout=…)")
    return Block(name, g.Signal(name, limit, None if match is None else g.FunctionRef.of(match), collect))


def ask(name: str, *, timeout: Duration | None = None, collect: str | None = None, **options: Any) -> Block:
    """Return a block that waits for a person's answer; it goes to the key `collect`, by default the input's name.

    Args:
        options: `form`, `prompt`, `default`: as `wait_for_input` takes them.
    """
    limit = None if timeout is None else duration_us(timeout, what="ask(timeout=…)")
    return Block(name, g.Input(name, options, limit, collect))


class FlowEdge(Struct, frozen=True, eq=False):
    """An edge between two functions or blocks, as it was written."""

    source: Any
    target: Any
    when: Any = None
    label: str | None = None
    max_iterations: int | None = None
    metadata: dict[str, Any] = {}


def edge(
    source: Any,
    target: Any,
    *,
    when: Any = None,
    label: str | None = None,
    max_iterations: int | None = None,
    metadata: dict[str, Any] | None = None,
) -> FlowEdge:
    """Return an edge from one function to another.

    Args:
        source, target: the functions (or blocks) themselves: a name that does not exist fails when the file is imported.
        when: a function of the state, or a pattern over the result: `ok(...)`, `error(...)`, `ok(value)`; None: always.
        label: what drawings show.
        max_iterations: how often the edge may be taken; needed where it closes a cycle without a condition.
    """
    return FlowEdge(source, target, when, label, max_iterations, metadata or {})


# -- from what people write to nodes ------------------------------------------------------------------------------


def step_options(
    *,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    compensate: Callable[..., Any] | None = None,
    queue: str | None = None,
    at_most_once: bool | None = None,
) -> g.StepOptions:
    """Return the options of one step."""
    limit = None if timeout is None else duration_us(timeout, what="timeout")
    undo = None if compensate is None else _reference(compensate)
    return g.StepOptions(retry, limit, undo, queue, at_most_once)


def as_block(value: Any) -> Block:
    """Return `value` as a block: a block, a function or step, a flow or workflow, a list of them.

    Raises:
        DefinitionError: it is none of these.
    """
    if isinstance(value, Block):
        return value
    if isinstance(value, WorkflowDefinition):
        return subflow(value)
    if isinstance(value, list | tuple):
        return Block("sequence", g.Sequence(sequence_graph("sequence", value)))
    if callable(value):
        return node(value)
    raise DefinitionError(f"{value!r} is no block of a flow: give functions, steps, blocks, flows, or lists of them")


def sequence_graph(name: str, body: Any, **metadata: Any) -> g.Graph:
    """Return the graph of blocks that run one after the other. A name that comes again gets a number: "charge-2"."""
    values = body if isinstance(body, list | tuple) else (body,)
    nodes: dict[str, g.Node] = {}
    for block in map(as_block, values):
        nodes[free_name(block.name, nodes)] = block.node
    return g.Graph.chain(name, nodes, **metadata)


def free_name(name: str, taken: Mapping[str, object]) -> str:
    """Return `name`, or with the first number behind it that is free."""
    if name not in taken:
        return name
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"


def over(value: Any, what: str) -> g.Value:
    """Return a function of the context, or an expression, as the graph keeps it.

    Raises:
        DefinitionError: it is neither, or an `async def`.
    """
    if isinstance(value, g.Expression):
        return value
    if isinstance(value, str):
        return g.Expression(value)
    if not callable(value):
        raise DefinitionError(f"{what} must be a function of the context, not {value!r}")
    if inspect.iscoroutinefunction(value) or isinstance(value, StepDefinition):
        raise DefinitionError(f"{what} is asked by workflow code: give a plain function without side effects, no step")
    return g.Computed(g.FunctionRef.of(value), source_text(value))


def condition(when: Any) -> g.Condition | None:
    """Return an edge's `when=` as the graph keeps it."""
    if when is None:
        return None
    if isinstance(when, Ok):
        return g.Pattern("ok", when.value is ..., None if when.value is ... else when.value)
    if isinstance(when, Error):
        return g.Pattern("error", when.anything, None if when.anything else when.reason)
    if when.__class__.__name__ == "function" and when.__module__ == Ok.__module__:  # `when=ok`, `when=error`
        return g.Pattern(when.__name__)
    return over(when, "edge(when=…)")


def source_text(function: Callable[..., Any]) -> str:
    """Return the one line of a lambda behind its colon, or the function's name: what drawings show."""
    name = getattr(function, "__name__", type(function).__name__)
    if name != "<lambda>":
        return str(name)
    code = function.__code__
    line = linecache.getline(code.co_filename, code.co_firstlineno)
    text = line.partition("lambda")[2].partition(":")[2].strip()
    return _until_closed(text) if text else "lambda"


def _until_closed(text: str) -> str:
    depth, quote = 0, ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}," and depth == 0:
            return text[:position].strip()
        elif character in ")]}":
            depth -= 1
    return text


def _reference(function: Any) -> g.FunctionRef:
    if not callable(function):
        raise DefinitionError(f"{function!r} is not a function or step")
    return g.FunctionRef.of(function)
