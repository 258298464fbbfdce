"""Expressions of workflow code: which calls become nodes. What cannot be known is drawn as such, never guessed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from cerebelum.engine.authoring.step import StepDefinition
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.drawing import title_case
from cerebelum.engine.domain.sketch import Sketch, Way, Ways
from cerebelum.engine.runtime.code.static_names import (
    OPAQUE,
    UNKNOWN,
    Child,
    Deferred,
    LocalFunction,
    SagaBlock,
    Scope,
    Tasks,
    known_function,
)
from cerebelum.engine.runtime.code.static_pen import NODES_MAX, Pen, slug, text_of
from cerebelum.engine.runtime.code.static_sources import followed

CONCURRENT = frozenset({"gather", "wait", "together", "task", "wrapper", "map"})
_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


class ExpressionPen(Pen):
    """Draws the calls of expressions, in the order in which Python makes them."""

    def __init__(self, sketch: Sketch, function: LocalFunction) -> None:
        super().__init__(sketch, function.file)
        self.scope: Scope = function.scope
        self.in_async = isinstance(function.node, ast.AsyncFunctionDef)
        self.following: list[ast.AST] = [function.node]

    def follow(self, function: LocalFunction) -> None:
        """Draw the body of a function in the place of its call."""
        raise NotImplementedError

    # -- expressions --------------------------------------------------------------------------------------------------

    def expression(self, node: ast.AST | None) -> None:
        if node is None or not self.ways:
            return
        match node:
            case ast.Await():
                self._await(node.value)
            case ast.Call():
                self._call(node, awaited=False)
            case ast.IfExp():
                self._either(node)
            case ast.BoolOp():
                self._bool(node)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                self.comprehension(node)
            case ast.Lambda():
                pass
            case _:
                for child in ast.iter_child_nodes(node):
                    self.expression(child)

    def _await(self, value: ast.expr) -> None:
        if isinstance(value, ast.Call):
            self._call(value, awaited=True)
            return
        found = self.scope.resolve(value)
        if isinstance(found, Tasks):
            self.ways = united(self.ways, found.exits)
            found.exits.clear()
        elif isinstance(found, Deferred):
            self._deferred(found)
        elif found is UNKNOWN and isinstance(value, ast.Name):
            self._dynamic(value)
        else:
            self.expression(value)

    def _deferred(self, found: Deferred) -> None:
        match found.expression:
            case ast.Call():
                self._call(found.expression, awaited=True)
            case expression:
                self.expression(expression)

    def _either(self, node: ast.IfExp) -> None:
        def draw() -> None:
            head = self._decision(node.test)
            exits: Ways = []
            for label, part in (("yes", node.body), ("no", node.orelse)):
                self.ways = [Way(head, label)]
                self.expression(part)
                exits += self.ways
            self.ways = exits

        self.expression(node.test)
        self.on_trial(draw)

    def _bool(self, node: ast.BoolOp) -> None:
        self.expression(node.values[0])
        goes_on, skips = ("yes", "no") if isinstance(node.op, ast.And) else ("no", "yes")
        for before, value in zip(node.values, node.values[1:], strict=False):

            def draw(before: ast.expr = before, value: ast.expr = value) -> None:
                head = self._decision(before)
                self.ways = [Way(head, goes_on)]
                self.expression(value)
                self.ways = [*self.ways, Way(head, skips)]

            self.on_trial(draw)

    def _decision(self, test: ast.expr) -> str:
        return self.add("decision", text_of(test), test, node_id=f"decision_{slug(text_of(test))}")

    def comprehension(self, node: _Comprehension) -> None:
        elements: Sequence[ast.expr] = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
        first = node.generators[0]
        self.expression(first.iter)
        conditions = [test for generator in node.generators for test in generator.ifs]
        later = [generator.iter for generator in node.generators[1:]]

        def draw_body() -> None:
            for part in (*later, *conditions, *elements):
                self.expression(part)

        self._each(first, draw_body)

    def _each(self, generator: ast.comprehension, draw_body: Callable[[], object]) -> None:
        def draw() -> None:
            label = f"for {text_of(generator.target)} in {text_of(generator.iter)}"
            head = self.add("foreach", label, generator.target, node_id=f"foreach_{slug(text_of(generator.target))}")
            self.ways = [Way(head, "each")]
            draw_body()
            self.sketch.lead(self.ways, head)
            self.ways = [Way(head, "done")]

        self.on_trial(draw)

    # -- calls --------------------------------------------------------------------------------------------------------

    def _call(self, call: ast.Call, *, awaited: bool) -> None:
        callee = self.scope.resolve(call.func)
        kind = known_function(callee)
        if kind in CONCURRENT:
            self.concurrent(kind, call)
            return
        if isinstance(call.func, ast.Attribute) and self._method(call, call.func):
            return
        self.arguments(call)
        if not self.ways:
            return
        if kind:
            self._own(kind, call)
        elif isinstance(callee, StepDefinition):
            self._step(callee, call)
        elif isinstance(callee, WorkflowDefinition | Child):
            definition = callee.definition if isinstance(callee, Child) else callee
            self.add("subflow", title_case(definition.name), call, name=definition.name)
        elif (function := followed(callee, self.scope)) is not None:
            self._follow(function, call)
        elif callee is UNKNOWN and (awaited or self._may_be_a_step(call.func)):
            self._dynamic(call)

    def arguments(self, call: ast.Call) -> None:
        if not isinstance(call.func, ast.Name):
            self.expression(call.func)
        for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
            self.expression(argument)

    def _may_be_a_step(self, function: ast.expr) -> bool:
        """In plain code nothing is awaited: a function that was looked up or passed in may be a step."""
        return not self.in_async and not isinstance(function, ast.Attribute)

    def _step(self, step: StepDefinition[..., Any], call: ast.Call) -> None:
        made = self.add("step", title_case(step.name), call, name=step.name)
        if step.compensate is not None:
            undo = getattr(step.compensate, "name", None) or getattr(step.compensate, "__name__", "compensation")
            self.sketch.compensation(made, str(undo))

    def _own(self, kind: str, call: ast.Call) -> None:
        told = ", ".join(text_of(argument) for argument in call.args)
        named = ", ".join(f"{word.arg}={text_of(word.value)}" for word in call.keywords if word.arg)
        first = call.args[0] if call.args else None
        name = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
        if kind == "sleep":
            self.add("sleep", f"Sleep {told or named}", call, node_id=f"sleep_{slug(told or named)}")
        elif kind == "signal":
            self.add("signal", f"Signal {name or told}", call, node_id=f"signal_{slug(name or told)}", name=name)
        elif kind == "input":
            self.add("input", f"Input {name or told}", call, node_id=f"input_{slug(name or told)}", name=name)
        elif kind == "continue":
            self.add("continue", "Continue as new", call)
            self.jump()

    def _dynamic(self, node: ast.expr) -> None:
        called = text_of(node.func if isinstance(node, ast.Call) else node)
        self.add("dynamic", f"{called}: known only when it runs", node, node_id=f"dynamic_{slug(called)}", dotted=True)

    def _follow(self, function: LocalFunction, call: ast.Call) -> None:
        if function.node in self.following:
            label = f"{function.node.name}: calls itself, not followed"
        elif len(self.sketch.nodes) > NODES_MAX:
            label = f"{function.node.name}: not followed, the graph is too large"
        else:
            self.following.append(function.node)
            self.follow(self._with_arguments(function, call))
            self.following.pop()
            return
        self.add("dynamic", label, call, node_id=f"dynamic_{slug(function.node.name)}", dotted=True)

    def _with_arguments(self, function: LocalFunction, call: ast.Call) -> LocalFunction:
        """Bind the parameters whose arguments are functions that are known here."""
        parameters = [*function.node.args.posonlyargs, *function.node.args.args]
        pairs = list(zip((found.arg for found in parameters), call.args, strict=False))
        pairs += [(word.arg, word.value) for word in call.keywords if word.arg]
        for name, argument in pairs:
            value = self.scope.resolve(argument)
            if isinstance(value, StepDefinition | WorkflowDefinition | LocalFunction | Child) or value is OPAQUE:
                function.scope.bind(name, value)
        return function

    def _method(self, call: ast.Call, function: ast.Attribute) -> bool:
        """Draw the calls of methods on local values that have a meaning here; False: it is none of them."""
        holder = self.scope.resolve(function.value)
        if isinstance(holder, Tasks) and holder.group and function.attr == "create_task":
            holder.exits += self.start_task(call)
        elif isinstance(holder, SagaBlock) and function.attr == "add" and call.args:
            self._compensation(call)
        elif function.attr == "append" and len(call.args) == 1 and isinstance(function.value, ast.Name):
            tasks = self.started(call.args[0])
            if tasks is None:
                return False
            before = self.scope.look_up(function.value.id)
            self.scope.bind(
                function.value.id, Tasks([*(before.exits if isinstance(before, Tasks) else ()), *tasks.exits])
            )
        else:
            return False
        return True

    def _compensation(self, call: ast.Call) -> None:
        undone = self.scope.resolve(call.args[0])
        name = getattr(undone, "name", None) or getattr(undone, "__name__", None)
        for source in {way.source: None for way in self.ways}:
            if isinstance(name, str):
                self.sketch.compensation(source, name)
            else:
                label = f"{text_of(call.args[0])}: known only when it runs"
                self.sketch.add("compensation", label, [Way(source, None, "dashed")], node_id="undo", dotted=True)

    # -- several at once ----------------------------------------------------------------------------------------------

    def concurrent(self, kind: str, call: ast.Call) -> None:
        """Draw a call that starts others: `gather`, `create_task`, `map_steps` …"""
        raise NotImplementedError

    def started(self, value: ast.expr) -> Tasks | None:
        """Return the tasks that an expression starts, None if it starts none."""
        raise NotImplementedError

    def start_task(self, call: ast.Call) -> Ways:
        """Draw what a task does beside what follows; return the ways behind it."""
        raise NotImplementedError

    def all_of(self, arguments: Sequence[ast.expr]) -> None:
        """Draw what runs where each of these is awaited."""
        for argument in arguments:
            if isinstance(argument, ast.Call):
                self._call(argument, awaited=True)
            else:
                self._await(argument)


def united(first: Ways, second: Ways) -> Ways:
    """Return the ways of both, each once."""
    return list(dict.fromkeys([*first, *second]))
