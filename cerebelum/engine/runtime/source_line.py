"""Which line of the user's own code a stack stands on: the line to name in a message."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import FrameType

_STDLIB = str(Path(os.__file__).parent) + os.sep
_PACKAGE = str(Path(__file__).parents[2]) + os.sep  # `cerebelum`
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

_USER, _LIBRARY, _HIDDEN = 0, 1, 2


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A place in source code; `line` counts from 1, and is 0 where it is not known."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


def user_line(frame: FrameType | None) -> SourceLine:
    """Return the innermost line of `frame`'s stack that its user wrote.

    That is a line outside the standard library, installed packages and the engine; where there is none, a line
    of an installed package (a deployed workflow is one); where there is none either, the innermost line.
    """
    library: FrameType | None = None
    walker = frame
    while walker is not None:
        owner = _owner(walker.f_code.co_filename)
        if owner == _USER:
            return _line_of(walker)
        if owner == _LIBRARY and library is None:
            library = walker
        walker = walker.f_back
    return _line_of(library or frame)


def _line_of(frame: FrameType | None) -> SourceLine:
    if frame is None:
        return SourceLine("<unknown>", 0, "<unknown>")
    code = frame.f_code
    return SourceLine(code.co_filename, frame.f_lineno or 0, code.co_qualname)


@lru_cache(maxsize=4096)
def _owner(file: str) -> int:
    if file.startswith((_PACKAGE, "<frozen ")):
        return _HIDDEN
    if any(mark in file for mark in _INSTALLED):
        return _LIBRARY
    return _HIDDEN if file.startswith(_STDLIB) else _USER
