"""Errors of `cerebelum schedule`: what is there already, and what is as it was wanted."""

from __future__ import annotations

from cerebelum.engine.domain.errors import CerebelumError


class ScheduleExists(CerebelumError):
    """A schedule of this name is there. Nothing was done."""

    code = "CB250"
    exit_code = 5

    def __init__(self, name: str, workflow: str, when: str) -> None:
        super().__init__(
            f"there is a schedule {name!r} already: workflow {workflow!r}, {when}\n"
            f"  help: look at it: cerebelum schedule show {name}; to change it, the same command with --replace"
        )
        self.name = name


class ScheduleStateHeld(CerebelumError):
    """The schedule is paused, or not, as it was wanted. Nothing was done."""

    code = "CB251"
    exit_code = 5

    def __init__(self, name: str, state: str, *, help_: str) -> None:
        super().__init__(f"schedule {name!r} is {state} already\n  help: {help_}")
        self.name = name
