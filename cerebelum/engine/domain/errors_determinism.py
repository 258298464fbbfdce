"""Errors of workflow code that cannot be replayed, and of the machinery that keeps it replayable."""

from __future__ import annotations

from cerebelum.engine.domain.errors import CerebelumError


class NotDeterministic(CerebelumError):
    """Workflow code called what no replay can repeat. The call was not made."""

    code = "CB501"
    exit_code = 1

    def __init__(self, call: str, *, remedy: str, line: str = "") -> None:
        where = f"\n  at   {line}" if line else ""
        super().__init__(f"{call} cannot be replayed, so a workflow may not call it{where}\n  fix: {remedy}")
        self.call, self.line, self.remedy = call, line, remedy


class InterceptionUnavailable(CerebelumError):
    """Time and randomness cannot be intercepted on this interpreter, so no workflow may run on it."""

    code = "CB502"
    exit_code = 70

    def __init__(self, interpreter: str, escaped: tuple[str, ...]) -> None:
        super().__init__(
            f"workflows cannot be made deterministic on {interpreter}: {', '.join(escaped)} cannot be intercepted\n"
            f"  help: run on CPython 3.11, 3.12 or 3.13; if you do, another library has replaced these functions:\n"
            f"        import cerebelum before it"
        )
        self.interpreter, self.escaped = interpreter, escaped


class ActivationBlocked(CerebelumError):
    """Workflow code ran for too long without an await, and was interrupted.

    Raised at an arbitrary line, so what the execution holds in memory is worthless afterwards: discard it.
    """

    code = "CB503"
    exit_code = 1

    def __init__(self, execution_id: str = "", *, line: str = "", after_s: float = 0.0) -> None:
        super().__init__(
            f"execution {execution_id} ran for {after_s:.1f} s without an await\n"
            f"  at   {line}\n"
            f"  fix: put the long work in a step; a workflow only decides what runs next"
        )
        self.execution_id, self.line, self.after_s = execution_id, line, after_s
