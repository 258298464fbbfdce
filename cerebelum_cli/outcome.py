"""How an execution ended: its result on stdout, or the error that its waiters meet."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import cerebelum
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.query import get_execution
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.errors_code import excerpt
from cerebelum.engine.domain.errors_runtime import ExecutionCancelled, ExecutionFailed
from cerebelum.engine.domain.projection import ExecutionState, StepState
from cerebelum.engine.runtime.code.import_failure import shown_path
from cerebelum.engine.runtime.masking import mask_text
from cerebelum.engine.runtime.rendering import mask_json
from cerebelum_cli.output import is_terminal, print_json
from cerebelum_cli.words import masked

_OURS = str(Path(cerebelum.__file__).parent)
_LIBRARY = str(Path(re.__file__).parents[1])
_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<number>\d+).*\n(?:    (?P<line>.*))?', re.MULTILINE)


async def print_result(
    engine: Engine, execution_id: str, final: ev.Event, *, whole: dict[str, Any] | None = None
) -> None:
    """Print the result, exactly as recorded; on a terminal secrets are masked.

    Args:
        whole: print this object with the result in it instead.

    Raises:
        ExecutionFailed, ExecutionCancelled: it ended that way.
    """
    if isinstance(final, ev.ExecutionCancelledEvent):
        raise ExecutionCancelled(execution_id, final.reason)
    if isinstance(final, ev.ExecutionFailedEvent):
        view = await get_execution(engine, execution_id)
        raise failure(execution_id, final.error, view.state)
    assert isinstance(final, ev.ExecutionCompleted)
    if whole is not None:
        print_json({**whole, "result": masked(final.result)})
        return
    value = engine.codec.decode(bytes(final.result), what=f"result of {execution_id}")
    print_json(mask_json(value) if is_terminal(sys.stdout) else value)


def failure(execution_id: str, error: ev.ErrorInfo, state: ExecutionState) -> CerebelumError:
    """Return the error of a failed execution, with the one line of the user's code that matters."""
    failed = ExecutionFailed(
        execution_id, error_type=error.name, message=mask_text(error.message), traceback=mask_text(error.traceback)
    )
    place = place_of_failure(error, state)
    if place is not None:
        file, number, line = place
        failed.add_note(f"  at  {shown_path(file)}:{number}")
        if line:
            failed.add_note(excerpt(number, mask_text(line)))
    return failed


def place_of_failure(error: ev.ErrorInfo, state: ExecutionState) -> tuple[str, int, str] | None:
    """Return file, number and text of the line of the user's code that matters; None where there is none."""
    found = failed_step(error, state)
    return _users_line((error if found is None else found[1]).traceback)


def failed_step(error: ev.ErrorInfo, state: ExecutionState) -> tuple[StepState, ev.ErrorInfo] | None:
    """Return the step that brought the execution down, and its failure; None where it was none."""
    for step in reversed(state.steps.values()):
        for attempt in reversed(step.attempts):
            found = attempt.error
            if found is not None and (found.type, found.message) == (error.type, error.message):
                return step, found
    return None


def _users_line(traceback: str) -> tuple[str, int, str] | None:
    """Return file, number and text of the innermost line that is neither ours nor a library's."""
    frames = list(_FRAME.finditer(traceback))
    for frame in reversed(frames):
        if not frame["file"].startswith((_OURS, _LIBRARY)) and "site-packages" not in frame["file"]:
            return frame["file"], int(frame["number"]), frame["line"] or ""
    return None
