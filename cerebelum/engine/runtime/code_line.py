"""Where in the user's code a command was asked for: "flow.py:22"."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from cerebelum.engine.authoring.plain import plain_frames

_OURS = (str(Path(__file__).resolve().parents[2]), str(Path(asyncio.__file__).parent))
_rendered: dict[tuple[CodeType, int], str] = {}
_user_files: dict[str, bool] = {}
_LIMIT = 10_000  # entries; a dev session reloads code for hours


def render_line(line: tuple[CodeType, int]) -> str:
    """Return "flow.py:22", "" for a line of our own (a saga that calls a compensation)."""
    text = _rendered.get(line)
    if text is None:
        if line[0].co_filename.startswith(_OURS):
            return ""
        if len(_rendered) >= _LIMIT:
            _rendered.clear()
        text = _rendered[line] = f"{line[0].co_filename.rpartition('/')[2]}:{line[1]}"
    return text


def waiting_line(coroutine: Any) -> str:
    """Return the innermost user line that a suspended coroutine waits at, "" if there is none."""
    found = ""
    while coroutine is not None and (frame := getattr(coroutine, "cr_frame", None)) is not None:
        for each in (frame, *plain_frames(frame)):
            found = render_line((each.f_code, each.f_lineno)) or found
        coroutine = coroutine.cr_await
    return found


def calling_line() -> str:
    """Return the innermost user line on the stack, "" if there is none (a coroutine that a task runs directly)."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        filename = frame.f_code.co_filename
        is_user = _user_files.get(filename)
        if is_user is None:
            is_user = _user_files[filename] = not filename.startswith(_OURS) and not filename.startswith("<frozen")
        if is_user:
            return render_line((frame.f_code, frame.f_lineno))
        if frame.f_code.co_name == "run_until_idle":
            return ""
        inner = plain_frames(frame)  # plain code waits for this call: the line is its own
        frame = inner[-1] if inner else frame.f_back
    return ""
