"""Errors of waits for people: of the workflow that waits, and of whoever answers."""

from __future__ import annotations

from collections.abc import Sequence

from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.form import Fault


class InputTimedOut(CerebelumError, TimeoutError):
    """Nobody answered within the input's timeout, and it has no default. Raised in the workflow."""

    code = "CB815"

    def __init__(self, name: str, timeout_s: float) -> None:
        super().__init__(f"nobody answered input {name!r} within {timeout_s:g} s")
        self.name, self.timeout_s = name, timeout_s


class InputNotOpen(CerebelumError):
    """The execution does not wait for an input of this name."""

    code = "CB310"
    exit_code = 3

    def __init__(self, execution_id: str, name: str, *, open_names: Sequence[str] = (), why: str = "") -> None:
        waits = f"it waits for {', '.join(map(repr, open_names))}" if open_names else "it waits for nobody's answer"
        super().__init__(
            f"{execution_id} has no open input {name!r}: {why or waits}\n  help: cerebelum show {execution_id}"
        )
        self.execution_id, self.name, self.open_names = execution_id, name, tuple(open_names)


class InputAnswered(CerebelumError):
    """The input has its answer: a second one is not taken."""

    code = "CB311"
    exit_code = 5

    def __init__(self, execution_id: str, name: str, *, by: str = "") -> None:
        who = f" by {by}" if by else ""
        super().__init__(f"input {name!r} of {execution_id} was answered already{who}; nothing was changed")
        self.execution_id, self.name, self.by = execution_id, name, by


class InputExpired(CerebelumError):
    """The answer came after the input's timeout."""

    code = "CB312"
    exit_code = 5

    def __init__(self, execution_id: str, name: str) -> None:
        super().__init__(f"input {name!r} of {execution_id} timed out before this answer came; nothing was changed")
        self.execution_id, self.name = execution_id, name


class InputRefused(CerebelumError):
    """The answer breaks the form. The input stays open.

    Attributes:
        faults: what is wrong, field by field.
    """

    code = "CB313"
    exit_code = 2

    def __init__(self, execution_id: str, name: str, faults: Sequence[Fault]) -> None:
        lines = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"input {name!r} of {execution_id} does not take this answer, and stays open\n{lines}")
        self.execution_id, self.name, self.faults = execution_id, name, tuple(faults)
