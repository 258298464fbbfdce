"""Exceptions as data, and back: what a history keeps of a failure, and what a workflow sees of it.

A workflow must see the same exception on the first run and on every replay, so it never sees the object that was
raised: it sees one made from the recorded data. Classes are looked up in modules that are loaded already; nothing is
imported by name, no `__init__` is run, nothing is unpickled.
"""

from __future__ import annotations

import builtins
import sys
import traceback
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw

from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.errors_runtime import StepFailed
from cerebelum.engine.domain.events import ABSENT, ErrorInfo
from cerebelum.engine.runtime.code.modules import beside, public_name

_ENGINE = str(Path(__file__).resolve().parents[2])
_ASYNCIO = str(Path(traceback.__file__).parent / "asyncio")
_STDLIB = str(Path(traceback.__file__).parent)
_TEXT_LIMIT = 8_000  # characters of a traceback or message
_DATA_LIMIT_BYTES = 4_096  # of args and attributes


def describe_error(error: BaseException) -> ErrorInfo:
    """Return `error` as data; never fails, whatever the exception's own methods do."""
    kind = type(error)
    plain = kind.__module__ == "builtins"
    return ErrorInfo(
        type=kind.__qualname__ if plain else f"{public_name(kind.__module__)}:{kind.__qualname__}",
        message=_cut(_text(error)),
        traceback=_cut(_user_traceback(error)),
        args=_exact(list(error.args)),
        attrs=_exact(dict(getattr(error, "__dict__", {}) or {})) if getattr(error, "__dict__", None) else ABSENT,
        code=error.code if isinstance(error, CerebelumError) else "",
    )


def rebuild_error(info: ErrorInfo, *, step: str, attempts: int, module: str = "") -> BaseException:
    """Return the exception that workflow code sees for a recorded failure.

    The original class where it is loaded and its arguments were kept exactly, with a `StepFailed` as its cause;
    else that `StepFailed` itself. `module` is the workflow's: old code side by side sees its own classes.
    """
    failed = StepFailed(step, attempts=attempts, error_type=info.name, message=info.message, traceback=info.traceback)
    kind = _loaded_class(info.type, module)
    if kind is None or not info.args or (not info.attrs and issubclass(kind, CerebelumError)):
        return failed
    try:
        args = msgspec.json.decode(info.args)
        error = kind(*args) if kind.__module__ == "builtins" else kind.__new__(kind, *args)
        error.args = tuple(args)
        if info.attrs:
            error.__dict__.update(msgspec.json.decode(info.attrs))
    except Exception:
        return failed
    notes = [note for note in getattr(error, "__notes__", []) if isinstance(note, str)]
    if notes:
        error.__notes__ = notes
    error.__cause__ = failed
    return error


def _loaded_class(name: str, beside_module: str) -> type[BaseException] | None:
    module_name, _, qualified = name.rpartition(":")
    found: Any = sys.modules.get(beside(beside_module, module_name)) if module_name else builtins
    for part in qualified.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _exact(value: Any) -> Raw:
    try:
        data = msgspec.json.encode(value)
        if len(data) <= _DATA_LIMIT_BYTES and msgspec.json.decode(data) == value:
            return Raw(data)
    except Exception:
        return ABSENT
    return ABSENT


def _text(error: BaseException) -> str:
    try:
        return str(error).encode("utf-8", "backslashreplace").decode()
    except Exception:
        return f"<{type(error).__name__}: its message could not be made>"


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_LIMIT else f"{text[: _TEXT_LIMIT // 2]}\n…\n{text[-_TEXT_LIMIT // 2 :]}"


def _user_traceback(error: BaseException) -> str:
    """Render the traceback, chained causes included, without the frames of the engine and of what called it.

    Of an error that a step raised: where it was raised in the step, then where the workflow met it.
    """
    try:
        rendered = traceback.TracebackException.from_exception(error, limit=-40)
        in_step = ""
        if isinstance(error.__cause__, StepFailed):
            in_step, rendered.__cause__ = error.__cause__.remote_traceback, None
        _strip(rendered)
        text = "".join(rendered.format()).encode("utf-8", "backslashreplace").decode()
    except Exception:
        return ""
    return f"{in_step}\nThe step failed for good, and the workflow met the error here:\n\n{text}" if in_step else text


def _strip(rendered: traceback.TracebackException) -> None:
    kept = [frame for frame in rendered.stack if not frame.filename.startswith((_ENGINE, _ASYNCIO))]
    first_user = next((position for position, frame in enumerate(kept) if not _is_stdlib(frame.filename)), 0)
    if kept:
        rendered.stack = traceback.StackSummary.from_list(kept[first_user:])
    for inner in (rendered.__cause__, rendered.__context__):
        if inner is not None:
            _strip(inner)


def _is_stdlib(filename: str) -> bool:
    return filename.startswith(_STDLIB) and "site-packages" not in filename
