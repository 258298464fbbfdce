"""`Flow`: a workflow as a graph of steps, in blocks or with edges; `Workflow`: the same as a class.

Both are workflows like any `@workflow` function: started, called as children, replayed and pinned in the same way.
"""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

from cerebelum.engine.authoring import blocks
from cerebelum.engine.authoring.blocks import Block, FlowEdge
from cerebelum.engine.authoring.flow_input import FlowSignature
from cerebelum.engine.authoring.flow_steps import FlowSteps, functions_in
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import graph as g
from cerebelum.engine.domain.durations import Duration
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_flow import InvalidFlow
from cerebelum.engine.domain.graph_checks import check, reachable_functions

F = TypeVar("F", bound=Callable[..., Any])
_PREFIXES = ("_cerebelum_flow", "_cerebelum_pinned")


class FlowWarning(UserWarning):
    """A flow works, but something in it looks like a mistake."""


class FlowDefinition(WorkflowDefinition[..., Any]):
    """A workflow that is a graph."""

    is_definition = False  # it was given as data
    is_abstract = False  # only the base class of all workflows as classes is

    def _declare(
        self,
        name: str,
        *,
        module: str,
        line: tuple[str, int],
        timeout: Duration | None,
        max_retries: int,
        queue: str | None,
        namespace: Mapping[str, Any],
    ) -> None:
        """Become a workflow of this name; `line` is where it is declared: (file, line)."""
        self._graph: g.Graph | None = None
        self._steps: FlowSteps | None = None
        self._namespace = namespace
        declared_in = sys.modules.get(module)  # now: by its name there may be newer code one day
        self._module_space: Mapping[str, Any] = vars(declared_in) if declared_in else {}
        function = _function_of(name, module, line, self._run)
        function.__globals__["__spec__"] = self._module_space.get("__spec__")
        WorkflowDefinition.__init__(self, function, name=name, timeout=timeout, max_retries=max_retries, queue=queue)
        self.signature = FlowSignature(name)

    @property
    def graph(self) -> g.Graph:
        """The graph, checked.

        Raises:
            InvalidFlow: it has faults; all are listed.
        """
        if self._graph is None:
            graph = self._build()
            found = check(graph, owner=self.name, is_definition=self.is_definition)
            if found.faults:
                raise InvalidFlow(self.name, found.faults)
            for text in found.warnings:
                warnings.warn(f"flow {self.name!r}: {text}", FlowWarning, stacklevel=3)
            self._graph = graph
        return self._graph

    def reachable_functions(self) -> list[Callable[..., Any]]:
        """Return every function that can be reached from the entry point, depth first."""
        return [found.function for found in reachable_functions(self.graph) if found.function is not None]

    def _build(self) -> g.Graph:
        raise NotImplementedError

    async def _run(self, input_: dict[str, Any]) -> Any:
        from cerebelum.engine.authoring.flow_interpreter import run_graph

        graph = self.graph
        if self._steps is None:
            self._steps = FlowSteps(self._find, self._name_of)
        return await run_graph(graph, self._steps, input_)

    def _find(self, name: str) -> Callable[..., Any] | None:
        return dict(functions_in(dict(self._scope()))).get(name)

    def _name_of(self, function: Callable[..., Any]) -> str:
        for name, value in functions_in(dict(self._scope())):
            if value is function:
                return name
        raise DefinitionError(f"parallel([…]): {function!r} is no function of {self.name!r} or of its module")

    def _scope(self) -> Mapping[str, Any]:
        return {**self._module_space, **self._namespace}


