"""Errors of flows: what validation finds, and what stops a flow that runs."""

from __future__ import annotations

from collections.abc import Sequence

from cerebelum.engine.domain.errors import CerebelumError, DefinitionError

_SHOWN_FAULTS = 50


class InvalidFlow(DefinitionError):
    """A flow has faults; all of them are in `faults`."""

    code = "CB130"

    def __init__(self, name: str, faults: Sequence[str]) -> None:
        shown = [f"  - {fault}" for fault in faults[:_SHOWN_FAULTS]]
        if len(faults) > _SHOWN_FAULTS:
            shown.append(f"  … and {len(faults) - _SHOWN_FAULTS} more")
        count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(f"the flow {name!r} has {count}:\n" + "\n".join(shown))
        self.name, self.faults = name, tuple(faults)


class IterationsExceeded(CerebelumError):
    """A loop, or an edge that closes a cycle, reached its `max_iterations` and would have gone on."""

    code = "CB841"

    def __init__(self, place: str, iteration: int) -> None:
        super().__init__(f"{place} reached max_iterations={iteration} and would go on (iteration {iteration})")
        self.place, self.iteration = place, iteration


class InvalidReturn(CerebelumError):
    """A function of a workflow of edges returned something that is no outcome."""

    code = "CB842"

    def __init__(self, value: str) -> None:
        super().__init__(
            f"Invalid function return value: {value}\n"
            f"  help: return ok(state), error(reason), sleep(duration, state) or parallel([functions], state)"
        )
        self.value = value


class BranchConflict(CerebelumError):
    """Functions that ran at once from one state gave it back with different values at the same key."""

    code = "CB843"

    def __init__(self, key: str, first: str, second: str) -> None:
        where = f"at {key!r} " if key else ""
        super().__init__(f"concurrent functions disagree {where}on the state: {first} and {second}")
        self.key, self.first, self.second = key, first, second
