"""What a command that serves flow files does about their schedules; `worker` and `dev` call it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.application.schedules import Synced
    from cerebelum.engine.runtime.code.loading import LoadedFlow
    from cerebelum_cli.setting_model import Settings


async def register_declared(
    engine: Engine, flows: Iterable[LoadedFlow], settings: Settings, *, gone: Iterable[str] = ()
) -> list[str]:
    """Register the schedules that these files declare, and return a line for each change, for people.

    Call it once the workflows are registered, and after a reload. Schedules are kept up to date also where nodes do not
    fire them (`scheduler.enabled = false`): other nodes may.

    Args:
        gone: names of modules whose files have been deleted since they were loaded.

    Raises:
        CerebelumError: see `application.declared_schedules.register_schedules`.
    """
    from cerebelum.engine.application.declared_schedules import register_schedules

    timezone = settings.scheduler.timezone
    flows = list(flows)
    synced = await register_schedules(engine, flows, timezone=timezone, gone=gone)
    lines = list(_lines(synced))
    declared = sum(len(found.schedules) for flow in flows for found in (*flow.workflows, *flow.imported))
    if declared and not settings.scheduler.enabled:
        lines.append("schedules do not fire here: scheduler.enabled is false")
    return lines


def _lines(synced: Synced) -> Iterable[str]:
    for word, names in (("new", synced.added), ("changed", synced.updated), ("resumed", synced.resumed)):
        if names:
            yield f"schedules {word}: {', '.join(names)}"
    for name in synced.paused:
        yield (
            f"schedule {name} is paused: its module does not declare it any more\n"
            f"  help: cerebelum schedule delete {name}, or cerebelum schedule resume {name}"
        )
