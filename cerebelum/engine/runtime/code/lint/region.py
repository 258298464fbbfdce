"""Workflow code: the bodies of workflows, and of the functions of the project that they call."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator
from functools import cached_property

from cerebelum.engine.runtime.code.lint.linked_modules import LintModule, Place
from cerebelum.engine.runtime.code.lint.module_facts import WorkflowNode, decorated, dotted, imports_of
from cerebelum.engine.runtime.code.static_names import FunctionNode, local_names

_CALLS_ITS_ARGUMENT = frozenset({"map", "filter", "sorted", "min", "max", "partial", "together", "on_query", "on_update",
                                 "wait_until", "reduce"})  # fmt: skip
_BUILTINS = frozenset(dir(builtins))


class Region:
    """One function that runs as workflow code.

    Args:
        workflow: the workflow that reaches it.
        is_plain: whether that one is a plain `def`, where `time.sleep` is a timer.
        hidden: names that the functions around it bind.
    """

    def __init__(
        self, module: LintModule, node: FunctionNode, *, workflow: str, is_plain: bool, hidden: frozenset[str]
    ) -> None:
        self.module, self.facts, self.node = module, module.facts, node
        self.workflow, self.is_plain = workflow, is_plain
        self._hidden = hidden

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """What runs as workflow code: functions within and lambdas included, steps that are defined there left out."""
        return tuple(self._below(self.node.body))

    @cached_property
    def imports(self) -> dict[str, str]:
        """What the names of imports stand for here; a name that is bound here to something else is not among them."""
        local = imports_of(self.nodes)
        seen = {name: found for name, found in self.facts.imports.items() if name not in self._locals}
        return {**seen, **local}

    @cached_property
    def _locals(self) -> frozenset[str]:
        found = set(local_names(self.node))
        for node in self.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found |= local_names(node)
            elif isinstance(node, ast.Lambda):
                found |= {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
        return self._hidden | found

    def is_global(self, name: str) -> bool:
        """Whether `name` means what the module has under it."""
        return name in self.facts.bound and name not in self._locals

    def name_of(self, expression: ast.expr) -> str:
        """Return "time.sleep", "builtins.open" for what an expression stands for; "" where that is not known."""
        found = dotted(expression, self.imports)
        if found or not isinstance(expression, ast.Name):
            return found
        name = expression.id
        is_free = name in _BUILTINS and name not in self._locals and name not in self.facts.bound
        return f"builtins.{name}" if is_free else ""

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Yield each call with the name of what is called."""
        for node in self.nodes:
            if isinstance(node, ast.Call):
                yield node, self.name_of(node.func)

    def called(self) -> Iterator[ast.expr]:
        """Yield what is called here, and what is handed to something that calls it."""
        for call, name in self.calls():
            yield call.func
            if name.rpartition(".")[2] in _CALLS_ITS_ARGUMENT:
                yield from call.args
                yield from (word.value for word in call.keywords)

    def _below(self, body: list[ast.stmt]) -> Iterator[ast.AST]:
        stack: list[ast.AST] = list(reversed(body))
        while stack:
            node = stack.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and decorated(
                node, self.facts.imports, ("step", "workflow")
            ):
                continue
            yield node
            stack.extend(reversed(list(ast.iter_child_nodes(node))))


Follow = Callable[[LintModule, str], Place | None]


def regions(module: LintModule, follow: Follow) -> Iterator[Region]:
    """Yield all workflow code that the workflows of a module reach.

    Args:
        follow: gives the function of another module that a name stands for in this one.
    """
    for workflow in module.facts.workflows:
        yield from _reached(module, workflow, follow)


def _reached(module: LintModule, workflow: WorkflowNode, follow: Follow) -> Iterator[Region]:
    is_plain = isinstance(workflow.node, ast.FunctionDef)
    waiting = [(module, workflow.node, workflow.hidden)]
    seen = {id(workflow.node)}
    while waiting:
        place, node, hidden = waiting.pop()
        region = Region(place, node, workflow=workflow.name, is_plain=is_plain, hidden=hidden)
        yield region
        for expression in region.called():
            found = _function(region, expression, follow)
            if found is not None and id(found[1]) not in seen:
                seen.add(id(found[1]))
                waiting.append((*found, frozenset()))


def _function(region: Region, expression: ast.expr, follow: Follow) -> Place | None:
    """Return the function of the project that an expression stands for."""
    if isinstance(expression, ast.Name) and region.is_global(expression.id):
        function = region.facts.functions.get(expression.id)
        return None if function is None else (region.module, function)
    name = region.name_of(expression)
    return follow(region.module, name) if "." in name and not name.startswith("builtins.") else None
