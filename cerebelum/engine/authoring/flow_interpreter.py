"""Runs a graph: workflow code like any other, over the same steps, timers, waits and children.

Rules:
- A node is entered when the one before it has ended; edges are asked in the order of their declaration. No edge that
  matches ends the graph.
- Branches that run at once read a copy of the state. What they wrote comes together where they meet, in the order of
  the branches, not of time.
- Where one of several branches fails, the others still run to their ends; then the first failure, in the order of the
  branches, fails the block. Compensations of all that was done run after that, newest first.
- Every pass, item and branch is a part of the place of what runs in it: "retry[1]/charge".
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Iterable
from datetime import datetime, timedelta
from typing import Any

from cerebelum.engine.authoring.flow_checkpoints import Checkpoints, Frame
from cerebelum.engine.authoring.flow_state import Branch, plain
from cerebelum.engine.authoring.flow_steps import FlowSteps, line_of
from cerebelum.engine.authoring.joins import Joins
from cerebelum.engine.authoring.saga import Saga, saga
from cerebelum.engine.authoring.waits import activation_of
from cerebelum.engine.domain import graph as g
from cerebelum.engine.domain.durations import duration_us, instant_us
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_flow import IterationsExceeded
from cerebelum.engine.domain.errors_runtime import ErrorResult


async def run_graph(graph: g.Graph, steps: FlowSteps, input_: Any) -> Any:
    """Run a flow to its end and return its output.

    The output is the state in workflows of edges; else what the last node gave, and where that is nothing the context.
    """
    async with saga() as undo:
        interpreter = Interpreter(steps, undo)
        branch = interpreter.position.begin(input_, is_state=graph.metadata.get("passes") == "state")
        await interpreter.graph(graph, branch)
        return branch.output()


class Interpreter:
    """See the module's rules."""

    def __init__(self, steps: FlowSteps, undo: Saga) -> None:
        self._steps, self._undo = steps, undo
        self.position = Checkpoints(undo)

    # -- a graph ------------------------------------------------------------------------------------------------------
    async def graph(self, graph: g.Graph, branch: Branch) -> None:
        """Run a graph; its last node's result is `branch.result` then."""
        position, edges = self.position, _edges_by_source(graph)
        new: Frame = {"node": graph.entrypoint, "visits": {}, "taken": {}, "result": None}
        frame = position.enter(branch, new)
        visits, taken = frame["visits"], frame["taken"]
        node_id, branch.result = frame["node"], frame["result"]
        try:
            while node_id:
                if node_id not in graph.nodes:
                    position.refuse(f"the flow has no node {node_id!r} any more")
                if position.is_walking_down and branch.is_main:
                    visits[node_id] -= 1  # this visit is under way, and counted
                targets = await self.visit(graph, edges, node_id, branch, visits, taken)
                if len(targets) > 1:
                    targets = await Joins(graph, edges).run(self, targets, branch, visits, taken)
                node_id = frame["node"] = targets[0] if targets else ""
                if node_id:
                    position.between_nodes(branch, frame)
        finally:
            position.leave(branch)

    async def visit(
        self,
        graph: g.Graph,
        edges: dict[str, list[tuple[int, g.Edge]]],
        node_id: str,
        branch: Branch,
        visits: dict[str, int],
        taken: dict[str, int],
    ) -> list[str]:
        """Run one node and return the ids of those that follow."""
        visit = visits[node_id] = visits.get(node_id, -1) + 1
        place = f"{branch.prefix}{node_id}[{visit}]" if visit else f"{branch.prefix}{node_id}"
        node, failure = graph.nodes[node_id], None
        leaving = edges.get(node_id, ())
        try:
            await self.node(node, place, branch)
            self._publish(branch)
        except ErrorResult as error:
            if not any(isinstance(edge.when, g.Pattern) and edge.when.outcome == "error" for _, edge in leaving):
                raise
            failure = error
        found = [(number, edge) for number, edge in leaving if self._matches(edge, branch, failure)]
        if failure is not None and not found:
            raise failure
        for number, edge in found:
            taken[str(number)] = taken.get(str(number), 0) + 1
            if edge.max_iterations is not None and taken[str(number)] > edge.max_iterations:
                raise IterationsExceeded(f"edge {edge.source} -> {edge.target}", edge.max_iterations)
        return list(dict.fromkeys(edge.target for _, edge in found))

    def _matches(self, edge: g.Edge, branch: Branch, failure: ErrorResult | None) -> bool:
        when = edge.when
        if isinstance(when, g.Pattern):
            if when.outcome == "error":
                return failure is not None and (when.anything or failure.reason == when.value)
            return failure is None and (when.anything or _same(branch.latest(), when.value))
        if failure is not None:
            return False
        return when is None or bool(self._steps.value(when, branch))

    def _publish(self, branch: Branch) -> None:
        """Record what the flow itself wrote to the context; branches that run beside others leave it to their join."""
        if branch.dirty and branch.is_main:
            branch.dirty = False
            activation_of("a flow").publish_context(branch.context)

    # -- nodes --------------------------------------------------------------------------------------------------------
    async def node(self, node: g.Node, place: str, branch: Branch) -> None:
        """Run one node."""
        match node:
            case g.Step():
                await self._step(node, place, branch)
            case g.Decision():
                await self._decision(node, place, branch)
            case g.Switch():
                await self._switch(node, place, branch)
            case g.Loop():
                await self._loop(node, place, branch)
            case g.Parallel():
                await self._parallel(node, place, branch)
            case g.ForEach():
                await self._foreach(node, place, branch)
            case g.Map():
                await self._map(node, place, branch)
            case g.Sequence():
                await self._inside(node.body, f"{place}/", branch)
            case g.Subflow():
                branch.keep(node.collect, await self._subflow(node, branch))
            case g.Delay():
                await self._delay(node, branch)
            case g.Signal():
                match_ = node.match.function if node.match is not None else None
                waiting = activation_of("a flow").wait_for_signal(node.name, match_, node.timeout_us, Any)
                branch.keep(node.collect or node.name, await waiting)
            case g.Input():
                branch.keep(node.collect or node.name, await self._input(node))

    async def _inside(self, body: g.Graph | None, prefix: str, branch: Branch) -> None:
        """Run a graph inside a node, in the same branch."""
        if body is None or not body.entrypoint:
            return
        outer, branch.prefix = branch.prefix, prefix
        try:
            await self.graph(body, branch)
        finally:
            branch.prefix = outer

    async def _step(self, node: g.Step, place: str, branch: Branch) -> None:
        if node.passes != "state":
            branch.keep(node.collect, await self._call(node, place, branch))
            return
        outcome = await self._call(node, place, branch)
        if "ok" in outcome:
            branch.set_state(outcome["ok"])
        elif "sleep_us" in outcome:
            branch.set_state(outcome["state"])
            await self._sleep(outcome["sleep_us"])
        else:
            await self._together(node, outcome, place, branch)

    async def _together(self, node: g.Step, outcome: dict[str, Any], place: str, branch: Branch) -> None:
        """Run the functions that `parallel([…])` named, each from the same state."""
        branch.set_state(outcome["state"])
        forks = [branch.fork(f"{place}/{name}/") for name in outcome["parallel"]]
        nodes = [self._steps.named(node, name) for name in outcome["parallel"]]
        await _all(
            self._step(task, fork.prefix.removesuffix("/"), fork) for task, fork in zip(nodes, forks, strict=True)
        )
        branch.join(forks)

    async def _call(self, node: g.Step | g.Decision, place: str, branch: Branch) -> Any:
        result, patch = await self._steps.call(node, place, branch, self._undo)
        branch.apply(patch)
        branch.result = result
        return result

    async def _decision(self, node: g.Decision, place: str, branch: Branch) -> None:
        new: Frame = {"label": None}
        frame = self.position.enter(branch, new)
        try:
            if frame is new:
                frame["label"] = _label(await self._call(node, place, branch))
            await self._inside(node.branches.get(frame["label"]), f"{place}/{frame['label']}/", branch)
        finally:
            self.position.leave(branch)

    async def _switch(self, node: g.Switch, place: str, branch: Branch) -> None:
        new: Frame = {"case": None}
        frame = self.position.enter(branch, new)
        try:
            if frame is new:
                frame["case"] = _case(node, self._steps.value(node.on, branch))
            case = None if frame["case"] is None or frame["case"] >= len(node.cases) else node.cases[frame["case"]]
            if case is None:
                await self._inside(node.default, f"{place}/default/", branch)
            else:
                await self._inside(case.body, f"{place}/{case.value}/", branch)
        finally:
            self.position.leave(branch)

    async def _loop(self, node: g.Loop, place: str, branch: Branch) -> None:
        outer = branch.iteration
        frame = self.position.enter(branch, {"iteration": 0, "result": branch.result})
        branch.result = frame["result"]
        try:
            while True:
                iteration = branch.iteration = frame["iteration"]
                if not (branch.is_main and self.position.is_walking_down):  # else this pass is under way
                    if not self._steps.value(node.while_, branch):
                        return
                    if iteration == node.max_iterations:
                        raise IterationsExceeded(f"loop {place!r}", iteration)
                await self._inside(node.body, f"{place}[{iteration}]/", branch)
                frame["iteration"] = iteration + 1
                self.position.between_nodes(branch, frame)
        finally:
            branch.iteration = outer
            self.position.leave(branch)

    async def _parallel(self, node: g.Parallel, place: str, branch: Branch) -> None:
        forks = [branch.fork(f"{place}/{number}/") for number in range(len(node.branches))]
        await _all(self.graph(body, fork) for body, fork in zip(node.branches, forks, strict=True) if body.entrypoint)
        branch.join(forks)
        branch.result = None

    async def _foreach(self, node: g.ForEach, place: str, branch: Branch) -> None:
        if node.concurrency == 1 and node.body.entrypoint:
            branch.keep(node.collect, await self._one_by_one(node, place, branch))
            return
        items = self._items(node, place, branch)
        if not node.body.entrypoint:
            return
        forks = [branch.fork(f"{place}[{number}]/", item, number) for number, item in enumerate(items)]
        await _at_most(node.concurrency, (self.graph(node.body, fork) for fork in forks))
        branch.join(forks)
        branch.keep(node.collect, [fork.result for fork in forks])

    async def _one_by_one(self, node: g.ForEach, place: str, branch: Branch) -> list[Any]:
        new: Frame = {"items": None, "results": []}
        frame = self.position.enter(branch, new)
        try:
            if frame is new:
                frame["items"] = self._items(node, place, branch)
            items, results = frame["items"], frame["results"]
            while len(results) < len(items):
                number = len(results)
                inner = branch.inside(f"{place}[{number}]/", items[number], number)
                await self.graph(node.body, inner)
                results.append(inner.result)
                self.position.between_nodes(branch, frame)
            return list(results)
        finally:
            self.position.leave(branch)

    async def _map(self, node: g.Map, place: str, branch: Branch) -> None:
        items = self._items(node, place, branch)
        step = g.Step(node.function, node.options, node.label)
        forks = [branch.fork("", item, number) for number, item in enumerate(items)]
        calls = (self._step(step, f"{place}[{number}]", fork) for number, fork in enumerate(forks))
        await _at_most(node.concurrency, calls)
        branch.join(forks)
        branch.keep(node.collect, [fork.result for fork in forks])

    def _items(self, node: g.ForEach | g.Map, place: str, branch: Branch) -> list[Any]:
        items = self._steps.value(node.items, branch)
        if isinstance(items, str | bytes | dict) or not isinstance(items, Iterable):
            raise DefinitionError(f"{place}: items must be a list, not {type(items).__name__}")
        return list(items)

    async def _subflow(self, node: g.Subflow, branch: Branch) -> Any:
        given = branch.data() if node.input is None else self._steps.value(node.input, branch)
        arguments = dict(given) if isinstance(given, dict) else {"input": given}
        child: Any = node.flow.function
        return await activation_of("a flow").start_child(child, (), arguments, None, line_of(child.function))

    async def _delay(self, node: g.Delay, branch: Branch) -> None:
        activation = activation_of("a flow")
        due_us = node.until_us
        if node.computed is not None:
            value = self._steps.value(node.computed, branch)
            if isinstance(value, datetime):
                due_us = instant_us(value, what="the end of a delay")
            else:
                length: timedelta | float = value
                due_us = activation.now_us() + duration_us(length, what="the length of a delay")
        elif node.duration_us is not None:
            due_us = activation.now_us() + node.duration_us
        if due_us is not None and due_us > activation.now_us():
            await activation.sleep_until_us(due_us)

    async def _sleep(self, length_us: int) -> None:
        activation = activation_of("a flow")
        if length_us > 0:
            await activation.sleep_until_us(activation.now_us() + length_us)

    async def _input(self, node: g.Input) -> Any:
        from cerebelum.engine.authoring.inputs import wait_for_input  # what few flows need is loaded by those

        timeout = None if node.timeout_us is None else timedelta(microseconds=node.timeout_us)
        return await wait_for_input(node.name, timeout=timeout, **node.options)


