"""Errors of forking an execution. Nothing was written, and the original is as it was."""

from __future__ import annotations

from collections.abc import Sequence

from cerebelum.engine.domain.errors import CerebelumError

_MOST_NAMED = 12


class ForkPointUnknown(CerebelumError):
    """The history has no such event, or no call of such a step."""

    code = "CB431"
    exit_code = 3

    def __init__(self, execution_id: str, at: int | str, *, event_count: int, steps: Sequence[str] = ()) -> None:
        if isinstance(at, int):
            why = f"it has {event_count} events, numbered from 1"
        else:
            named = ", ".join(steps[:_MOST_NAMED]) + (" …" if len(steps) > _MOST_NAMED else "")
            why = f"its steps: {named}" if steps else "it has called no step; give the number of an event"
        what = f"event {at}" if isinstance(at, int) else f"call of a step {at!r}"
        super().__init__(
            f"{execution_id} has no {what}: {why}\n  help: see where it can be forked: cerebelum events {execution_id}"
        )
        self.execution_id, self.at, self.steps = execution_id, at, tuple(steps)


class ForkRefused(CerebelumError):
    """An execution cannot be forked there."""

    code = "CB432"
    exit_code = 5

    def __init__(self, execution_id: str, version: int, *, why: str, instead: int | str) -> None:
        super().__init__(
            f"{execution_id} cannot be forked at event {version}: {why}\n"
            f"  help: cerebelum fork {execution_id} --at {instead}"
        )
        self.execution_id, self.version, self.why = execution_id, version, why


class EditRefused(CerebelumError):
    """What is to be changed in the copy is not there, or cannot be what it is to become."""

    code = "CB433"
    exit_code = 2

    def __init__(self, target: str, why: str, *, help_: str) -> None:
        super().__init__(f"cannot change {target!r}: {why}; nothing was written\n  help: {help_}")
        self.target, self.why = target, why


class ForkDoesNotFit(CerebelumError):
    """The copied events are not what the code asks for: it is other code, or an edit changes what it asks."""

    code = "CB434"
    exit_code = 4

    def __init__(
        self,
        execution_id: str,
        *,
        version: int,
        recorded: str,
        requested: str,
        line: str,
        by_edit: bool,
        code_digest: str,
    ) -> None:
        why = "what is changed in the copy" if by_edit else f"the code @{code_digest[:4]}"
        instead = (
            f"fork before that event, and it takes the new way: cerebelum fork {execution_id} --at {version - 1} …"
        )
        if version <= 1:
            instead = "start anew: cerebelum run FLOW.py"
        super().__init__(
            f"{execution_id} cannot be forked there: {why} does not fit event {version}, which would be copied\n"
            f"  recorded  {recorded}\n"
            f"  now       {requested}{f'  at {line}' if line else ''}\n"
            f"  help: {instead}"
        )
        self.execution_id, self.version, self.recorded, self.requested = execution_id, version, recorded, requested


class KeepsItsCode(CerebelumError):
    """An execution was forked on its recorded code, and newer code is not to take its place."""

    code = "CB435"
    exit_code = 4

    def __init__(self, execution_id: str, digest: str) -> None:
        super().__init__(
            f"forked on its recorded code @{digest[:4]}, it stays on that\n"
            f"  help: to try it on the new code, fork it: cerebelum fork {execution_id} --at STEP --code current"
        )
        self.execution_id, self.digest = execution_id, digest
