"""The one form of every graph: blocks, edges between functions and definitions as data all become a `Graph`.

Rules of this file:
- Nodes of one graph are joined by edges. A block (`Decision`, `Loop`, …) is a node that holds graphs of its own, so a
  graph is a tree of small graphs, and every node has a place: "retry/charge".
- Nothing here runs or looks anything up. Functions are kept as `FunctionRef`s; the stored JSON holds their names only,
  and a graph read back from it can be drawn, not run.
- Durations are `_us`: microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct


class FunctionRef:
    """A function by its name "module:qualname". `function` is None in a graph that was read back from JSON."""

    __slots__ = ("function", "name")

    def __init__(self, name: str, function: Callable[..., Any] | None = None) -> None:
        self.name, self.function = name, function

    @classmethod
    def of(cls, function: Callable[..., Any]) -> FunctionRef:
        """Return the reference to `function`: a function, a step, or anything that can be called."""
        qualname = getattr(function, "__qualname__", None) or type(function).__qualname__
        return cls(f"{getattr(function, '__module__', '') or ''}:{qualname}", function)

    @property
    def short_name(self) -> str:
        """The name without module and enclosing scopes, as people call it; a step's own name where it has one."""
        own = getattr(self.function, "name", None)
        return own if isinstance(own, str) and own else self.name.rpartition(":")[2].rpartition(".")[2]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FunctionRef) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"<function {self.name}>"


# -- conditions and computed values ---------------------------------------------------------------------------------


class Computed(Struct, frozen=True, tag="computed"):
    """A function over the state: a predicate, a list of items, a value to switch on. `text` is its source, to show."""

    function: FunctionRef
    text: str = ""


class Expression(Struct, frozen=True, tag="expression"):
    """Text of the whitelist expression language over the state's keys, such as `total > 1000`."""

    text: str


class Pattern(Struct, frozen=True, tag="pattern"):
    """Over the result of the node before: `ok(_)`, `error(_)` or a value that it must equal."""

    outcome: str = "ok"  # or "error"
    anything: bool = True  # else the result, or the error's reason, must equal `value`
    value: Any = None

    @property
    def text(self) -> str:
        """As it was written: `ok(_)`, `error('declined')`."""
        return f"{self.outcome}({'_' if self.anything else repr(self.value)})"


Value: TypeAlias = Computed | Expression
Condition: TypeAlias = Computed | Expression | Pattern


# -- nodes ------------------------------------------------------------------------------------------------------------


class StepOptions(Struct, frozen=True, omit_defaults=True):
    """What a step of a flow may set beyond its function; None: as the function's own `@step` says."""

    retry: Any = None  # a `Retry`; a dict in a graph that was read back
    timeout_us: int | None = None
    compensate: FunctionRef | None = None
    queue: str | None = None
    at_most_once: bool | None = None


class Step(Struct, frozen=True, omit_defaults=True, tag="step"):
    """Calls a function.

    `passes` says with what: "context": by its parameters (`ctx` is the context, the item of a foreach comes first, all
    others are keys of the context); "state": the state, and it returns ok(state), error(reason), sleep(…) or
    parallel(…). `collect` is the key that gets its result.
    """

    function: FunctionRef
    options: StepOptions = StepOptions()
    label: str | None = None
    passes: str = "context"
    collect: str | None = None


class Decision(Struct, frozen=True, omit_defaults=True, tag="decision"):
    """Calls a function; its result names the branch. No such branch: the flow goes on behind the block."""

    function: FunctionRef
    branches: dict[str, Graph]
    options: StepOptions = StepOptions()
    label: str | None = None


class Case(Struct, frozen=True):
    """One case of a switch."""

    value: Any
    body: Graph


class Switch(Struct, frozen=True, omit_defaults=True, tag="switch"):
    """Runs the case whose value equals `on`, else `default`, else nothing."""

    on: Value
    cases: tuple[Case, ...]
    default: Graph | None = None
    label: str | None = None


class Loop(Struct, frozen=True, omit_defaults=True, tag="loop"):
    """Runs `body` while `while_` holds, which is asked before every pass. One pass too many is an error."""

    while_: Value
    body: Graph
    max_iterations: int | None = None
    label: str | None = None


class Parallel(Struct, frozen=True, omit_defaults=True, tag="parallel"):
    """Runs all branches at once and goes on when all have ended."""

    branches: tuple[Graph, ...]
    label: str | None = None


class ForEach(Struct, frozen=True, omit_defaults=True, tag="foreach"):
    """Runs `body` for each of `items`, which is asked once; `collect` is the key that gets the results, in order."""

    items: Value
    body: Graph
    concurrency: int = 1
    collect: str | None = None
    label: str | None = None


class Map(Struct, frozen=True, omit_defaults=True, tag="map"):
    """Calls a function with each of `items`; the results, in order, are the node's result and go to `collect`."""

    function: FunctionRef
    items: Value
    concurrency: int = 50
    collect: str | None = None
    options: StepOptions = StepOptions()
    label: str | None = None


class Sequence(Struct, frozen=True, omit_defaults=True, tag="sequence"):
    """Runs one graph as a part of another."""

    body: Graph
    label: str | None = None


