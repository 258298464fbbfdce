"""The steps of one flow: made once from its graph's functions, called with what their parameters ask for."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import Any

from msgspec import Struct

from cerebelum.engine.authoring.contexts import context as current_context
from cerebelum.engine.authoring.contexts import flow_context
from cerebelum.engine.authoring.flow_state import Branch
from cerebelum.engine.authoring.saga import Saga
from cerebelum.engine.authoring.state_steps import with_outcome
from cerebelum.engine.authoring.step import StepDefinition
from cerebelum.engine.authoring.waits import activation_of
from cerebelum.engine.domain import graph as g
from cerebelum.engine.domain.context import Context
from cerebelum.engine.domain.durations import US_PER_S
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_context import ContextKeyMissing
from cerebelum.engine.domain.expression import Expression

CONTEXT_NAMES = ("ctx", "context", "state")
_GIVEN = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Callee(Struct, frozen=True):
    """A step of a flow, and what it is called with."""

    step: StepDefinition[..., Any]
    line: tuple[CodeType, int]
    parameters: tuple[inspect.Parameter, ...]  # without the context's
    undo: Callee | None = None
    passes_state: bool = False


class FlowSteps:
    """Makes and calls the steps of one flow.

    Args:
        find: gives a function of the same workflow by its name, for `parallel([…])` in workflows of edges.
        name_of: the reverse.
    """

    def __init__(
        self,
        find: Callable[[str], Callable[..., Any] | None],
        name_of: Callable[[Callable[..., Any]], str],
    ) -> None:
        self._find, self._name_of = find, name_of
        self._callees: dict[int, tuple[Any, Callee]] = {}
        self._named: dict[str, g.Step] = {}
        self._expressions: dict[str, Expression] = {}

    async def call(
        self, node: g.Step | g.Decision, place: str, branch: Branch, undo: Saga
    ) -> tuple[Any, Sequence[Any]]:
        """Run the step of a node; return its result and what it wrote to the context."""
        callee = self._callee(node)
        given = {"state": branch.state} if callee.passes_state else _arguments(callee, branch, None)
        future: Any = activation_of("a flow").call_step(
            callee.step, (), given, callee.line, place=place, context=None if callee.passes_state else branch.context
        )
        result = await future
        if callee.undo is not None:
            undo.add(_Undo(callee.undo, f"{place}/{callee.undo.step.name}", branch, result))
        return result, future.patch

    def value(self, value: g.Value, branch: Branch) -> Any:
        """Ask a function of the state, or evaluate an expression over it."""
        view = branch.view()
        if isinstance(value, g.Expression):
            expression = self._expressions.get(value.text)
            if expression is None:
                expression = self._expressions[value.text] = Expression(value.text)
            return expression.evaluate(view.as_dict() if isinstance(view, Context) else view)
        function = value.function.function
        assert function is not None, "a graph that was read back is not run"
        if not isinstance(view, Context):
            return function(view)
        token = flow_context.set(view)
        try:
            return function(view) if _takes_one(function) else function()
        finally:
            flow_context.reset(token)

    def named(self, node: g.Step, name: str) -> g.Step:
        """Return the node of a function that `parallel([…])` named.

        Raises:
            DefinitionError: there is none of this name any more.
        """
        found = self._named.get(name)
        if found is None:
            function = self._find(name)
            if function is None:
                raise DefinitionError(f"the workflow has no function {name!r} (any more): parallel([…]) named it")
            found = self._named[name] = g.Step(g.FunctionRef.of(function), node.options, passes="state")
        return found

    def _callee(self, node: g.Step | g.Decision) -> Callee:
        known = self._callees.get(id(node))
        if known is None:
            passes_state = isinstance(node, g.Step) and node.passes == "state"
            callee = self._made(node.function, node.options, passes_state=passes_state)
            known = self._callees[id(node)] = node, callee
        return known[1]

    def _made(self, reference: g.FunctionRef, options: g.StepOptions, *, passes_state: bool) -> Callee:
        declared = reference.function
        assert declared is not None, "a graph that was read back is not run"
        own = declared if isinstance(declared, StepDefinition) else None
        function: Callable[..., Any] = own.function if own else declared
        parameters = tuple(inspect.signature(function).parameters.values())
        called = with_outcome(function, self._name_of) if passes_state else _without_context(function, parameters)
        timeout_us = options.timeout_us if options.timeout_us is not None else own.timeout_us if own else None
        at_most_once = options.at_most_once if options.at_most_once is not None else bool(own and own.at_most_once)
        step: StepDefinition[..., Any] = StepDefinition(
            called,
            name=reference.short_name,
            retry=options.retry or (None if own is None or at_most_once else own.retry),
            timeout=None if timeout_us is None else timeout_us / US_PER_S,
            at_most_once=at_most_once,
            transactional=bool(own and own.transactional),
            queue=options.queue or (own.queue if own else None),
        )
        undo = options.compensate or (g.FunctionRef.of(own.compensate) if own and own.compensate else None)
        return Callee(
            step=step,
            line=line_of(function),
            parameters=tuple(p for p in parameters if p.name not in CONTEXT_NAMES and p.kind in _GIVEN),
            undo=None if undo is None else self._made(undo, g.StepOptions(), passes_state=False),
            passes_state=passes_state,
        )


class _Undo:
    """A compensation of a flow: itself a step, that reads the context of the branch."""

    def __init__(self, callee: Callee, place: str, branch: Branch, result: Any) -> None:
        self.name = callee.step.name
        self._callee, self._place, self._branch, self._result = callee, place, branch, result

    async def __call__(self) -> Any:
        given = _arguments(self._callee, self._branch, (self._result,))
        branch = self._branch
        context = Context(branch.state) if isinstance(branch.state, dict) and branch.is_state else branch.context
        future: Any = activation_of("a flow").call_step(
            self._callee.step, (), given, self._callee.line, place=self._place, context=context
        )
        result = await future
        if not branch.is_state:
            branch.apply(future.patch)
        return result


def _arguments(callee: Callee, branch: Branch, first: tuple[Any, ...] | None) -> dict[str, Any]:
    """Return the arguments: the item (or what is undone) first, all others by name from the context."""
    given: dict[str, Any] = {}
    leading = iter(first if first is not None else (branch.item,) if branch.has_item else ())
    values: Any = branch.state if branch.is_state else branch.context
    for parameter in callee.parameters:
        for value in leading:
            given[parameter.name] = value
            break
        else:
            _by_name(parameter, values, branch, given, callee.step.name)
    return given


def _by_name(parameter: inspect.Parameter, values: Any, branch: Branch, given: dict[str, Any], step: str) -> None:
    name = parameter.name
    if name in values:
        given[name] = values[name]
    elif name == "input":
        given[name] = branch.context.input
    elif name == "index" and branch.has_item:
        given[name] = branch.index
    elif parameter.default is inspect.Parameter.empty:
        missing = ContextKeyMissing(name, known=tuple(values)[:20])
        missing.add_note(f"step {step!r} has a parameter of this name")
        raise missing


def _without_context(function: Callable[..., Any], parameters: Sequence[inspect.Parameter]) -> Callable[..., Any]:
    """Return `function` with the context already given, where it asks for it."""
    name = next((p.name for p in parameters if p.name in CONTEXT_NAMES), None)
    if name is None:
        return function
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def called(*args: Any, **kwargs: Any) -> Any:
            return await function(*args, **{name: current_context()}, **kwargs)

    else:

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **{name: current_context()}, **kwargs)

    rest = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters if p.name != name and p.kind in _GIVEN]
    called.__signature__ = inspect.Signature(rest)  # type: ignore[attr-defined]
    return called


def line_of(function: Callable[..., Any]) -> tuple[CodeType, int]:
    """Return where a function is declared: of a step of a flow, the line that asked for it."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        code = FlowSteps.call.__code__  # a line of ours is not shown
    return code, code.co_firstlineno


def _takes_one(function: Callable[..., Any]) -> bool:
    code = getattr(function, "__code__", None)
    return code is None or bool(code.co_argcount) or bool(code.co_flags & inspect.CO_VARARGS)


def functions_in(namespace: dict[str, Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the functions and steps of a module or class by name."""
    for name, value in namespace.items():
        plain = value.__func__ if isinstance(value, staticmethod) else value
        if callable(plain) and not isinstance(plain, type):
            yield name, plain
