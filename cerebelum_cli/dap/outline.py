"""What is inside a rendered value: `Order(id=7, items=['book', 'pen'])` is a text by now, and is taken apart as one.

Values are rendered where they are captured, with bounds and masks, and nothing else is kept of them. So an editor opens
what the text says, and what is no such text has no parts.
"""

from __future__ import annotations

import re

from msgspec import Struct

_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_CLASS = re.compile(r"[^\W\d][\w.]*(?=\()")
_FIELD = re.compile(r"([^\W\d]\w*)=")
_CUT = "…"


class Part(Struct, frozen=True):
    """One entry.

    Attributes:
        name: of a field, the text of a key, or the index.
        text: the rendered value.
        reach: what leads to it from the whole, in an expression: `.id`, `['a']`, `[0]`; "" where nothing does.
        is_indexed: it is found by its place.
    """

    name: str
    text: str
    reach: str
    is_indexed: bool


def parts_of(text: str) -> list[Part]:
    """Return the entries of a rendered collection or object; [] of anything else."""
    named = _CLASS.match(text)
    begin = named.end() if named else 0
    bracket = text[begin : begin + 1]
    if bracket not in ("(", "[", "{"):
        return []
    entries = _entries(text, begin)
    if named and len(entries) == 1 and not _FIELD.match(entries[0][0]):
        return parts_of(entries[0][0])  # deque([1, 2]): its only argument is what it holds
    return [_part(entry, colon, number, bracket, bool(named)) for number, (entry, colon) in enumerate(entries)]


def _part(entry: str, colon: int, number: int, bracket: str, is_object: bool) -> Part:
    if entry.startswith(_CUT):
        return Part(_CUT, entry.removeprefix(_CUT).strip() or _CUT, "", True)
    field = _FIELD.match(entry) if is_object else None
    if field is not None:
        return Part(field[1], entry[field.end() :], f".{field[1]}", False)
    if bracket == "{" and colon > 0:
        return Part(entry[:colon], entry[colon + 2 :], f"[{entry[:colon]}]", False)
    return Part(str(number), entry, "" if bracket == "{" or is_object else f"[{number}]", True)


def _entries(text: str, begin: int) -> list[tuple[str, int]]:
    """Return (entry, where its colon is) for what stands between the bracket at `begin` and its end; [] if that is odd."""
    found: list[tuple[str, int]] = []
    open_, quote = [_PAIRS[text[begin]]], ""
    start, colon, position = begin + 1, -1, begin + 1
    while position < len(text):
        char = text[position]
        if quote:
            if char == "\\":
                position += 1
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char in _PAIRS:
            open_.append(_PAIRS[char])
        elif char == open_[-1]:
            open_.pop()
            if not open_:
                break
        elif char in ")]}":
            return []
        elif len(open_) == 1 and text.startswith(", ", position):
            found.append((text[start:position], colon))
            start, colon = position + 2, -1
        elif len(open_) == 1 and colon < 0 and text.startswith(": ", position):
            colon = position - start
        position += 1
    is_cut = bool(open_) and text.endswith(_CUT)
    if (open_ and not is_cut) or (not open_ and position != len(text) - 1):
        return []
    last = text[start:position].removesuffix(",")
    return [*found, (last, colon)] if last else found
