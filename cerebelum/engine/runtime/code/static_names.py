"""What a name in workflow code stands for, as far as that can be known without running it."""

from __future__ import annotations

import ast
import asyncio
import builtins
import functools
import inspect
import time
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any

from msgspec import Struct

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.sketch import Ways

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


class Unknown:
    """Decided when the code runs."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN = Unknown()


class Opaque:
    """A local value that is known to be no part of the graph: a queue, a lock, an event."""


OPAQUE = Opaque()


class SagaBlock:
    """What `async with saga() as undo` binds."""


class Tasks(Struct):
    """Started and not yet awaited: the ways that are open behind them."""

    exits: Ways
    group: bool = False  # a TaskGroup, whose end awaits them


class Deferred(Struct):
    """A coroutine, or several, that was made and runs where it is awaited."""

    expression: ast.expr


class Child(Struct):
    """`workflow.child`."""

    definition: Any


class LocalFunction(Struct):
    """A function whose source is at hand, with the scope that its free names belong to."""

    node: FunctionNode
    scope: Scope
    file: str


class Scope:
    """The names of one function. What was assigned in it is unknown, unless it was bound to something known."""

    def __init__(
        self, globals_: Mapping[str, Any], parent: Scope | None = None, locals_: set[str] | None = None
    ) -> None:
        self._globals, self._parent = globals_, parent
        self._locals = locals_ or set()
        self._bound: dict[str, Any] = {}

    @property
    def globals(self) -> Mapping[str, Any]:
        return self._globals

    def bind(self, name: str, value: Any) -> None:
        self._bound[name] = value

    def forget(self, name: str) -> None:
        self._bound.pop(name, None)

    def look_up(self, name: str) -> Any:
        if name in self._bound:
            return self._bound[name]
        if name in self._locals:
            return UNKNOWN
        if self._parent is not None:
            return self._parent.look_up(name)
        if name in self._globals:
            return self._globals[name]
        return getattr(builtins, name, UNKNOWN)

    def resolve(self, expression: ast.expr) -> Any:
        """Return what an expression stands for, `UNKNOWN` where only running it would tell."""
        if isinstance(expression, ast.Name):
            return self.look_up(expression.id)
        if isinstance(expression, ast.Attribute):
            return _attribute(self.resolve(expression.value), expression.attr)
        if isinstance(expression, ast.Subscript):  # asyncio.Queue[int]
            found = self.resolve(expression.value)
            return found if isinstance(found, type) else UNKNOWN
        if isinstance(expression, ast.Call):
            module = str(getattr(self.resolve(expression.func), "__module__", ""))
            return OPAQUE if module.partition(".")[0] == "asyncio" else UNKNOWN
        return UNKNOWN


def _attribute(holder: Any, name: str) -> Any:
    if isinstance(holder, WorkflowDefinition) and name == "child":
        return Child(holder)
    if isinstance(holder, ModuleType):
        if holder.__name__ == "cerebelum":
            return getattr(holder, name, UNKNOWN)  # its names are loaded at first use
        return vars(holder).get(name, UNKNOWN)
    if isinstance(holder, type):
        return inspect.getattr_static(holder, name, UNKNOWN)
    return OPAQUE if isinstance(holder, Opaque) else UNKNOWN


def local_names(node: FunctionNode) -> set[str]:
    """Return the parameters of a function and the names that it assigns, those of functions within left out."""
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    found = {argument.arg for argument in every if argument is not None}
    outside: set[str] = set()
    stack: list[ast.AST] = list(node.body)
    while stack:
        part = stack.pop()
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.add(part.id)
        elif isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(part.name)
            continue
        elif isinstance(part, ast.Global | ast.Nonlocal):
            outside.update(part.names)
        elif isinstance(part, ast.ExceptHandler) and part.name:
            found.add(part.name)
        elif isinstance(part, ast.Import | ast.ImportFrom):
            found.update((alias.asname or alias.name).partition(".")[0] for alias in part.names)
        elif isinstance(part, ast.MatchAs | ast.MatchStar) and part.name:
            found.add(part.name)
        if not isinstance(part, ast.Lambda):
            stack.extend(ast.iter_child_nodes(part))
    return found - outside


# How the engine's own functions are drawn. By name and package, so that one that moves is still known.
OWN: Mapping[str, str] = {
    "sleep": "sleep",
    "sleep_for": "sleep",
    "sleep_until": "sleep",
    "wait_for_signal": "signal",
    "wait_until": "signal",
    "wait_for_input": "input",
    "wait_for_single_choice": "input",
    "wait_for_multi_choice": "input",
    "continue_as_new": "continue",
    "map_steps": "map",
    "together": "together",
    "saga": "saga",
}
_ASYNCIO: Mapping[Callable[..., Any], str] = {
    asyncio.sleep: "sleep",
    time.sleep: "sleep",
    asyncio.gather: "gather",
    asyncio.wait: "wait",
    asyncio.wait_for: "wrapper",
    asyncio.shield: "wrapper",
    asyncio.as_completed: "gather",
    asyncio.create_task: "task",
    asyncio.ensure_future: "task",
    asyncio.TaskGroup: "group",
    functools.partial: "partial",
}


def known_function(callee: Any) -> str:
    """Return how calls of a library function are drawn, "" if there is nothing special about it."""
    try:
        found = _ASYNCIO.get(callee, "")
    except TypeError:  # cannot be hashed
        return ""
    if found:
        return found
    module = getattr(callee, "__module__", None) or ""
    if isinstance(callee, FunctionType) and (module == "cerebelum" or module.startswith("cerebelum.engine.")):
        return OWN.get(callee.__name__, "")
    return ""
