"""Errors of schedules: what is found where one is written."""

from __future__ import annotations

from collections.abc import Sequence

from cerebelum.engine.domain.errors import DefinitionError


class InvalidSchedule(DefinitionError):
    """A schedule has faults; all of them are in `faults`."""

    code = "CB140"

    def __init__(self, what: str, faults: Sequence[str]) -> None:
        count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
        lines = "\n".join(f"  - {fault}" for fault in faults)
        super().__init__(f"{what} has {count}:\n{lines}\n  help: cerebelum explain {self.code}")
        self.what, self.faults = what, tuple(faults)
