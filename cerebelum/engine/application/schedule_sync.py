"""Brings stored schedules in step with what modules declare; none is left firing that its code does not want any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.schedule_answers import Declaration, Synced
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.schedules.schedule import ScheduleRow
from cerebelum.engine.runtime.own_log import OwnLog

if TYPE_CHECKING:
    from cerebelum.engine.application.schedules import Schedules

_log = OwnLog("cerebelum.schedules")


async def sync(
    schedules: Schedules, engine: Engine, declarations: Mapping[str, Declaration], modules: Collection[str]
) -> Synced:
    """See `Schedules.sync`."""
    before = {row.name: row for row in await engine.store.list_schedules()}
    names: dict[str, list[str]] = {"added": [], "updated": [], "resumed": [], "paused": []}
    errors: list[CerebelumError] = []
    for name, declared in sorted(declarations.items()):
        known = before.get(name)
        try:
            row = await schedules.put(name, declared.workflow, declared.spec, module=declared.module, origin="code")
            if known is None:
                names["added"].append(name)
            elif known.paused_by == "code":
                await schedules.resume(name)
                names["resumed"].append(name)
            elif _facts(row) != _facts(known):
                names["updated"].append(name)
        except CerebelumError as error:
            errors.append(error)
            if known is not None and known.enabled:  # it must not go on as it was: the code says something else now
                await _pause(schedules, name, f"its declaration was refused: {error}", names["paused"])
    for name, row in sorted(before.items()):
        if row.enabled and name not in declarations and (reason := await _gone(engine, row, modules)):
            await _pause(schedules, name, reason, names["paused"])
    if errors:
        for other in errors[1:]:
            errors[0].add_note(str(other))
        raise errors[0]
    return Synced(**{kind: tuple(found) for kind, found in names.items()})


async def _pause(schedules: Schedules, name: str, reason: str, paused: list[str]) -> None:
    await schedules.pause_for_code(name, reason)
    _log.warning("schedule paused", schedule=name, reason=reason)
    paused.append(name)


async def _gone(engine: Engine, row: ScheduleRow, modules: Collection[str]) -> str:
    """Return why an undeclared schedule must not fire; "" if it may."""
    if row.origin == "code" and row.module in modules:
        return f"{row.module} does not declare it any more"
    if row.workflow in engine.registry.names():
        return ""
    code = await engine.store.get_code(row.workflow)
    if code is None:
        return f"its workflow {row.workflow!r} was removed"
    if code.module in modules:
        return f"{code.module} has no workflow {row.workflow!r} any more"
    return ""


def _facts(row: ScheduleRow) -> tuple[object, ...]:
    spec = row.spec
    return (
        row.workflow, row.module, row.origin, row.input, spec.rule, spec.queue, spec.jitter_us, spec.overlap,
        spec.catch_up, spec.max_missed,
    )  # fmt: skip
