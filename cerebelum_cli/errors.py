"""Errors as people meet them: one form, the exit code of their kind, no frames of ours unless `--debug`."""

from __future__ import annotations

import sys
import traceback

from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.terminal_text import visible

BUG_EXIT_CODE = 70
INTERRUPTED_EXIT_CODE = 130


class UsageProblem(CerebelumError):
    """The command line cannot be understood. Nothing was done."""

    code = "CB201"
    exit_code = 2

    def __init__(self, problem: str, *, help_: str = "cerebelum --help") -> None:
        super().__init__(f"{problem}\n  help: {help_}")
        self.problem = problem


class FlowFileUnknown(CerebelumError):
    """An execution is to be resumed, and the file with its workflow is not where it was."""

    code = "CB202"
    exit_code = 9

    def __init__(self, execution_id: str, workflow: str, path: str) -> None:
        super().__init__(
            f"the file of workflow {workflow!r} was not found: it was called {path}\n"
            f"  help: name it: cerebelum run FLOW.py --resume {execution_id}"
        )
        self.execution_id, self.workflow, self.path = execution_id, workflow, path


class EventNotFound(CerebelumError):
    """The history has no event of this number."""

    code = "CB203"
    exit_code = 3

    def __init__(self, execution_id: str, number: int, last: int) -> None:
        super().__init__(
            f"{execution_id} has no event {number}: it has {last}, numbered from 1\n"
            f"  help: cerebelum events {execution_id}"
        )
        self.execution_id, self.number, self.last = execution_id, number, last


class StillOpen(CerebelumError):
    """The execution has not ended, so there is nothing to return yet."""

    code = "CB204"
    exit_code = 5

    def __init__(self, execution_id: str, status: str) -> None:
        super().__init__(
            f"{execution_id} has no result yet: it is {status}\n"
            f"  help: wait for it: cerebelum result {execution_id} --wait"
        )
        self.execution_id, self.status = execution_id, status


class UnknownCode(CerebelumError):
    """No error has this code."""

    code = "CB205"
    exit_code = 3

    def __init__(self, code: str) -> None:
        super().__init__(f"no error has the code {code!r}\n  help: list them: cerebelum explain")
        self.wanted = code


def report(error: BaseException, *, as_json: bool = False, debug: bool = False) -> int:
    """Print an error to stderr in its one form, and return the exit code."""
    code, text, exit_code = _described(error)
    if as_json:
        import json

        body = {"code": code, "message": text, "exit_code": exit_code}
        line = json.dumps({"schema": "cerebelum.error/1", "error": body})
    else:
        line = f"error[{code}]: {visible(text)}"
    print(line, file=sys.stderr, flush=True)
    if debug:
        remote = getattr(error, "remote_traceback", "")
        if remote:
            print(visible(remote), file=sys.stderr)
        trace = "".join(traceback.format_exception(error))  # without locals: they may hold secrets
        print(visible(trace), file=sys.stderr, end="")
    return exit_code


def _described(error: BaseException) -> tuple[str, str, int]:
    notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
    if isinstance(error, CerebelumError) and error.code != "CB002":
        return error.code, f"{error}{notes}", error.exit_code
    place = _place(error)
    return (
        "CB002",
        f"this is a bug in cerebelum, not in your flow: {type(error).__name__}: {error}{place}{notes}\n"
        f"  help: please report it with the output of the same command and --debug; nothing that was committed is lost",
        BUG_EXIT_CODE,
    )


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    parts = frames[-1].filename.replace("\\", "/").split("/")
    return f"\n  at   {'/'.join(parts[-3:])}:{frames[-1].lineno}"
