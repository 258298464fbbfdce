"""How an execution ended: its result on stdout, or the error that its waiters meet."""

from __future__ import annotations

import re
import sys
from typing import Any

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.errors_code import excerpt
from cerebelum.engine.domain.errors_runtime import ExecutionCancelled, ExecutionFailed
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.runtime.masking import mask_text
from cerebelum.engine.runtime.rendering import mask_json
from cerebelum_cli.output import is_terminal, print_json
from cerebelum_cli.words import masked

_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<number>\d+).*\n(?:    (?P<line>.*))?', re.MULTILINE)


def print_result(
    execution_id: str, final: ev.Event, codec: PayloadCodec, *, whole: dict[str, Any] | None = None
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
        raise failure(execution_id, final.error)
    assert isinstance(final, ev.ExecutionCompleted)
    if whole is not None:
        print_json({**whole, "result": masked(final.result)})
        return
    value = codec.decode(bytes(final.result), what=f"result of {execution_id}")
    print_json(mask_json(value) if is_terminal(sys.stdout) else value)


def failure(execution_id: str, error: ev.ErrorInfo) -> CerebelumError:
    """Return the error of a failed execution, with the line of the user's code that raised it."""
    failed = ExecutionFailed(
        execution_id, error_type=error.name, message=mask_text(error.message), traceback=mask_text(error.traceback)
    )
    frames = list(_FRAME.finditer(error.traceback))
    if frames:
        last = frames[-1]
        failed.add_note(f"  at  {_shown(last['file'])}:{last['number']}")
        if last["line"]:
            failed.add_note(excerpt(int(last["number"]), mask_text(last["line"])))
    return failed


def _shown(path: str) -> str:
    from cerebelum.engine.runtime.code.import_failure import shown_path

    return shown_path(path)
