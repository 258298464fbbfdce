"""Everything the codec works out once per annotation: the decoder, and how to check that nothing is lost."""

from __future__ import annotations

import marshal
import threading
from collections.abc import Callable
from typing import Any

from cerebelum.adapters.codecs.annotation_facts import Facts, facts_of
from cerebelum.adapters.codecs.trial_unions import make_decode
from cerebelum.engine.domain.errors import DefinitionError


class Shape:
    """How values under one annotation are decoded and checked."""

    __slots__ = ("annotation", "closed_keys", "decode", "facts", "has_sets", "is_strict", "is_unlimited", "same")

    def __init__(self, annotation: Any, *, what: str) -> None:
        try:
            self.decode: Callable[[bytes], Any] = make_decode(annotation)
        except Exception as error:
            raise _cannot_decode(annotation, error, what) from error
        facts = facts_of(annotation)
        self.annotation = annotation  # also keeps it alive: shapes are found by its id
        self.facts = facts
        self.has_sets = facts.has_sets
        self.is_unlimited = facts.unlimited
        self.is_strict = facts.is_plain and facts.has_any
        self.same = _check_for(facts)
        is_closed = getattr(annotation, "__closed__", False)
        self.closed_keys: frozenset[str] | None = frozenset(annotation.__annotations__) if is_closed else None


class Shapes:
    """A bounded cache of shapes, by the identity of the annotation: hashing one costs more than a lookup."""

    def __init__(self, capacity: int = 2048) -> None:
        self._capacity = capacity
        self._shapes: dict[int, Shape] = {}
        self._lock = threading.Lock()

    def get(self, annotation: Any, *, what: str) -> Shape:
        """Return the shape of `annotation`; DefinitionError if nothing can decode it."""
        shape = self._shapes.get(id(annotation))
        if shape is None:
            shape = Shape(annotation, what=what)
            with self._lock:
                while len(self._shapes) >= self._capacity:
                    del self._shapes[next(iter(self._shapes))]  # the oldest: code that was reloaded since
                self._shapes[id(annotation)] = shape
        return shape

    def clear(self) -> None:
        """Forget all: the next `get` of each makes its shape again."""
        with self._lock:
            self._shapes.clear()


def _check_for(facts: Facts) -> Callable[[Any, Any], bool]:
    """Return the fast check. What fails it is compared part by part, so it must never say yes wrongly."""
    if not facts.trusts_equality:
        return _never
    return _exactly_the_same if facts.is_plain and facts.has_any else _equal


def _never(_value: Any, _copy: Any) -> bool:
    return False


def _equal(value: Any, copy: Any) -> bool:
    try:
        return bool(value == copy)
    except Exception:  # a user's __eq__, or Decimal("sNaN")
        return False


def _exactly_the_same(value: Any, copy: Any) -> bool:
    # `==` takes 1, True and an enum's member for equal; marshal's bytes tell types apart and refuse subclasses, at the
    # speed of C. Nothing is ever loaded from them. Version 2 writes no back references, so equal values give equal bytes.
    try:
        return marshal.dumps(value, 2) == marshal.dumps(copy, 2)
    except ValueError:
        return False


def _cannot_decode(annotation: Any, error: Exception, what: str) -> DefinitionError:
    name = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return DefinitionError(
        f"{what}: values annotated {name} cannot be stored: {error}\n"
        f"  help: use dataclasses, plain types and their unions; tag structs of a union with `tag=True`"
    )
