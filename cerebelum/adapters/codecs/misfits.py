"""Where JSON text does not fit an annotation: msgspec's message, with the exact place.

msgspec names fields and indexes, but writes `[...]` for a value of a dict. Which one it was is found by decoding again
with ever fewer entries.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from cerebelum.adapters.codecs.paths import Path, shown

_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|(\[\.\.\.\])")
_NEAR_KEY = re.compile(r"`key` in (?=`\$)")

Decode = Callable[[bytes], Any]


def misfit_of(error: Exception, text: bytes, decode: Decode) -> tuple[Path, str]:
    """Return the path of the first value in `text` that does not fit, and why it does not."""
    if not isinstance(error, msgspec.ValidationError):
        if isinstance(error, RecursionError):
            return (), "it is nested too deep"
        return (), f"it is not JSON: {shown(str(error))[1:-1]}"
    message = str(error)
    why, *places = _NEAR_KEY.sub("", message).split(" - at `$")
    why = why[:1].lower() + why[1:]
    if _NEAR_KEY.search(message):
        why = f"a key: {why}"
    steps = [step for place in reversed(places) for step in _STEP.findall(place.removesuffix("`"))]
    path: Path = ()
    for name, index, any_key in steps:
        if any_key:
            key = _first_bad_key(text, path, message, decode)
            if key is None:
                break
            path = (*path, key)
        else:
            path = (*path, int(index) if index else name)
    why = re.sub(r"\s+", " ", why)
    return path, "".join(c if c.isprintable() else ascii(c)[1:-1] for c in why)


def _first_bad_key(text: bytes, path: Path, message: str, decode: Decode) -> str | None:
    """Return the key of the dict at `path` whose value makes decoding fail with `message`."""
    try:
        tree = msgspec.json.decode(text)
        entries = _at(tree, path)
    except (msgspec.DecodeError, KeyError, IndexError, TypeError):  # a number out of range; a name with a dot in it
        return None
    if not isinstance(entries, dict) or not entries:
        return None
    keys: list[str] = list(entries)
    low, high = 1, len(keys)  # how many leading entries are needed for the failure
    while low < high:
        middle = (low + high) // 2
        part = {key: entries[key] for key in keys[:middle]}
        if _fails_alike(_with(tree, path, part), message, decode):
            high = middle
        else:
            low = middle + 1
    return keys[low - 1]


def _fails_alike(tree: Any, message: str, decode: Decode) -> bool:
    try:
        decode(msgspec.json.encode(tree))
    except Exception as error:
        return str(error) == message
    return False


def _at(tree: Any, path: Path) -> Any:
    for segment in path:
        tree = tree[segment]
    return tree


def _with(tree: Any, path: Path, part: Any) -> Any:
    """Return a copy of `tree` with `part` at `path`."""
    if not path:
        return part
    changed = tree.copy()
    changed[path[0]] = _with(tree[path[0]], path[1:], part)
    return changed
