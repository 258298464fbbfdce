"""Opens a line in the editor that `$VISUAL` or `$EDITOR` names, while the interface stands aside."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePath

from textual.app import App, SuspendNotSupported

_COLON = {"code", "code-insiders", "codium", "cursor", "hx", "helix", "subl", "zed", "zeditor"}  # FILE:LINE
_GOTO = {"code", "code-insiders", "codium", "cursor"}  # … behind --goto


def editor_command(file: str, line: int, environ: Mapping[str, str]) -> list[str] | None:
    """Return the command that opens a file at a line; None where no editor is named."""
    words = shlex.split(environ.get("VISUAL") or environ.get("EDITOR") or "")
    if not words:
        return None
    name = PurePath(words[0]).name
    if name in _COLON:
        return [*words, *(["--goto"] if name in _GOTO else []), f"{file}:{line}"]
    return [*words, f"+{line}", file]


def edit(app: App[None], file: str, line: int) -> str:
    """Open the editor and wait until it ends; return why that did not work, "" where it did."""
    if not Path(file).is_file():
        return f"{PurePath(file).name} is not on disk any more; what is shown is the source that ran"
    command = editor_command(file, line, os.environ)
    if command is None:
        return "no editor is named: set EDITOR, for example to vim, nano or code"
    try:
        with app.suspend():
            ended = subprocess.call(command)  # noqa: S603 - the user's own editor
    except SuspendNotSupported:
        return "an editor cannot be opened from here"
    except OSError as error:
        return f"{command[0]} cannot be started: {error.strerror or error}"
    return "" if ended == 0 else f"{command[0]} ended with exit code {ended}"
