"""Errors with a way out: a stable code, an exit code, the values as attributes, and what to do in the text.

Codes never change their meaning; `docs/errors.md` has a section for each, and `cerebelum explain CODE` prints it.
"""

from __future__ import annotations


class CerebelumError(Exception):
    """Base of every error that Cerebelum raises on purpose."""

    code = "CB001"
    exit_code = 1


class InternalError(CerebelumError):
    """A promise of the engine's own code was broken: always a bug of ours."""

    code = "CB002"
    exit_code = 70


class DefinitionError(CerebelumError):
    """A workflow, step or retry policy was declared with something that cannot work."""

    code = "CB106"
    exit_code = 9


class ExecutionNotFound(CerebelumError):
    """No execution has this id, or no stored one begins with this prefix."""

    code = "CB301"
    exit_code = 3

    def __init__(self, execution_id: str, *, store: str = "this store", similar: tuple[str, ...] = ()) -> None:
        lines = [f"no execution {execution_id!r} in {store}"]
        if similar:
            lines.append(f"  similar: {', '.join(similar)}")
        lines.append("  help: list them with `cerebelum list`; another store? --store URL")
        super().__init__("\n".join(lines))
        self.execution_id, self.similar = execution_id, similar


class ExecutionExists(CerebelumError):
    """A start named an id that is taken, and `if_exists` was "fail"."""

    code = "CB302"
    exit_code = 5

    def __init__(self, execution_id: str) -> None:
        super().__init__(
            f"execution {execution_id!r} exists already\n"
            f"  help: choose another --id, take the one there is with --if-exists use, or look at it:\n"
            f"        cerebelum show {execution_id}"
        )
        self.execution_id = execution_id


class AmbiguousId(CerebelumError):
    """A prefix that fits several executions."""

    code = "CB303"
    exit_code = 3

    def __init__(self, prefix: str, matches: tuple[str, ...]) -> None:
        shown = "\n".join(f"    {match}" for match in matches[:5])
        super().__init__(f"{prefix!r} fits {len(matches)} executions or more:\n{shown}\n  help: type more of the id")
        self.prefix, self.matches = prefix, matches


class ForbiddenTransition(CerebelumError):
    """The execution's status does not allow what was asked. Nothing was changed."""

    code = "CB304"
    exit_code = 5

    def __init__(self, verb: str, status: str, execution_id: str = "") -> None:
        super().__init__(f"Cannot {verb} execution in {status} state" + (f" ({execution_id})" if execution_id else ""))
        self.verb, self.status, self.execution_id = verb, status, execution_id


class UnknownWorkflow(CerebelumError):
    """No workflow of this name is registered."""

    code = "CB305"
    exit_code = 3

    def __init__(self, name: str, known: tuple[str, ...] = ()) -> None:
        shown = ", ".join(sorted(known)) or "none"
        super().__init__(
            f"no workflow {name!r}\n  known: {shown}\n  help: check the name, or load the file that defines it"
        )
        self.name, self.known = name, known


class WaitTimedOut(CerebelumError):
    """The caller's patience ended; the execution goes on."""

    code = "CB306"
    exit_code = 7

    def __init__(self, execution_id: str, after_s: float) -> None:
        super().__init__(
            f"execution {execution_id} has not ended within {after_s:g} s; it goes on\n"
            f"  help: cerebelum wait {execution_id}"
        )
        self.execution_id, self.after_s = execution_id, after_s


class InvalidExecutionId(CerebelumError):
    """An id that cannot be used: empty, too long, or with characters that a shell or a URL would not keep."""

    code = "CB307"
    exit_code = 2

    def __init__(self, execution_id: object) -> None:
        super().__init__(
            f"{execution_id!r} cannot be an execution's id: 1 to 200 of the characters a-z A-Z 0-9 . _ : / -\n"
            f"  help: leave it out, and an id is made for you"
        )
        self.execution_id = execution_id


class InvalidTime(CerebelumError):
    """A duration or instant that has no clear meaning."""

    code = "CB308"
    exit_code = 2


class HistoryMismatch(CerebelumError):
    """Workflow code asked for something else than its history records."""

    code = "CB401"
    exit_code = 4

    def __init__(
        self,
        execution_id: str,
        *,
        version: int,
        recorded: str,
        requested: str,
        recorded_line: str = "",
        requested_line: str = "",
    ) -> None:
        super().__init__(
            f"replay diverged at event {version} of {execution_id}\n"
            f"  recorded  {recorded:<40} {recorded_line}\n"
            f"  now       {requested:<40} {requested_line}\n"
            f'  fix: guard the change with `if patched("..."):`, or let the execution finish on the code it began with;\n'
            f"       check with `cerebelum replay {execution_id} --check`"
        )
        self.execution_id, self.version = execution_id, version  # version: 1-based position in the history
        self.recorded, self.requested = recorded, requested
        self.recorded_line, self.requested_line = recorded_line, requested_line
