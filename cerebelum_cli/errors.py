"""Errors as people meet them: one form, the exit code of their kind, no frames of ours unless `--debug`."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path

from cerebelum.engine.domain.errors import CerebelumError, WaitTimedOut
from cerebelum.engine.domain.terminal_text import visible
from cerebelum_cli.streams import err

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

    def __init__(self, execution_id: str, workflow: str, path: str, *, help_: str, also: Sequence[str] = ()) -> None:
        where = (
            f"is in several places: {', '.join(also)}"
            if also
            else f"was not found below this folder, nor below its store's: it was called {path}"
        )
        super().__init__(f"the file of workflow {workflow!r} {where}\n  help: name it: {help_}")
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


class GraphProgramMissing(CerebelumError):
    """A PNG is drawn by Graphviz, which is not installed."""

    code = "CB206"
    exit_code = 2

    def __init__(self, target: str) -> None:
        super().__init__(
            "a PNG is drawn by Graphviz, whose program `dot` is not on the PATH; nothing was written\n"
            "  help: install it (Debian, Ubuntu: apt install graphviz; macOS: brew install graphviz)\n"
            f"  help: or take SVG, which needs no program: cerebelum graph {target} --svg -o graph.svg"
        )
        self.target = target


class GraphProgramFailed(CerebelumError):
    """Graphviz could not draw the picture."""

    code = "CB207"
    exit_code = 1

    def __init__(self, target: str, said: str) -> None:
        super().__init__(
            f"`dot` could not draw the graph of {target}: {said}\n"
            f"  help: take SVG, which needs no program: cerebelum graph {target} --svg -o graph.svg"
        )
        self.target, self.said = target, said


class AdapterPortTaken(CerebelumError):
    """Editors cannot connect on this port: somebody else listens there, or it is not allowed."""

    code = "CB208"
    exit_code = 5

    def __init__(self, port: int, why: str) -> None:
        super().__init__(
            f"editors cannot be listened to on port {port}: {why}\n"
            "  help: take another port, or 0 for a free one: cerebelum replay ID --dap-port 0"
        )
        self.port = port


class NotAnEditor(CerebelumError):
    """`replay --dap` was told something else than the Debug Adapter Protocol."""

    code = "CB209"
    exit_code = 2

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"this is not the Debug Adapter Protocol: {problem}\n"
            "  help: --dap is for editors; to walk with typed commands: cerebelum replay ID --plain"
        )
        self.problem = problem


class StoreInUse(CerebelumError):
    """The dev store cannot be put aside: a node works on it."""

    code = "CB260"
    exit_code = 5

    def __init__(self, store: str, *, nodes: int) -> None:
        who = "a node works" if nodes == 1 else f"{nodes} nodes work"
        super().__init__(
            f"{store} cannot be put aside: {who} on it; nothing was changed\n"
            f"  help: end the other `cerebelum dev` or `cerebelum run` first, or try something out beside it:\n"
            f"        cerebelum dev --ephemeral"
        )
        self.store, self.nodes = store, nodes


class BrowserPartMissing(CerebelumError):
    """The interface is shown in a browser by a package that is not installed."""

    code = "CB270"
    exit_code = 2

    def __init__(self, missing: str) -> None:
        super().__init__(
            f"to show the interface in a browser takes {missing}, which is not installed\n"
            "  help: pip install 'cerebelum[serve]'; in a terminal: cerebelum tui"
        )
        self.missing = missing


class AddressRefused(CerebelumError):
    """Nothing can listen on the address that was asked for."""

    code = "CB271"
    exit_code = 2

    def __init__(self, host: str, port: int, said: str) -> None:
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        super().__init__(
            f"cannot listen on {where}: {said}; nothing is served\n"
            "  help: a free port of this machine: cerebelum tui --serve"
        )
        self.host, self.port = host, port


class ReplayDiffers(CerebelumError):
    """The code went the recorded way, and came to another end."""

    code = "CB402"
    exit_code = 4

    def __init__(self, execution_id: str, recorded: str, replayed: str) -> None:
        super().__init__(
            f"replay of {execution_id} came to another end\n"
            f"  recorded  {recorded}\n"
            f"  now       {replayed}\n"
            f"  help: see where the values part: cerebelum replay {execution_id} --code FLOW.py"
        )
        self.execution_id, self.recorded, self.replayed = execution_id, recorded, replayed


class RunTimedOut(WaitTimedOut):
    """`run --timeout`: the execution waits for someone to run it on."""

    def __init__(self, execution_id: str, after_s: float) -> None:
        CerebelumError.__init__(
            self,
            f"execution {execution_id} has not ended within {after_s:g} s; it keeps its place\n"
            f"  help: go on: cerebelum run --resume {execution_id}",
        )
        self.execution_id, self.after_s = execution_id, after_s


def report(error: BaseException, *, as_json: bool = False, debug: bool = False) -> int:
    """Print an error to stderr in its one form, and return the exit code."""
    code, text, exit_code = _described(error)
    text = text.replace(f"sqlite:///{Path.cwd()}/", "")  # as people type it
    if as_json:
        import json

        body = {"code": code, "message": text, "exit_code": exit_code}
        line = json.dumps({"schema": "cerebelum.error/1", "error": body})
    else:
        line = f"error[{code}]: {visible(text)}"
    err(line)
    if debug:
        remote = getattr(error, "remote_traceback", "")
        if remote:
            err(visible(remote))
        trace = "".join(traceback.format_exception(error))  # without locals: they may hold secrets
        err(visible(trace).rstrip())
    return exit_code


def _described(error: BaseException) -> tuple[str, str, int]:
    notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
    if isinstance(error, CerebelumError) and error.code != "CB002":
        return error.code, f"{error}{notes}", error.exit_code
    place = _place(error)
    text = (
        f"this is a bug in cerebelum, not in your flow: {type(error).__name__}: {error}{place}{notes}\n"
        f"  help: please report it with the output of the same command and --debug; nothing that was committed is lost"
    )
    return "CB002", text, BUG_EXIT_CODE


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    parts = frames[-1].filename.replace("\\", "/").split("/")
    return f"\n  at   {'/'.join(parts[-3:])}:{frames[-1].lineno}"
