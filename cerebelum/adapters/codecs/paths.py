"""How a place inside a payload, and a value at it, are written in messages."""

from __future__ import annotations

import math
import reprlib
from types import EllipsisType
from typing import Any

# a field or key, an index, or "a member of a set"
Segment = str | int | EllipsisType
Path = tuple[Segment, ...]

_SHOWN_CHARACTERS = 60
_PATH_SEGMENTS = 20


class _Short(reprlib.Repr):
    def repr_instance(self, x: object, level: int) -> str:  # noqa: ARG002 - the base class decides
        """Show an object without its address, which differs from run to run."""
        try:
            text = repr(x)
        except Exception:  # a user's __repr__ may do anything
            text = object.__repr__(x)
        if text.startswith("<") and " at 0x" in text:
            return f"<{type(x).__name__}>"
        return text if len(text) <= self.maxother else f"{text[: self.maxother - 13]}...{text[-10:]}"


_short = _Short()
_short.maxstring = _short.maxother = _short.maxlong = _SHOWN_CHARACTERS
_short.maxdict = _short.maxlist = _short.maxtuple = _short.maxset = _short.maxfrozenset = 4
_short.maxlevel = 3


def root_of(what: str) -> str:
    """Return the word that paths into `what` begin with; "" for arguments, which are named by their parameter."""
    word = what.partition(" ")[0]
    return "" if word in ("argument", "arguments") else word


def written(root: str, path: Path) -> str:
    """Return `path` as in `result.items[3].price`."""
    text = root
    if len(path) > _PATH_SEGMENTS:
        tail = written("...", path[-2:])
        return written(root, path[: _PATH_SEGMENTS - 2]) + tail
    for segment in path:
        if isinstance(segment, EllipsisType):
            text += "{*}"
        elif isinstance(segment, int):
            text += f"[{segment}]"
        elif segment.isidentifier():
            text += f".{segment}" if text else segment
        else:
            text += f"[{shown(segment)}]"
    return text


def shown(value: Any) -> str:
    """Return a short representation of `value` in ASCII: control characters and the like are visible escapes."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    try:
        text = _short.repr(value)
    except Exception:  # a user's __repr__ may do anything
        text = f"<{type(value).__name__}>"
    escaped = text.encode("ascii", "backslashreplace").decode("ascii")
    visible = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in escaped)
    return visible if len(visible) <= 2 * _SHOWN_CHARACTERS else visible[: 2 * _SHOWN_CHARACTERS - 3] + "..."


def kind_name(value: Any) -> str:
    """Return the name of a value's class with its article: "a tuple", "an Order"."""
    return "None" if value is None else _with_article(type(value).__name__)


def _with_article(name: str) -> str:
    return f"{'an' if name[:1] in 'aeioAEIO' else 'a'} {name}"
