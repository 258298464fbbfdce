"""What went wrong while a user's file was imported, in the user's words: their line, not our frames."""

from __future__ import annotations

import builtins
import linecache
import os
import traceback
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from cerebelum.engine.domain.errors_code import FlowImportFailed, FlowSyntaxError


def shown_path(path: str) -> str:
    """Return a path as people type it: relative to the working folder where it lies below it."""
    if not Path(path).is_absolute():
        return path
    try:
        relative = os.path.relpath(path)
    except (ValueError, OSError):  # another drive; a working folder that was deleted
        return path
    return path if relative.startswith(os.pardir) else relative


def syntax_error(error: SyntaxError, *, shown: str) -> FlowSyntaxError:
    """Translate what `ast.parse` raised for the file `shown`."""
    line_number = error.lineno or 1
    line = (error.text or linecache.getline(error.filename or "", line_number)).rstrip("\r\n")
    column = error.offset if error.offset and error.offset > 0 else None
    width = 1
    if column and error.end_lineno == line_number and error.end_offset and error.end_offset > column:
        width = min(error.end_offset - column, max(1, len(line) - column + 1))
    return FlowSyntaxError(
        shown, line_number=line_number, reason=error.msg or "invalid syntax", line=line, column=column, width=width
    )


def import_failure(
    error: BaseException, *, entry: str, sources: Mapping[str, str]
) -> FlowSyntaxError | FlowImportFailed:
    """Translate what importing a flow raised.

    Args:
        error: as caught, with its traceback.
        entry: file name of the flow.
        sources: file name, as in the traceback -> text, for the flow and its local modules.
    """
    if isinstance(error, SyntaxError) and error.filename is not None and error.filename in sources:
        return syntax_error(error, shown=shown_path(error.filename))
    filename, line_number = entry, 1
    names: list[str] = []
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename in sources:
            filename, line_number = frame.f_code.co_filename, number
            names = [*frame.f_locals, *frame.f_globals, *dir(builtins)]
    lines = sources.get(filename, "").splitlines()
    line = lines[line_number - 1] if 0 < line_number <= len(lines) else ""
    return FlowImportFailed(
        shown_path(filename),
        line_number=line_number,
        line=line,
        error=_message(error, names),
        hint=_hint(error, filename),
    )


def _message(error: BaseException, names: Sequence[str]) -> str:
    try:  # this form has Python's own "Did you mean", from 3.12 on
        rendered = list(traceback.TracebackException.from_exception(error).format_exception_only())
    except Exception:
        return type(error).__name__
    message = "".join(rendered).strip()
    if isinstance(error, NameError) and error.name and "Did you mean" not in message:
        message += "".join(f". Did you mean: {close!r}?" for close in get_close_matches(error.name, names, 1))
    ours = type(error).__module__
    return message.removeprefix(f"{ours}.") if ours.startswith("cerebelum.") else message


def _hint(error: BaseException, filename: str) -> str:
    shown = shown_path(filename)
    if isinstance(error, ImportError) and "relative import" in str(error):
        return f"write `import name`, or put an __init__.py beside {shown} to make its folder a package"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"put {error.name.partition('.')[0]}.py beside the flow, or install it: pip install {error.name.partition('.')[0]}"
    if isinstance(error, SystemExit):
        return 'code that runs the file as a program belongs under `if __name__ == "__main__":`'
    return f"mend the line; see it fail alone with `python {shown}`"
