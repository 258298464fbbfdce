"""Text that cannot act on a terminal: whatever a user's data holds, a reader sees it and nothing happens.

Escaped: ESC and all other C0 and C1 controls, bidi controls, zero-width and other invisible format characters, line and
paragraph separators, lone surrogates. Kept: everything with a shape, combining accents and the two emoji presentation
selectors. A backslash stays single, so that paths and patterns read as they were written.
"""

from __future__ import annotations

from functools import lru_cache
from unicodedata import category

_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Invisible although Unicode files them under letters, marks or nothing yet: fillers, joiners, variation selectors, tags.
_INVISIBLE = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2065, 0x2065),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0D),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)


def visible(text: str, *, keep_newlines: bool = True) -> str:
    r"""Return `text` with every character that could act on a terminal as an escape: `\x1b`, `\u202e`, `\U000e0041`.

    Args:
        text: anything, lone surrogates included; the result can always be encoded.
        keep_newlines: keep line feeds and tabs as they are (a block of text); else escape them too (one cell, one line).
    """
    if text.isascii() and text.isprintable():
        return text
    if keep_newlines:
        return "".join(character if character in "\n\t" else _shown(character) for character in text)
    return "".join(map(_shown, text))


@lru_cache(maxsize=4096)
def _shown(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    acts = category(character) in _ACTING or any(first <= code <= last for first, last in _INVISIBLE)
    if not acts:
        return character
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
