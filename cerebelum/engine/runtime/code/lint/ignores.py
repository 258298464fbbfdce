"""`# cb: ignore[CB5xx]`: comments that silence findings on their line, and those among them that silence nothing."""

from __future__ import annotations

import io
import re
import tokenize

from msgspec import Struct

_COMMENT = re.compile(r"#\s*cb:\s*ignore\b\s*(\[(?P<codes>[^\]]*)\])?")


class Ignore(Struct):
    """One comment. `codes` is empty where it names none, and then it silences nothing."""

    line: int
    column: int  # characters, from 0
    text: str
    codes: tuple[str, ...]
    used: set[str]

    @property
    def idle(self) -> list[str]:
        """The codes that silenced nothing."""
        return [code for code in self.codes if code not in self.used]


def ignores_of(source: str) -> dict[int, Ignore]:
    """Return the comments of a source by line."""
    found: dict[int, Ignore] = {}
    if "cb:" not in source:
        return found
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        match = _COMMENT.search(token.string)
        if match is None:
            continue
        codes = tuple(code.strip().upper() for code in (match["codes"] or "").split(",") if code.strip())
        line, column = token.start
        found[line] = Ignore(line, column + match.start(), match[0], codes, set())
    return found


def silences(ignores: dict[int, Ignore], code: str, first_line: int, last_line: int) -> bool:
    """Whether a comment on one of these lines silences a finding; it is then marked as used."""
    for line in range(first_line, last_line + 1):
        ignore = ignores.get(line)
        if ignore is not None and code in ignore.codes:
            ignore.used.add(code)
            return True
    return False