class Flow(FlowDefinition):
    """A workflow made of blocks.

    `Flow("order", validate, decision(risk, {"high": [review]}), parallel_steps…)`: functions and `@step`s run one after
    the other; see `cerebelum.decision`, `switch`, `loop`, `parallel`, `foreach`, `subflow`, `node`, `delay`, `receive`,
    `ask`. Or as decorators: `flow = Flow("order")`, then `@flow.step` above each function, in their order.

    Args:
        name: how it is started and listed.
        blocks: run one after the other, unless `edges` say otherwise.
        edges: `edge(a, b, when=…)`: who follows whom. Several that match run at once.
        entrypoint: with edges: the first; default: the function named `start`, else the first block.
        timeout, max_retries, queue: as in `@workflow`.

    Raises:
        InvalidFlow: all its faults.
        DefinitionError: something in it is no block.
    """

    def __init__(
        self,
        name: str,
        /,
        *parts: Any,
        edges: Sequence[FlowEdge] = (),
        entrypoint: Callable[..., Any] | Block | None = None,
        timeout: Duration | None = None,
        max_retries: int = 0,
        queue: str | None = None,
    ) -> None:
        caller = sys._getframe(1)
        self._parts: list[Any] = list(parts)
        self._edges, self._entrypoint = list(edges), entrypoint
        self._declare(
            name, module=caller.f_globals.get("__name__", "__main__"), line=(caller.f_code.co_filename, caller.f_lineno),
            timeout=timeout, max_retries=max_retries, queue=queue, namespace={},
        )  # fmt: skip
        if self._parts or self._edges:
            self.graph  # noqa: B018 - faults are told where it is declared

    @staticmethod
    def from_definition(
        definition: Mapping[str, Any],
        *,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        modules: Mapping[str, types.ModuleType] | None = None,
    ) -> FlowDefinition:
        """Return the flow that a definition says: a dict with `name`, `entrypoint`, `nodes` and `edges`.

        Args:
            functions: name to function, as the definition names them; given, it reaches no others. Default: functions
                and steps are imported as "module:function", from modules of your own.
            modules: loaded modules by name, instead of importing them.

        Raises:
            InvalidFlow: it has faults; all are listed, with the ids of their nodes.
            DefinitionUnreadable: it is too large, or holds what JSON cannot.
        """
        from cerebelum.engine.authoring.definitions.defined_flow import DefinedFlow  # few flows are data

        return DefinedFlow(definition, functions=functions, modules=modules, caller=sys._getframe(1))

    @overload
    def step(self, function: F, /) -> F: ...
    @overload
    def step(self, **options: Any) -> Callable[[F], F]: ...

    def step(self, *functions: Any, **options: Any) -> Any:
        """Add a function as the next step: `@flow.step`, or `@flow.step(retry=…)` with the options of `node`."""
        if not functions:
            return lambda function: self._added(function, blocks.node(function, **options))
        return self._added(functions[0], blocks.node(functions[0]))

    def decision(self, branches: Mapping[str, Any], **options: Any) -> Callable[[F], F]:
        """Add a function as a decision: `@flow.decision({"high": [review]})`."""
        return lambda function: self._added(function, blocks.decision(function, branches, **options))

    def add(self, *parts: Any) -> None:
        """Add blocks, functions or flows behind what is there."""
        self._parts.extend(parts)
        self._graph = None

    def edge(self, source: Any, target: Any, **options: Any) -> None:
        """Add an edge; see `cerebelum.edge`."""
        self._edges.append(blocks.edge(source, target, **options))
        self._graph = None

    def _added(self, function: F, block: Block) -> F:
        self.add(block)
        return function

    def _build(self) -> g.Graph:
        if not self._edges:
            try:
                return blocks.sequence_graph(self.name, self._parts)
            except RecursionError:
                raise InvalidFlow(self.name, ["lists are nested too deep"]) from None
        return graph_of_edges(self.name, self._parts, self._edges, self._entrypoint, passes="context")