class Subflow(Struct, frozen=True, omit_defaults=True, tag="subflow"):
    """Runs another flow or workflow as a child execution; `collect` is the key that gets its result."""

    flow: FunctionRef  # to the flow or workflow
    input: Value | None = None  # a dict of the child's arguments; None: the context
    collect: str | None = None
    label: str | None = None


class Delay(Struct, frozen=True, omit_defaults=True, tag="delay"):
    """Sleeps on a durable timer, for a fixed time or for as many seconds (until which instant) as `computed` says."""

    duration_us: int | None = None
    until_us: int | None = None  # since the Unix epoch
    computed: Value | None = None  # gives seconds, a timedelta or an aware datetime
    label: str | None = None


class Signal(Struct, frozen=True, omit_defaults=True, tag="signal"):
    """Waits for a signal. `collect` is the key that gets its payload (default: the signal's name)."""

    name: str
    timeout_us: int | None = None
    match: FunctionRef | None = None  # takes the payload
    collect: str | None = None
    label: str | None = None


class Input(Struct, frozen=True, omit_defaults=True, tag="input"):
    """Waits for a person's answer. `collect` is the key that gets it (default: the input's name)."""

    name: str
    options: dict[str, Any] = {}  # form, prompt, default …: as `wait_for_input` takes them
    timeout_us: int | None = None
    collect: str | None = None
    label: str | None = None


Node: TypeAlias = (
    Step | Decision | Switch | Loop | Parallel | ForEach | Map | Sequence | Subflow | Delay | Signal | Input
)
"""A node's id is its key in `Graph.nodes`; `label` is what people read, where it differs."""


class Edge(Struct, frozen=True, omit_defaults=True):
    """From one node to another. No condition counts as always true."""

    source: str
    target: str
    when: Condition | None = None
    label: str | None = None
    max_iterations: int | None = None  # an edge that closes a cycle is taken so often at most
    metadata: dict[str, Any] = {}


class Graph(Struct, frozen=True, omit_defaults=True):
    """Nodes by id, in the order of their declaration, and the edges between them. An empty graph has no entrypoint."""

    name: str
    entrypoint: str = ""
    nodes: dict[str, Node] = {}
    edges: tuple[Edge, ...] = ()
    metadata: dict[str, Any] = {}

    @classmethod
    def chain(cls, name: str, nodes: dict[str, Node], **metadata: Any) -> Graph:
        """Return the graph that runs `nodes` one after the other."""
        ids = list(nodes)
        edges = tuple(Edge(source, target) for source, target in pairwise(ids))
        return cls(name, ids[0] if ids else "", nodes, edges, metadata)

    def out_of(self, node_id: str) -> tuple[Edge, ...]:
        """Return the edges that leave a node, in the order of their declaration."""
        return tuple(edge for edge in self.edges if edge.source == node_id)

    def as_json(self) -> bytes:
        """Return the graph as JSON; functions by name."""
        return _encoder.encode(self)

    @classmethod
    def from_json(cls, data: bytes | str) -> Graph:
        """Return a graph that `as_json` wrote, its functions unresolved.

        Raises:
            msgspec.ValidationError: it is no such thing.
        """
        return _decoder.decode(data)


def bodies(node: Node) -> Iterator[tuple[str, Graph]]:
    """Yield the graphs inside a node, each with the name of its branch ("" for a single body)."""
    if isinstance(node, Decision):
        yield from node.branches.items()
    elif isinstance(node, Switch):
        yield from ((str(case.value), case.body) for case in node.cases)
        if node.default is not None:
            yield "default", node.default
    elif isinstance(node, Parallel):
        yield from ((str(number), branch) for number, branch in enumerate(node.branches))
    elif isinstance(node, Loop | ForEach | Sequence):
        yield "", node.body


def all_nodes(graph: Graph) -> Iterator[tuple[str, Node]]:
    """Yield all nodes at every depth with their places ("retry/charge"), without recursion."""
    stack: list[tuple[str, Graph]] = [("", graph)]
    while stack:
        prefix, current = stack.pop()
        for node_id, node in current.nodes.items():
            place = f"{prefix}{node_id}"
            yield place, node
            stack.extend((f"{place}/{branch}/" if branch else f"{place}/", body) for branch, body in bodies(node))


def functions_of(node: Node) -> Iterator[FunctionRef]:
    """Yield the functions that a node itself names, its conditions included."""
    if isinstance(node, Step | Decision | Map):
        yield node.function
        if node.options.compensate is not None:
            yield node.options.compensate
    if isinstance(node, Subflow):
        yield node.flow
    if isinstance(node, Signal) and node.match is not None:
        yield node.match
    for name in ("on", "while_", "items", "input", "computed"):
        value = getattr(node, name, None)
        if isinstance(value, Computed):
            yield value.function


def _plain(value: Any) -> Any:
    if isinstance(value, FunctionRef):
        return value.name
    if isinstance(value, type):
        return f"{value.__module__}:{value.__qualname__}"
    return repr(value)  # a form, a default: shown, not read back


def _named(kind: type, value: Any) -> Any:
    if kind is FunctionRef and isinstance(value, str):
        return FunctionRef(value)
    raise NotImplementedError(kind)


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_decoder = msgspec.json.Decoder(Graph, dec_hook=_named)
