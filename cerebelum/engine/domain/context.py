"""The state that the steps of a flow share: read by key or attribute, changed by recorded operations.

Rules:
- Every write is an operation (`Op`). A step's operations are its *patch*; the context is what they give, applied in
  order to an empty one. Operations are JSON, and so are all values.
- What is read is a copy: changing it changes nothing, since no operation would tell of it.
- Branches work on forks. At the join the operations of all are merged: appends and increments are never lost, and a
  plain write that another branch contradicts is a `ContextConflict`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NoReturn

from msgspec import Struct

from cerebelum.engine.domain.errors_context import ContextKeyMissing, ContextValueRefused

Exact = Callable[[str, Any], Any]  # (key, value) -> the copy that the history will hold; raises where it cannot
_MOST_KEYS_NAMED = 20


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()


class Op(Struct, frozen=True, array_like=True):
    """One write: `["append", "results", 3]`. The kinds are stored: never rename them."""

    kind: Literal["put", "delete", "append", "increment", "init"]  # init: a put where the key is missing
    key: str
    value: Any = None


def apply(state: dict[str, Any], ops: Iterable[Op]) -> dict[str, Any]:
    """Apply operations to `state`, in place, and return it. Values in it are replaced, never changed.

    Raises:
        ContextValueRefused: an append to what is no list, an increment of what is no number.
    """
    for op in ops:
        key = op.key
        if op.kind == "put":
            state[key] = op.value
        elif op.kind == "delete":
            state.pop(key, None)
        elif op.kind == "init":
            state.setdefault(key, op.value)
        elif op.kind == "append":
            present = state.get(key)
            if present is None:
                present = []
            if not isinstance(present, list):
                _refuse(f"cannot append to context key {key!r}: it holds {type(present).__name__}, not a list")
            state[key] = [*present, op.value]
        else:
            count = state.get(key)
            count = 0 if count is None else count
            if not is_number(count):
                _refuse(f"cannot increment context key {key!r}: it holds {type(count).__name__}, not a number")
            state[key] = count + op.value
    return state


class Context:
    """See the module's rules. `ctx["k"]`, `ctx.k`, `ctx.get("k")`, `"k" in ctx`, `dict(ctx)`, `len(ctx)`.

    A key that is also a method's name is read with `ctx["put"]`.

    Args:
        values: what it holds at first; taken as it is, and never changed.
        input: of the execution, for `ctx.input`.
        exact: proves that the history can hold a value, and gives the copy it will hold.
    """

    __slots__ = ("_exact", "_input", "_ops", "_state")

    def __init__(
        self,
        values: Mapping[str, Any] | None = None,
        *,
        input: Any = None,  # noqa: A002 - as `ctx.input`
        exact: Exact | None = None,
    ) -> None:
        self._state: dict[str, Any] = dict(values or {})
        self._ops: list[Op] = []
        self._input, self._exact = input, exact

    # -- reading --------------------------------------------------------------------------------------------------
    @property
    def input(self) -> Any:
        """The execution's input."""
        return copied(self._input)

    def __getitem__(self, key: str) -> Any:
        return copied(self._found(key))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # what copy, pickle and the like ask, also before there is a state
            raise AttributeError(name)
        if name not in self._state:
            raise AttributeError(str(ContextKeyMissing(name, known=self._some_keys())), name=name, obj=self)
        return copied(self._state[name])

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of `key`, or `default`."""
        return copied(self._state[key]) if key in self._state else default

    def has(self, key: str) -> bool:
        """Return whether there is such a key."""
        return key in self._state

    def keys(self) -> list[str]:
        """Return the keys, oldest first."""
        return list(self._state)

    def as_dict(self) -> dict[str, Any]:
        """Return a copy of everything."""
        values: dict[str, Any] = copied(self._state)
        return values

    def __contains__(self, key: object) -> bool:
        return key in self._state

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._state))

    def __len__(self) -> int:
        return len(self._state)

    def __bool__(self) -> bool:
        return True  # an empty context is a context

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Context):
            return self._state == other._state
        return self._state == other if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Context({self._state!r})"

    # -- writing --------------------------------------------------------------------------------------------------
    def put(self, key: str | Mapping[str, Any], value: Any = MISSING) -> None:
        """Write `value` under `key`, or every pair of a mapping.

        Raises:
            ContextValueRefused: a key that is not text; a mapping and a value.
            PayloadNotEncodable: JSON cannot hold the value exactly.
        """
        if isinstance(key, Mapping):
            if value is not MISSING:
                _refuse("put takes a key and a value, or one mapping")
            self.merge(key)
        elif value is MISSING:
            _refuse(f"put({key!r}) needs a value")
        else:
            self._write("put", key, value)

    def merge(self, values: Mapping[str, Any]) -> None:
        """Write every pair of `values`; other keys stay. Raises as `put`, and then writes none of them."""
        checked = [(self._key(key), self._checked(key, value)) for key, value in values.items()]
        for key, value in checked:
            self._do(Op("put", key, value))

    def update(self, key: str, fn: Callable[[Any], Any], default: Any = MISSING) -> Any:
        """Replace the value by `fn(current)` and return it; of a missing key, `current` is `default`.

        Raises:
            ContextKeyMissing: no such key, and no default.
        """
        current = self[key] if default is MISSING else self.get(key, default)
        self._write("put", key, fn(current))
        return self[key]

    def delete(self, key: str) -> None:
        """Remove `key`, if it is there."""
        if key in self._state:
            self._do(Op("delete", key))

    def init_accumulator(self, key: str, initial: Any) -> None:
        """Write `initial` under `key` unless the key exists: what was gathered so far stays."""
        if key not in self._state:
            self._write("init", key, initial)

    def append(self, key: str, value: Any) -> None:
        """Add `value` to the end of the list under `key`; a missing one begins empty.

        Raises:
            ContextValueRefused: the key holds something else than a list.
        """
        self._write("append", key, value)

    def increment(self, key: str, n: float = 1) -> None:
        """Add `n` to the number under `key`; a missing one begins at 0.

        Raises:
            ContextValueRefused: `n`, or what the key holds, is no number.
        """
        if not is_number(n):
            _refuse(f"cannot increment context key {key!r} by {n!r}: not a number")
        self._write("increment", key, n)

    # -- forks, patches and joins -----------------------------------------------------------------------------------
    @property
    def ops(self) -> list[Op]:
        """What was written here since it was made, in order."""
        return self._ops

    def fork(self, *, exact: Exact | None = None) -> Context:
        """Return a context of the same values with no operations of its own: what a branch, or an attempt, works on."""
        return Context(self._state, input=self._input, exact=exact or self._exact)

    def absorb(self, ops: Iterable[Op]) -> None:
        """Apply operations that were made elsewhere, such as a step's patch, as if they were made here.

        Raises:
            ContextValueRefused: they do not fit what is here; nothing is applied.
        """
        ops = list(ops)
        self._state = apply(dict(self._state), ops)
        self._ops.extend(ops)

    # -- inside -----------------------------------------------------------------------------------------------------
    def _write(self, kind: Any, key: str, value: Any) -> None:
        self._do(Op(kind, self._key(key), self._checked(key, value)))

    def _do(self, op: Op) -> None:
        apply(self._state, (op,))
        self._ops.append(op)

    def _checked(self, key: str, value: Any) -> Any:
        return copied(value) if self._exact is None else self._exact(key, value)

    def _key(self, key: object) -> str:
        if type(key) is not str:
            _refuse(f"a context key is text, not {type(key).__name__} {str(key)[:60]!r}")
        return key

    def _found(self, key: str) -> Any:
        try:
            return self._state[key]
        except KeyError:
            raise ContextKeyMissing(key, known=self._some_keys()) from None

    def _some_keys(self) -> tuple[str, ...]:
        return tuple(self._state)[:_MOST_KEYS_NAMED]


def copied(value: Any) -> Any:
    """Return a copy of JSON data that shares no list or object with it."""
    if isinstance(value, dict):
        return {key: copied(each) for key, each in value.items()}
    return [copied(each) for each in value] if isinstance(value, list) else value


def is_number(value: object) -> bool:
    """Return whether `value` can be incremented; to JSON, true and false are no numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refuse(text: str) -> NoReturn:
    raise ContextValueRefused(text)
