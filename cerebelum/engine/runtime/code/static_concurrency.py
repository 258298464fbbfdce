"""Calls that start several things at once: fork and join, tasks, one call per item."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial

from cerebelum.engine.authoring.step import StepDefinition
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.drawing import title_case
from cerebelum.engine.domain.sketch import Way, Ways
from cerebelum.engine.runtime.code.static_calls import ExpressionPen, united
from cerebelum.engine.runtime.code.static_names import UNKNOWN, Tasks, known_function
from cerebelum.engine.runtime.code.static_pen import text_of
from cerebelum.engine.runtime.code.static_sources import followed


class ConcurrentPen(ExpressionPen):
    """Draws what runs at once."""

    def concurrent(self, kind: str, call: ast.Call) -> None:
        _DRAWN_CALLS[kind](self, call)

    def started(self, value: ast.expr) -> Tasks | None:
        if isinstance(value, ast.Call) and known_function(self.scope.resolve(value.func)) == "task":
            return Tasks(self.start_task(value))
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "create_task":
            holder = self.scope.resolve(value.func.value)
            if isinstance(holder, Tasks) and holder.group:
                exits = self.start_task(value)
                holder.exits += exits
                return Tasks(exits)
        if isinstance(value, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            element = value.elt
            if isinstance(element, ast.Call) and known_function(self.scope.resolve(element.func)) == "task":
                with self.branch(self.ways):
                    self._each(value.generators[0], lambda: self.all_of(element.args[:1]))
                    return Tasks(self.ways)
        return None

    def start_task(self, call: ast.Call) -> Ways:
        with self.branch(self.ways):
            self.all_of(call.args[:1])
            return self.ways

    def _task(self, call: ast.Call) -> None:
        self.dangling += self.start_task(call)

    def _gather(self, call: ast.Call) -> None:
        """Fork and join; a single argument needs neither."""
        parts = [part.value if isinstance(part, ast.Starred) else part for part in call.args]
        parts = [
            element for part in parts for element in (part.elts if isinstance(part, ast.List | ast.Tuple) else [part])
        ]
        tasks = [part for part in parts if isinstance(self.scope.resolve(part), Tasks)]
        others = [part for part in parts if part not in tasks]
        exits: Ways = [way for part in tasks for way in self.scope.resolve(part).exits]
        first_only = any("FIRST" in text_of(word.value) for word in call.keywords)
        if len(others) > 1:
            fork = self.add("fork", "All at once", call, node_id="fork")
            for part in others:
                self.ways = [Way(fork)]
                self._concurrent(part)
                exits += self.ways
            self.ways = exits
        else:
            for part in others:
                self._concurrent(part)
            self.ways = [*self.ways, *exits] if others else exits or self.ways
        if len(self.ways) > 1 and (len(others) > 1 or tasks):
            self.add("join", "First of" if first_only else "All of", call, node_id="join")

    def _concurrent(self, part: ast.expr) -> None:
        if isinstance(part, ast.ListComp | ast.SetComp | ast.GeneratorExp) and isinstance(part.elt, ast.Call):
            element = part.elt
            self.expression(part.generators[0].iter)
            self._each(part.generators[0], lambda: self._call(element, awaited=True))
        else:
            self.all_of([part])

    def _together(self, call: ast.Call) -> None:
        """`together(partial(charge, order), pack)`: functions that are called at once."""
        fork = self.add("fork", "All at once", call, node_id="fork")
        exits: Ways = []
        for part in call.args:
            self.ways = [Way(fork)]
            inner = part.value if isinstance(part, ast.Starred) else part
            if isinstance(inner, ast.GeneratorExp | ast.ListComp):
                element = inner.elt
                self._each(inner.generators[0], partial(self._called, element))
            else:
                self._called(inner)
            exits += self.ways
        self.ways = united(exits, [])
        if self.ways:
            self.add("join", "All of", call, node_id="join")

    def _called(self, function: ast.expr) -> None:
        """Draw the call of a function that is given as an expression."""
        if isinstance(function, ast.Lambda):
            self.all_of([function.body])
        elif isinstance(function, ast.Call) and known_function(self.scope.resolve(function.func)) == "partial":
            made = ast.Call(function.args[0], function.args[1:], function.keywords)
            self._call(ast.copy_location(made, function), awaited=True)
        else:
            self._call(ast.copy_location(ast.Call(function, [], []), function), awaited=True)

    def _wrapper(self, call: ast.Call) -> None:
        self.all_of(call.args[:1])
        for argument in [*call.args[1:], *(word.value for word in call.keywords)]:
            self.expression(argument)

    def _map(self, call: ast.Call) -> None:
        for argument in call.args[1:]:
            self.expression(argument)
        if not call.args:
            return
        items = text_of(call.args[1]) if len(call.args) > 1 else "items"
        self._mapped(call, call.args[0], items)

    def _mapped(self, call: ast.Call, mapped: ast.expr, items: str) -> None:
        if isinstance(mapped, ast.Lambda):
            for argument in mapped.args.args:
                self.scope.bind(argument.arg, UNKNOWN)
            inner = mapped.body.value if isinstance(mapped.body, ast.Await) else mapped.body
            is_call_of_step = isinstance(inner, ast.Call) and isinstance(
                self.scope.resolve(inner.func), StepDefinition | WorkflowDefinition
            )
            if isinstance(inner, ast.Call) and is_call_of_step:
                self._mapped(call, inner.func, items)
            else:
                self._for_each_item(call, items, lambda: self.all_of([inner]))
            return
        target = self.scope.resolve(mapped)
        if isinstance(target, StepDefinition | WorkflowDefinition):
            self.add(
                "map", f"{title_case(target.name)} \N{MULTIPLICATION SIGN} each of {items}", call, name=target.name
            )
            return
        function = followed(target, self.scope)
        if function is None:
            self._dynamic(mapped)
            return
        item = ast.Call(ast.Name("item", ast.Load()), [], [])
        self._for_each_item(call, items, lambda: self._follow(function, item))

    def _for_each_item(self, call: ast.Call, items: str, draw_body: Callable[[], None]) -> None:
        head = self.add("foreach", f"each of {items}", call, node_id="foreach_item")
        self.ways = [Way(head, "each")]
        draw_body()
        self.sketch.lead(self.ways, head)
        self.ways = [Way(head, "done")]


_DRAWN_CALLS: dict[str, Callable[[ConcurrentPen, ast.Call], None]] = {
    "gather": ConcurrentPen._gather,
    "wait": ConcurrentPen._gather,
    "together": ConcurrentPen._together,
    "task": ConcurrentPen._task,
    "wrapper": ConcurrentPen._wrapper,
    "map": ConcurrentPen._map,
}
