"""Errors of schedules: what is found where one is written, and where one is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from cerebelum.engine.domain.errors import CerebelumError, DefinitionError


class InvalidSchedule(DefinitionError):
    """A schedule has faults; all of them are in `faults`."""

    code = "CB140"

    def __init__(self, what: str, faults: Sequence[str]) -> None:
        count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
        lines = "\n".join(f"  - {fault}" for fault in faults)
        super().__init__(f"{what} has {count}:\n{lines}\n  help: cerebelum explain {self.code}")
        self.what, self.faults = what, tuple(faults)


class ScheduleNotFound(CerebelumError):
    """No schedule has this name."""

    code = "CB321"
    exit_code = 3

    def __init__(self, name: str, *, store: str = "this store", similar: Sequence[str] = ()) -> None:
        lines = [f"no schedule {name!r} in {store}"]
        if similar:
            lines.append(f"  similar: {', '.join(similar)}")
        lines.append("  help: list them with `cerebelum schedule list`; another store? --store URL")
        super().__init__("\n".join(lines))
        self.name, self.similar = name, tuple(similar)


class BackfillTooLarge(CerebelumError):
    """The range holds more fires than one backfill may start. Nothing was started."""

    code = "CB322"
    exit_code = 2

    def __init__(self, name: str, fires: int, most: int, until: str) -> None:
        super().__init__(
            f"the range holds {fires:,} fires of schedule {name!r}; one backfill starts {most:,} at most\n"
            f"  help: go on in parts; the first: --to {until}"
        )
        self.name, self.fires, self.most = name, fires, most


class ScheduleBusy(CerebelumError):
    """Others kept writing the schedule at the same time. Nothing was changed."""

    code = "CB323"
    exit_code = 5

    def __init__(self, name: str, tries: int) -> None:
        super().__init__(f"schedule {name!r} was changed by others, {tries} times in a row\n  help: try again")
        self.name = name
