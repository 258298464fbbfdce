"""The graph of a workflow function, from its source alone: its code does not run.

A node for each call that an execution would record, wherever it is made: in the function itself, or in the project's own
functions that it calls. Names are looked up in the loaded module, so `charge` is the step it really is. What only a
running execution can know (a function out of a dict, a parameter) is drawn dotted and says so.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from cerebelum.engine.authoring.step import StepDefinition
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.drawing import Drawing
from cerebelum.engine.domain.errors_code import SourceMissing
from cerebelum.engine.domain.sketch import Sketch, Way, Ways
from cerebelum.engine.runtime.code.static_concurrency import ConcurrentPen
from cerebelum.engine.runtime.code.static_names import (
    OPAQUE,
    UNKNOWN,
    Deferred,
    LocalFunction,
    SagaBlock,
    Tasks,
    known_function,
)
from cerebelum.engine.runtime.code.static_pen import slug, text_of
from cerebelum.engine.runtime.code.static_sources import source_of


def draw_function(definition: WorkflowDefinition[..., Any], name: str | None = None) -> Drawing:
    """Return the drawing of a function workflow.

    Args:
        name: of the picture; default: the workflow's.

    Raises:
        SourceMissing: its source cannot be read.
    """
    function = definition.function
    found = source_of(function) if isinstance(function, FunctionType) else None
    if found is None:
        raise SourceMissing(getattr(function, "__module__", "?"), workflow=definition.name)
    pen = StatementPen(Sketch(name or definition.name), found)
    pen.body(found.node.body)
    return pen.sketch.finish([*pen.ways, *pen.returns, *pen.dangling])


class StatementPen(ConcurrentPen):
    """Draws statements, one after the other."""

    def follow(self, function: LocalFunction) -> None:
        outer = (self.scope, self.file, self.returns, self.loops, self.in_async)
        self.scope, self.file, self.returns, self.loops = function.scope, function.file, [], []
        self.in_async = isinstance(function.node, ast.AsyncFunctionDef)
        self.body(function.node.body)
        self.ways = [*self.ways, *self.returns]
        self.scope, self.file, self.returns, self.loops, self.in_async = outer

    def body(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            if not self.ways:
                return
            draw = _STATEMENTS.get(type(statement))
            if draw is None:
                self.expression(statement)
            else:
                draw(self, statement)

    # -- names --------------------------------------------------------------------------------------------------------

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.scope.bind(node.name, LocalFunction(node, self.scope, self.file))

    def _assign(self, node: ast.Assign | ast.AnnAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        name = targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else None
        if node.value is None:
            return
        if name is None:
            self.expression(node.value)
            return
        tasks = self.started(node.value)
        if tasks is not None:
            self.scope.bind(name, tasks)
        elif self.in_async and self._makes_coroutines(node.value):
            self.scope.bind(name, Deferred(node.value))
        else:
            known = self._known_value(node.value)
            self.expression(node.value)
            if known is UNKNOWN:
                self.scope.forget(name)
            else:
                self.scope.bind(name, known)

    def _makes_coroutines(self, value: ast.expr) -> bool:
        """Whether calls are made here and awaited elsewhere: `calls = [charge(x) for x in xs]`."""
        if isinstance(value, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            return self._makes_coroutines(value.elt)
        if isinstance(value, ast.List | ast.Tuple):
            return bool(value.elts) and all(map(self._makes_coroutines, value.elts))
        if not isinstance(value, ast.Call):
            return False
        callee = self.scope.resolve(value.func)
        if isinstance(callee, LocalFunction):
            return isinstance(callee.node, ast.AsyncFunctionDef)
        is_coroutine = isinstance(callee, FunctionType) and bool(callee.__code__.co_flags & 0x80)
        return isinstance(callee, StepDefinition | WorkflowDefinition) or is_coroutine

    def _known_value(self, value: ast.expr) -> Any:
        if isinstance(value, ast.Call) and known_function(self.scope.resolve(value.func)) == "saga":
            return SagaBlock()
        found = self.scope.resolve(value)
        is_known = isinstance(found, StepDefinition | WorkflowDefinition | LocalFunction | Tasks) or found is OPAQUE
        return found if is_known else UNKNOWN

    # -- branches -----------------------------------------------------------------------------------------------------

    def _if(self, node: ast.If) -> None:
        def draw() -> None:
            head = self._decision(node.test)
            exits: Ways = []
            for label, part in (("yes", node.body), ("no", node.orelse)):
                self.ways = [Way(head, label)]
                self.body(part)
                exits += self.ways
            self.ways = exits

        self.expression(node.test)
        if self.ways:
            self.on_trial(draw)

    def _match(self, node: ast.Match) -> None:
        def draw() -> None:
            subject = text_of(node.subject)
            head = self.add("switch", f"match {subject}", node.subject, node_id=f"decision_{slug(subject)}")
            exits: Ways = []
            whole = False
            for case in node.cases:
                guard = f" if {text_of(case.guard)}" if case.guard is not None else ""
                self.ways = [Way(head, f"{text_of(case.pattern)}{guard}")]
                self.expression(case.guard)
                self.body(case.body)
                exits += self.ways
                whole = whole or (isinstance(case.pattern, ast.MatchAs) and not (case.pattern.pattern or case.guard))
            self.ways = exits if whole else [*exits, Way(head, "otherwise")]

        self.expression(node.subject)
        if self.ways:
            self.on_trial(draw)

    # -- loops --------------------------------------------------------------------------------------------------------

    def _while(self, node: ast.While) -> None:
        endless = isinstance(node.test, ast.Constant) and bool(node.test.value)

        def draw() -> None:
            head = self.add(
                "loop", "forever" if endless else f"while {text_of(node.test)}", node.test,
                node_id=f"loop_{'forever' if endless else slug(text_of(node.test))}",
            )  # fmt: skip
            asked: list[str] = []
            before = len(self.sketch.nodes)
            self.expression(node.test)  # asked anew before each pass
            asked += list(self.sketch.nodes)[before:]
            leaving: Ways = [] if endless else [way._replace(label="done") for way in self.ways]
            self._pass(head, node.body, node.orelse, [way._replace(label="repeat") for way in self.ways], leaving)

        self.on_trial(draw)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        def draw() -> None:
            label = f"for {text_of(node.target)} in {text_of(node.iter)}"
            head = self.add("foreach", label, node.target, node_id=f"foreach_{slug(text_of(node.target))}")
            self._pass(head, node.body, node.orelse, [Way(head, "each")], [Way(head, "done")])

        self.expression(node.iter)
        if self.ways:
            self.on_trial(draw)

    def _pass(self, head: str, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt], into: Ways, leaving: Ways) -> None:
        with self.looping(head) as breaks:
            self.ways = into
            self.body(body)
            self.sketch.lead(self.ways, head)
        self.ways = leaving
        self.body(orelse)
        self.ways = [*self.ways, *breaks]

    def _break(self, _: ast.Break) -> None:
        if self.loops:
            self.loops[-1][1].extend(self.jump())

    def _continue(self, _: ast.Continue) -> None:
        if self.loops:
            self.sketch.lead(self.jump(), self.loops[-1][0])

    # -- ends and errors ----------------------------------------------------------------------------------------------

    def _return(self, node: ast.Return) -> None:
        value = node.value
        if value is not None and self.in_async and isinstance(value, ast.Call):
            self.expression(value)  # `return charge(x)` in a helper: whoever awaits it awaits the call
        else:
            self.expression(value)
        self.returns += self.jump()

    def _raise(self, node: ast.Raise) -> None:
        self.expression(node.exc)
        if not self.ways:
            return
        error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        label = f"raise {text_of(error)}" if error is not None else "raise"
        self.add("raise", label, node, node_id=f"raise_{slug(label[6:])}")
        self.jump()

    def _try(self, node: ast.Try) -> None:
        self.caught.append([])
        self.body(node.body)
        raisers = self.caught.pop()
        self.body(node.orelse)
        exits = self.ways
        for handler in node.handlers if raisers else ():
            label = f"except {text_of(handler.type)}" if handler.type is not None else "except"
            self.ways = [Way(raiser, "error", "dashed") for raiser in raisers]
            self.add("catch", label, handler.type or handler, node_id=f"catch_{slug(label[7:])}")
            self.body(handler.body)
            exits = [*exits, *self.ways]
        if not node.handlers and self.caught:
            self.caught[-1] += raisers
        self.ways = exits
        self.body(node.finalbody)

    # -- blocks -------------------------------------------------------------------------------------------------------

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        groups: list[Tasks] = []
        for item in node.items:
            kind = (
                known_function(self.scope.resolve(item.context_expr.func))
                if isinstance(item.context_expr, ast.Call)
                else ""
            )
            name = item.optional_vars.id if isinstance(item.optional_vars, ast.Name) else None
            if kind == "group":
                self.add("fork", "Task group", item.context_expr, node_id="fork")
                groups.append(Tasks([], group=True))
                if name:
                    self.scope.bind(name, groups[-1])
            elif kind == "saga" and name:
                self.scope.bind(name, SagaBlock())
            else:
                self.expression(item.context_expr)
        self.body(node.body)
        for group in groups:
            exits = [*self.ways, *group.exits]
            group.exits.clear()
            self.ways = list(dict.fromkeys(exits))
            if self.ways:
                self.add("join", "All of", node.items[0].context_expr, node_id="join")


_STATEMENTS: dict[type[ast.stmt], Callable[[StatementPen, Any], None]] = {
    ast.FunctionDef: StatementPen._define,
    ast.AsyncFunctionDef: StatementPen._define,
    ast.ClassDef: lambda _pen, _node: None,
    ast.Assign: StatementPen._assign,
    ast.AnnAssign: StatementPen._assign,
    ast.If: StatementPen._if,
    ast.Match: StatementPen._match,
    ast.While: StatementPen._while,
    ast.For: StatementPen._for,
    ast.AsyncFor: StatementPen._for,
    ast.Break: StatementPen._break,
    ast.Continue: StatementPen._continue,
    ast.Return: StatementPen._return,
    ast.Raise: StatementPen._raise,
    ast.Try: StatementPen._try,
    ast.TryStar: StatementPen._try,
    ast.With: StatementPen._with,
    ast.AsyncWith: StatementPen._with,
}
