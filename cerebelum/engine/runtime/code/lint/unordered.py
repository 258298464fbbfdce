"""CB514: the order of a set that reaches a step or a wait.

A set as a step's argument is fine: it is recorded in a fixed order. What matters is what runs once for each element, and
sequences that were made from a set.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from cerebelum.engine.runtime.code.lint.finding import Hit
from cerebelum.engine.runtime.code.lint.module_facts import assigned
from cerebelum.engine.runtime.code.lint.region import Region
from cerebelum.engine.runtime.code.static_names import OWN

_SETS = frozenset({"builtins.set", "builtins.frozenset"})
_SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})
_KEEP_ORDER = frozenset({"list", "tuple", "enumerate", "iter", "next", "reversed", "zip", "map", "filter"})
_COMPREHENSIONS = (ast.ListComp, ast.GeneratorExp, ast.DictComp, ast.SetComp)


def unordered_iteration(region: Region) -> Iterator[Hit]:
    """Yield the places where the order of a set decides what is asked for."""
    values = _Values(region)
    for node in region.nodes:
        match node:
            case ast.For(iter=iterated, body=body) if values.leaks(iterated) and values.act(body):
                yield _hit(iterated, "runs steps or waits")
            case ast.ListComp() | ast.GeneratorExp() | ast.DictComp() | ast.SetComp():
                for part in node.generators:
                    if values.leaks(part.iter) and values.act([node]):
                        yield _hit(part.iter, "runs steps or waits")
            case ast.Call() if values.is_durable(node):
                given = [*node.args, *(word.value for word in node.keywords)]
                for argument in given:
                    held = argument.value if isinstance(argument, ast.Starred) else argument
                    starred = isinstance(argument, ast.Starred)
                    if values.is_sequence(held) or (starred and values.leaks(held)) or values.map_over(node, held):
                        yield _hit(held, "reaches a step or a wait")


def _hit(node: ast.expr, what: str) -> Hit:
    text = " ".join(ast.unparse(node).split())
    return Hit("CB514", node, f"the order of the set in `{text if len(text) <= 40 else text[:39] + '…'}` {what}")


class _Values:
    """Which expressions are sets, and which have a set's order. What is not known is neither."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._assigned: dict[str, list[ast.expr]] = {}
        self._sets: set[str] = set()  # by annotation
        self._sorted: set[str] = set()
        self._filled: set[str] = set()  # lists that a loop over a set appends to
        self._awaited: set[int] = set()
        for node in region.nodes:
            for name, value in assigned(node):
                self._assigned.setdefault(name, []).append(value)
            self._note(node)
        arguments = region.node.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if _names_set(argument.annotation):
                self._sets.add(argument.arg)
        for node in region.nodes:
            if isinstance(node, ast.For) and self.leaks(node.iter):
                self._filled |= {name for name, _ in _appended(node.body)}

    def _note(self, node: ast.AST) -> None:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation) if _names_set(annotation):
                self._sets.add(name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="sort")):
                self._sorted.add(name)
            case ast.Await(value=ast.Call() as call):
                self._awaited.add(id(call))

    def leaks(self, node: ast.expr) -> bool:
        """Whether iterating this gives a set's order."""
        return self.is_set(node) or self.is_sequence(node)

    def is_set(self, node: ast.expr, seen: frozenset[str] = frozenset()) -> bool:
        match node:
            case ast.Set(elts=elements):
                return not all(isinstance(one, ast.Constant) and type(one.value) in (int, bool) for one in elements)
            case ast.SetComp():
                return True
            case ast.Name(id=name):
                return self._is_set_name(name, seen)
            case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor(), right=right):
                return any(self.is_set(side, seen) or _is_keys(side) for side in (left, right))
            case ast.IfExp(body=body, orelse=other):
                return self.is_set(body, seen) or self.is_set(other, seen)
            case ast.Call(func=ast.Attribute(value=holder, attr=name)) if name in _SET_METHODS:
                return self.is_set(holder, seen)
            case ast.Call(func=function):
                return self._region.name_of(function) in _SETS
        return False

    def is_sequence(self, node: ast.expr, seen: frozenset[str] = frozenset()) -> bool:
        """Whether this is something ordered that took its order from a set, or one element that was taken from it."""
        match node:
            case ast.Name(id=name):
                if name in seen or name in self._sorted:
                    return False
                if name in self._filled:
                    return True
                return any(self.is_sequence(value, seen | {name}) for value in self._assigned.get(name, ()))
            case ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
                return any(
                    self.is_set(part.iter, seen) or self.is_sequence(part.iter, seen) for part in node.generators
                )
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return any(isinstance(one, ast.Starred) and self.leaks(one.value) for one in elements)
            case ast.Subscript(value=holder):
                return self.is_sequence(holder, seen)
            case ast.Call(func=ast.Attribute(value=holder, attr="pop"), args=[]):
                return self.is_set(holder, seen)
            case ast.Call(func=ast.Attribute(attr="join"), args=[joined]):
                return self.is_set(joined, seen) or self.is_sequence(joined, seen)
            case ast.Call(func=function, args=given):
                name = self._region.name_of(function).removeprefix("builtins.")
                return name in _KEEP_ORDER and any(
                    self.is_set(one, seen) or self.is_sequence(one, seen) for one in given
                )
        return False

    def _is_set_name(self, name: str, seen: frozenset[str]) -> bool:
        if name in seen:
            return False
        given = self._assigned.get(name)
        if given is None:
            if name in self._sets:
                return True
            given = self._region.facts.values.get(name, []) if self._region.is_global(name) else []
        return name in self._sets or any(self.is_set(value, seen | {name}) for value in given)

    def act(self, body: Iterable[ast.AST]) -> bool:
        """Whether a step or a wait is asked for in here."""
        return any(
            isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)
            or (isinstance(node, ast.Call) and self.is_durable(node))
            for part in body
            for node in ast.walk(part)
        )

    def is_durable(self, call: ast.Call) -> bool:
        """Whether a call asks for a step or a wait: awaited, a step of this module, or one of Cerebelum's own."""
        if id(call) in self._awaited:
            return True
        if isinstance(call.func, ast.Name) and call.func.id in self._region.facts.durable:
            return self._region.is_global(call.func.id)
        name = self._region.name_of(call.func)
        return name.startswith("cerebelum.") and name.rpartition(".")[2] in OWN

    def map_over(self, call: ast.Call, argument: ast.expr) -> bool:
        """Whether the call runs a step for each element of a set."""
        return self._region.name_of(call.func).endswith(".map_steps") and self.leaks(argument)


def _appended(body: Iterable[ast.AST]) -> Iterator[tuple[str, ast.Call]]:
    for part in body:
        for node in ast.walk(part):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append" | "extend" | "insert")):
                    yield name, node


def _names_set(annotation: ast.expr | None) -> bool:
    held = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    name = held.id if isinstance(held, ast.Name) else held.attr if isinstance(held, ast.Attribute) else ""
    is_bool_or_int = isinstance(annotation, ast.Subscript) and getattr(annotation.slice, "id", "") in ("int", "bool")
    return name in {"set", "frozenset", "Set", "FrozenSet", "AbstractSet"} and not is_bool_or_int


def _is_keys(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys"
