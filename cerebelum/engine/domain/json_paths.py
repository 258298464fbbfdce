"""Places in JSON text: `.items[0].price`. What lies beside a place that is changed keeps its bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from msgspec import Raw

Path = tuple[str | int, ...]
_PART = re.compile(r"\.([^.\[\]=]+)|\[(\d+)\]")


class NoSuchPlace(Exception):
    """The text is the reason, for people."""


def parse_path(text: str) -> Path:
    """Return the parts of `.items[0].price`; () for "".

    Raises:
        NoSuchPlace: it is not such a path.
    """
    parts: list[str | int] = []
    end = 0
    for found in _PART.finditer(text):
        if found.start() != end:
            break
        parts.append(found[1] if found[1] is not None else int(found[2]))
        end = found.end()
    if end != len(text):
        raise NoSuchPlace(f"{text[end:]!r} is no path: write .name or [0]")
    return tuple(parts)


def path_text(path: Sequence[str | int]) -> str:
    """Return `.items[0].price`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def replaced(data: bytes, path: Path, value: bytes, *, may_add: bool = False) -> bytes:
    """Return the JSON text `data` with `value`, JSON text as well, at `path`.

    Args:
        may_add: a key that is not there may be added, at the first level.

    Raises:
        NoSuchPlace: the path leads nowhere.
    """
    if not path:
        return value
    first, rest = path[0], path[1:]
    try:
        if isinstance(first, int):
            items = msgspec.json.decode(data, type=list[Raw])
            if first >= len(items):
                raise NoSuchPlace(f"there is no [{first}]: the list has {len(items)} values")
            items[first] = Raw(replaced(bytes(items[first]), rest, value))
            return msgspec.json.encode(items)
        fields = msgspec.json.decode(data, type=dict[str, Raw])
    except msgspec.ValidationError:
        kind = "a list" if isinstance(first, int) else "an object"
        raise NoSuchPlace(f"{path_text(path[:1])} leads nowhere: it is not {kind}") from None
    if first not in fields and not (may_add and not rest):
        raise NoSuchPlace(f"there is no {first!r}: its keys are {', '.join(fields) or 'none'}")
    fields[first] = Raw(replaced(bytes(fields[first]), rest, value) if first in fields else value)
    return msgspec.json.encode(fields)
