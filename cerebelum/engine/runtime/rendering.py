"""Values as text for people: locals of a replay, payloads, log metadata. Bounded, masked, and the same on every replay.

Rules:
- The work is bounded by what is shown: a list of a million entries costs as much as one of `items`.
- Code of the user runs only as the `__repr__` of a class that is none of the known kinds, and whatever it raises ends
  here. Dataclasses, msgspec structs, attrs and pydantic classes and plain objects are shown by their fields.
- No memory addresses, sets in sorted order: two replays of one history render alike.
"""

from __future__ import annotations

import re
import threading
import types
from array import array
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import partial
from itertools import islice
from typing import Any, Literal

from msgspec import Struct

from cerebelum.engine.runtime.masking import MASK, SLACK, hides, mask_cut, mask_text
from cerebelum.engine.runtime.object_fields import fields_of

_CUT = "…"
_SORTED_LIMIT = 1_000  # a larger set is shown in whatever order it has
_SORTED_NESTED_LIMIT = 64  # the same for sets of other than plain entries, which must be rendered to be compared
_SORTABLE = frozenset({str, int, bytes})
_JSON_PLAIN = frozenset({bool, int, float, type(None)})
_JSON_DEPTH = 100
_LARGEST_BITS = 1_024  # of an int shown in full
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{4,16}")
_PLAIN = frozenset({bool, float, complex, type(None), type(Ellipsis), type(NotImplemented)})
_MAPPINGS = (dict, types.MappingProxyType, UserDict, ChainMap)
_SEQUENCES: tuple[type, ...] = (list, tuple, deque, UserList, type({}.keys()), type({}.values()), type({}.items()))
_BRACKETS: dict[type, tuple[str, str]] = {list: ("[", "]"), tuple: ("(", ")")}
_CODE = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.CoroutineType,
    types.GeneratorType,
    types.AsyncGeneratorType,
)


class _OwnReprs(threading.local):
    call: Callable[[Any], str] = staticmethod(repr)


own_reprs = _OwnReprs()  # how this thread asks objects for their own text; a replay waits for it no longer than a limit


class Change(Struct, frozen=True, kw_only=True):
    """How one rendered local differs from the frame before."""

    name: str
    kind: Literal["added", "changed", "removed"]
    before: str | None = None  # None: added
    after: str | None = None  # None: removed


def changes(before: dict[str, str], after: dict[str, str]) -> list[Change]:
    """Return what differs: added and changed names in the order of `after`, then the removed ones."""
    found = [
        Change(name=name, kind="changed" if name in before else "added", before=before.get(name), after=text)
        for name, text in after.items()
        if before.get(name) != text
    ]
    return found + [Change(name=n, kind="removed", before=text) for n, text in before.items() if n not in after]


def render(value: Any, *, depth: int = 4, items: int = 20, chars: int = 500) -> str:
    """Return a short text for `value`, with secrets masked; never raises for what `value` does.

    Args:
        value: anything.
        depth: levels of containers shown; deeper ones read `[…]`.
        items: entries shown of each container.
        chars: length of the whole text, in characters; longer ones end with `…`.
    """
    kind = type(value)
    if kind in _PLAIN or (kind is int and value.bit_length() <= _LARGEST_BITS):  # most locals: no writer for them
        text = repr(value)
        return text if len(text) <= chars else text[:chars] + _CUT
    writer = _Writer(items=items, chars=chars)
    try:
        writer.value(value, depth)
    except _FullError:
        writer.parts.append(_CUT)
    except Exception as error:  # a container whose iteration or attributes raise
        writer.parts.append(f"<{type(value).__name__} instance (repr failed: {type(error).__name__})>")
    return "".join(writer.parts)


def render_named(name: str, value: Any, *, depth: int = 4, items: int = 20, chars: int = 500) -> str:
    """Return `render(value)`, or the mask when `name` says that it is a secret."""
    return MASK if hides(name, value) else render(value, depth=depth, items=items, chars=chars)


class _FullError(Exception):
    """The text has reached its length."""