def graph_of_edges(
    name: str, parts: Sequence[Any], edges: Sequence[FlowEdge], entrypoint: Any, *, passes: str
) -> g.Graph:
    """Return the graph of functions (or blocks) and the edges between them.

    Raises:
        InvalidFlow: it has no entry point.
    """
    nodes: dict[str, g.Node] = {}
    ids: dict[int, str] = {}

    def id_of(written: Any) -> str:
        part = written.__func__ if isinstance(written, staticmethod) else written
        if id(part) not in ids:
            block = blocks.as_block(part)
            node = block.node
            if passes == "state" and isinstance(node, g.Step):
                node = g.Step(node.function, node.options, node.label, passes="state")
            ids[id(part)] = blocks.free_name(block.name, nodes)
            nodes[ids[id(part)]] = node
        return ids[id(part)]

    for part in parts:
        id_of(part)
    drawn = tuple(
        g.Edge(id_of(e.source), id_of(e.target), blocks.condition(e.when), e.label, e.max_iterations, e.metadata)
        for e in edges
    )
    if entrypoint is not None:
        first = id_of(entrypoint)
    elif "start" in nodes or passes == "state":
        first = "start"
    else:
        first = next(iter(nodes), "")
    return g.Graph(name, first, nodes, drawn, {"passes": passes})


class WorkflowClass(FlowDefinition, type):
    """Makes each subclass of `Workflow` a workflow."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_: Any) -> WorkflowClass:
        """Make the class."""
        return type.__new__(mcls, name, bases, namespace)

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_: Any) -> None:
        """Read its graph, once, when the class is defined."""
        type.__init__(cls, name, bases, namespace)
        if not bases:
            return
        caller = sys._getframe(1)
        module = namespace.get("__module__", "__main__")
        given = {key: namespace.get(key) for key in ("name", "timeout", "max_retries", "queue")}
        cls._own = dict(namespace)
        cls.is_abstract = False
        cls._declare(
            given["name"] if isinstance(given["name"], str) else f"{_public(module)}.{name}",
            module=module, line=(caller.f_code.co_filename, int(namespace.get("__firstlineno__") or caller.f_lineno)),
            timeout=given["timeout"], max_retries=given["max_retries"] or 0, queue=given["queue"], namespace=cls._own,
        )  # fmt: skip
        cls.graph  # noqa: B018 - faults are told where it is declared

    def _build(cls) -> g.Graph:
        own = {
            name: value for name, value in functions_in(cls._own) if not name.startswith("__") and name != "entrypoint"
        }
        edges = list(cls._own.get("edges", ()))
        parts = [value for name, value in own.items() if isinstance(value, types.FunctionType)]
        entrypoint = cls._own.get("entrypoint")
        return graph_of_edges(cls.name, parts, edges, entrypoint, passes="state")


class Workflow(metaclass=WorkflowClass):
    """A workflow as a class of functions and the edges between them.

    Each function takes the state and returns `ok(state)`, `error(reason)`, `sleep(duration, state)` or
    `parallel([functions], state)`; type checkers want `@staticmethod` above each. `edges` is a list of `edge(a, b, when=…)`; it begins at the function `start`, or at
    `entrypoint`. Its name is the class's with its module: "my_app.ProcessOrder". Optional: `timeout`, `max_retries`,
    `queue`.
    """

    is_abstract = True

    @staticmethod
    def new(definition: Any) -> Any:
        """Return a definition as an entity: checked, with id, version, nodes, edges and times; see `Flow.from_definition`.

        Raises:
            InvalidFlow: it has faults; all are listed, with the ids of their nodes.
            DefinitionUnreadable: it is too large, or holds what JSON cannot.
        """
        from cerebelum.engine.authoring.definitions.checking import Definition

        return Definition.new(definition)


def _public(module: str) -> str:
    head, _, rest = module.partition(".")
    return rest.partition(".")[2] if head in _PREFIXES else module


def _function_of(name: str, module: str, line: tuple[str, int], run: Callable[..., Any]) -> Any:
    """Return the flow as a function of the file that declares it: frames, lines and digests are those of the file."""
    code = _BEGIN.replace(co_filename=line[0], co_firstlineno=line[1], co_name=name, co_qualname=name)
    function = types.FunctionType(code, {"__name__": module, "__builtins__": __builtins__, "_run": run}, name)
    function.__module__, function.__qualname__ = module, name
    return function


# On one line, so that each flow's function can be one line of its file; `_run` is in each function's own globals.
_BEGIN: types.CodeType = next(
    constant
    for constant in compile("async def _begin(input): return await _run(input)", __file__, "exec").co_consts
    if isinstance(constant, types.CodeType)
)