async def _all(calls: Iterable[Awaitable[Any]]) -> None:
    """Run all to their ends; then raise the first failure, in their order."""
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def _at_most(concurrency: int, calls: Iterable[Awaitable[Any]]) -> None:
    """Run so many at once; after a failure none begins any more, and those under way run to their ends."""
    failures: dict[int, BaseException] = {}
    numbered = enumerate(calls)

    async def lane() -> None:
        while not failures and (following := next(numbered, None)) is not None:
            number, call = following
            try:
                await call
            except Exception as error:
                failures[number] = error

    await asyncio.gather(*(lane() for _ in range(concurrency)))
    for number in sorted(failures):
        raise failures[number]


def _edges_by_source(graph: g.Graph) -> dict[str, list[tuple[int, g.Edge]]]:
    found: dict[str, list[tuple[int, g.Edge]]] = {}
    for number, edge in enumerate(graph.edges):
        found.setdefault(edge.source, []).append((number, edge))
    return found


def _case(node: g.Switch, value: Any) -> int | None:
    for number, case in enumerate(node.cases):
        if case.value == value and isinstance(case.value, bool) == isinstance(value, bool):
            return number
    return None


def _same(result: Any, value: Any) -> bool:
    """Compare as JSON: behind a checkpoint a result is what the history holds, not the object it was decoded to."""
    try:
        return bool(plain(result) == plain(value))
    except (TypeError, NotImplementedError):
        return bool(result == value)


def _label(result: Any) -> str:
    if isinstance(result, enum.Enum):
        result = result.value
    if isinstance(result, bool):
        return "true" if result else "false"
    return str(result)
