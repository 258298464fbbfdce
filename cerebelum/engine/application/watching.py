"""Watches: expressions over the local variables and the context of a replay. No code of the user runs for them.

Rules:
- The text is parsed by `domain.expression`, so what it can say is the whitelist there.
- Names, fields and items are followed by `watched_values`, which reads what objects store and calls nothing.
- Operators get copies as plain data, bounded in size; what is no data can be named, shown and asked `is None` only.
- Values under a secret's name are shown masked, and no operator gets them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from msgspec import Struct

from cerebelum.engine.application.watched_values import MISSING, NotData, attribute, item, length, plain_data
from cerebelum.engine.domain.errors_definition import ExpressionError
from cerebelum.engine.domain.expression import parsed
from cerebelum.engine.domain.expression_tree import Constant, Failure, Field, Item, Length, Name, Part, Tree
from cerebelum.engine.runtime.masking import MASK, hides
from cerebelum.engine.runtime.rendering import render

_EXAMPLES = "order, order.total, order['items'][0], len(items) > 3"


class WatchFailed(Exception):
    """The watch has no value here; the message says why."""


class Watch(Struct, frozen=True, eq=False):
    """An expression that was understood."""

    text: str
    tree: Tree

    def find(self, scopes: Iterable[Mapping[str, Any]]) -> str:
        """Return its value, rendered and masked. A name is looked up in one scope after the other.

        Raises:
            WatchFailed: a name or field is not there, or an operation does not fit the values it meets.
        """
        state: Any = tuple(scopes)
        try:
            if isinstance(self.tree, _Reached):
                value, is_secret = self.tree.reach(state)
                return MASK if is_secret else render(value)
            return render(self.tree.value(state))
        except (Failure, NotData) as failure:
            raise WatchFailed(str(failure)) from None
        except Exception as error:
            raise WatchFailed(f"cannot be evaluated: {type(error).__name__}") from None


def parse_watch(text: str) -> Watch:
    """Understand an expression: paths such as `order.items[0]`, literals, `len`, comparisons, arithmetic, and/or/not.

    Raises:
        ValueError: it is anything else.
    """
    try:
        return Watch(text=text, tree=_guarded(parsed(text, private_names=True)))
    except ExpressionError as error:
        raise ValueError(f"cannot watch {text!r}: {error}\n  a watch is an expression such as {_EXAMPLES}") from None


@dataclass(frozen=True, slots=True)
class _Reached(Part):
    """A value that is reached without running code. `state` is a tuple of scopes here."""

    def reach(self, state: Any) -> tuple[Any, bool]:
        """Return the value itself, and whether it is a secret."""
        raise NotImplementedError

    def value(self, state: Any) -> Any:
        value, is_secret = self.reach(state)
        if is_secret:
            self.fail("it is a secret, which is not computed with")
        return plain_data(value)


@dataclass(frozen=True, slots=True)
class _Local(_Reached):
    key: str

    def reach(self, state: Any) -> tuple[Any, bool]:
        for scope in state:
            if self.key in scope:
                value = scope[self.key]
                return value, hides(self.key, value)
        return self.fail(f"there is no variable {self.key!r} here")


@dataclass(frozen=True, slots=True)
class _Attribute(_Reached):
    of: Tree
    key: str

    def reach(self, state: Any) -> tuple[Any, bool]:
        whole, is_secret = _reach(self.of, state)
        value = attribute(whole, self.key)
        if value is MISSING:
            self.fail(f"a value of type {type(whole).__name__} has no {self.key!r}")
        return value, is_secret or hides(self.key, value)


@dataclass(frozen=True, slots=True)
class _Item(_Reached):
    of: Tree
    index: Tree

    def reach(self, state: Any) -> tuple[Any, bool]:
        whole, is_secret = _reach(self.of, state)
        key = self._key(state)
        value = item(whole, key)
        if value is MISSING:
            self.fail(f"a value of type {type(whole).__name__} has no item {render(key, chars=60)}")
        return value, is_secret or (isinstance(key, str) and hides(key, value))

    def _key(self, state: Any) -> Any:
        index = self.index
        if isinstance(index, _Local) and not any(index.key in scope for scope in state):
            return index.key  # prices[total]: quotes are easily forgotten
        return index.value(state)


@dataclass(frozen=True, slots=True)
class _Length(Part):
    of: Tree

    def value(self, state: Any) -> Any:
        whole, _ = _reach(self.of, state)
        found = length(whole)
        if found is None:
            self.fail(f"a value of type {type(whole).__name__} has no length")
        return found


def _reach(tree: Tree, state: Any) -> tuple[Any, bool]:
    return tree.reach(state) if isinstance(tree, _Reached) else (tree.value(state), False)


def _guarded(tree: Any) -> Any:
    """Return the same expression with everything that reads values exchanged for what reads them safely."""
    match tree:
        case Constant():
            return tree
        case Name(at=at, key=key):
            return _Local(at, key)
        case Field(at=at, of=of, key=key):
            return _Attribute(at, _guarded(of), key)
        case Item(at=at, of=of, index=index):
            return _Item(at, _guarded(of), _guarded(index))
        case Length(at=at, of=of):
            return _Length(at, _guarded(of))
        case Part():
            below: dict[str, Any] = {
                field.name: _guarded_below(getattr(tree, field.name)) for field in fields(tree) if field.name != "at"
            }
            return replace(tree, **below)
    return tree


def _guarded_below(value: Any) -> Any:
    return tuple(_guarded(part) for part in value) if isinstance(value, tuple) else _guarded(value)