class _Writer:
    """Writes one text, until it is full. Kinds are told by `type(value)`: a proxy's `__class__` runs the user's code."""

    def __init__(self, *, items: int, chars: int) -> None:
        self.parts: list[str] = []
        self._items, self._left = items, chars
        self._open: set[int] = set()  # ids of the containers being written

    def text(self, text: str) -> None:
        if len(text) > self._left:
            self.parts.append(text[: self._left])
            raise _FullError
        self._left -= len(text)
        self.parts.append(text)

    def value(self, value: Any, depth: int) -> None:
        kind = type(value)
        if issubclass(kind, str):
            self._quoted(str.__getitem__(value, slice(self._left + SLACK)), str.__len__(value))
        elif kind in _PLAIN:
            self.text(repr(value))
        elif kind is int:
            bits = value.bit_length()
            self.text(repr(value) if bits <= _LARGEST_BITS else f"<int of {bits:,} bits>")
        elif issubclass(kind, bytes | bytearray):
            self._quoted(bytes(value[: self._left + SLACK]), len(value))
        elif issubclass(kind, memoryview | array):
            self.text(f"<{kind.__name__} of {len(value):,} items>")
        elif issubclass(kind, Enum):
            self.text(f"{kind.__name__}.{value._name_}")
        elif issubclass(kind, type):
            self.text(f"<class {value.__name__}>")
        elif issubclass(kind, types.ModuleType):
            self.text(f"<module {value.__name__}>")
        elif issubclass(kind, _CODE):
            self.text(f"<{kind.__name__} {value.__qualname__}>")
        elif id(value) in self._open:
            self.text(_CUT)
        else:
            self._open.add(id(value))
            self._nested(value, kind, depth)
            self._open.discard(id(value))

    def _quoted(self, head: str | bytes, length: int) -> None:
        text = mask_text(repr(head))
        if len(head) == length:
            self.text(text)
            return
        self.text(text[:-1])
        raise _FullError

    def _nested(self, value: Any, kind: type, depth: int) -> None:
        if issubclass(kind, _MAPPINGS):
            self._mapping(value, kind, depth)
        elif (fields := fields_of(value, kind)) is not None:
            parts = (partial(self._field, name, shown, f"{name}=") for name, shown in fields)
            self._entries(f"{kind.__name__}(", parts, ")", None, depth)
        elif issubclass(kind, _SEQUENCES):
            self._sequence(value, kind, depth)
        elif issubclass(kind, set | frozenset):
            self._set(value, kind, depth)
        elif issubclass(kind, BaseException | partial):
            args = value.args if issubclass(kind, BaseException) else (value.func, *value.args)
            parts = (partial(self.value, argument) for argument in args)
            self._entries(f"{kind.__name__}(", parts, ")", len(args), depth)
        else:
            self.text(_own_repr(value, kind, self._left + 1))

    def _mapping(self, value: Any, kind: type, depth: int) -> None:
        is_dict = issubclass(kind, dict)  # and read as one, whatever a subclass makes of it
        pairs: Iterable[tuple[Any, Any]] = dict.items(value) if is_dict else value.items()
        opening, closing = ("{", "}") if kind is dict else (f"{kind.__name__}({{", "})")
        self._entries(
            opening,
            (partial(self._pair, key, shown) for key, shown in pairs),
            closing,
            dict.__len__(value) if is_dict else len(value),
            depth,
        )

    def _pair(self, key: Any, value: Any, depth: int) -> None:
        self.value(key, depth)
        name = key.decode("latin-1") if isinstance(key, bytes) else key
        self._field(name if isinstance(name, str) else "", value, ": ", depth)

    def _field(self, name: str, value: Any, label: str, depth: int) -> None:
        self.text(label)
        if hides(name, value):
            self.text(f"'{MASK}'")
        else:
            self.value(value, depth)

    def _sequence(self, value: Any, kind: type, depth: int) -> None:
        opening, closing = _BRACKETS.get(kind, (f"{kind.__name__}([", "])"))
        base = next((base for base in (list, tuple, deque) if issubclass(kind, base)), None)
        count = len(value) if base is None else base.__len__(value)
        closing = ",)" if kind is tuple and count == 1 else closing
        entries = value if base is None else base.__iter__(value)
        self._entries(opening, (partial(self.value, entry) for entry in entries), closing, count, depth)

    def _set(self, value: Any, kind: type, depth: int) -> None:
        base: type[Any] = set if issubclass(kind, set) else frozenset
        count = base.__len__(value)
        if not count:
            self.text(f"{kind.__name__}()")
            return
        opening, closing = ("{", "}") if kind is set else (f"{kind.__name__}({{", "})")
        entries: Iterable[Any] = base.__iter__(value)
        if count <= _SORTED_LIMIT:
            entries = list(entries)
            if all(type(entry) in _SORTABLE for entry in entries):
                entries.sort(key=lambda entry: (type(entry).__name__, entry))
            elif count <= _SORTED_NESTED_LIMIT:
                entries.sort(key=lambda entry: render(entry, depth=1, items=self._items, chars=100))
        self._entries(opening, (partial(self.value, entry) for entry in entries), closing, count, depth)

    def _entries(
        self, opening: str, parts: Iterator[Callable[[int], None]], closing: str, count: int | None, depth: int
    ) -> None:
        """Write the first parts, each with one level less; `count` None: unknown."""
        self.text(opening)
        if depth <= 0 and count != 0:
            self.text(_CUT + closing)
            return
        for index, part in enumerate(islice(parts, self._items)):
            if index:
                self.text(", ")
            part(depth - 1)
        if count is None:
            self.text(f", {_CUT}" if next(parts, None) is not None else "")
        elif count > self._items:
            self.text(f", {_CUT} {count - self._items:,} more")
        self.text(closing)


def _own_repr(value: Any, kind: type, chars: int) -> str:
    try:
        text = own_reprs.call(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the user's code: whatever it raises, the rest is shown
        return f"<{kind.__name__} instance (repr failed: {type(error).__name__})>"
    if type(text) is not str:  # a subclass, with methods of its own
        text = str.__getitem__(text, slice(None))
    return mask_cut(_ADDRESS.sub("", text[: chars + SLACK]).replace("\n", "\\n"), chars)


def mask_json(value: Any, *, nodes: int = 1_000_000) -> Any:
    """Return a copy of decoded JSON with the values under secret names, and passwords inside strings, masked.

    Args:
        value: decoded JSON; anything else in it becomes the text that `render` makes of it.
        nodes: entries copied at most, over all levels; what comes after them is cut.
    """
    return _JsonMask(nodes).copy(value, 0)


class _JsonMask:
    def __init__(self, nodes: int) -> None:
        self._left = nodes

    def copy(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return mask_text(value)
        if kind in _JSON_PLAIN:
            return value
        if (kind is not dict and kind is not list and kind is not tuple) or depth >= _JSON_DEPTH:
            return render(value)
        if kind is dict:
            return {
                name if type(name) is str else render(name): MASK
                if hides(str(name), entry)
                else self.copy(entry, depth + 1)
                for name, entry in islice(value.items(), self._take(len(value)))
            }
        return [self.copy(entry, depth + 1) for entry in islice(value, self._take(len(value)))]

    def _take(self, count: int) -> int:
        taken = min(count, self._left)
        self._left -= taken
        return taken
