"""Schedules that stand above workflows, registered in the store: by a node that loads their modules, or by a client."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.schedule_input import stored_input
from cerebelum.engine.application.schedules import Declaration, Schedules, Synced
from cerebelum.engine.authoring.schedules import declarations_of
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.runtime.code.loading import LoadedFlow
from cerebelum.engine.runtime.code.modules import captured_module, public_name
from cerebelum.engine.runtime.code.selection import is_workflow

AnyWorkflow = WorkflowDefinition[..., Any]


async def register_schedules(
    engine: Engine, flows: Iterable[LoadedFlow], *, timezone: str = "UTC", gone: Iterable[str] = ()
) -> Synced:
    """Bring the store's schedules in step with what these files, and the local modules they import, declare.

    For every command whose node serves files; call it after the workflows have been registered, and after a reload.

    Args:
        timezone: of cron schedules that name none.
        gone: public names of modules that were loaded and whose files have been deleted: their schedules are paused.

    Raises:
        InvalidSchedule: two schedules have one name.
        DefinitionError, CerebelumError: as `Schedules.sync`.
    """
    flows = list(flows)
    modules = {name for flow in flows for name in modules_of(flow)} | set(gone)
    workflows = {id(found): found for flow in flows for found in (*flow.workflows, *flow.imported)}
    return await _sync(engine, list(workflows.values()), modules, timezone)


async def schedule_all(engine: Engine, *targets: ModuleType | AnyWorkflow, timezone: str = "UTC") -> Synced:
    """Register what stands above these workflows, and above all workflows of these modules.

    Of a whole module, schedules that it does not declare any more are paused.

    Raises:
        As `register_schedules`.
    """
    workflows: dict[int, AnyWorkflow] = {}
    modules = set()
    for target in targets:
        if isinstance(target, ModuleType):
            modules.add(public_name(target.__name__))
            own = [value for value in vars(target).values() if is_workflow(value)]
            workflows |= {id(found): found for found in own if found.function.__module__ == target.__name__}
        else:
            workflows[id(target)] = target
    return await _sync(engine, list(workflows.values()), modules, timezone)


def modules_of(flow: LoadedFlow) -> frozenset[str]:
    """Return the public names of a flow's module and of the local ones that it imports."""
    captured = captured_module(flow.module.__name__)
    imported = captured.bundle.modules if captured is not None else ()
    return frozenset((public_name(flow.module.__name__), *imported))


async def _sync(engine: Engine, workflows: list[AnyWorkflow], modules: Iterable[str], timezone: str) -> Synced:
    by_name = {(found.name, found.function.__module__): found for found in workflows}
    declared_here = declarations_of(workflows)
    declarations = {
        declared.name: Declaration(
            workflow=by_name[declared.workflow, declared.module],
            spec=declared.schedule.spec_in(timezone),
            module=public_name(declared.module),
        )
        for declared in declared_here
    }
    try:
        return await Schedules(engine).sync(declarations, modules)
    except CerebelumError as error:
        for declared in declared_here:
            if await _fault(engine, declarations[declared.name]) == str(error):
                error.add_note(f"  at   {declared.where}: schedule {declared.name!r}, {declared.schedule.shown}")
        raise


async def _fault(engine: Engine, declaration: Declaration) -> str:
    try:
        await stored_input(engine, declaration.workflow, declaration.spec)
    except CerebelumError as error:
        return str(error)
    return ""
