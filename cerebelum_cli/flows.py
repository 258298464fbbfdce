"""Find and load the flow file that a command names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.errors_code import CodeNotStored
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import CodeVersion
from cerebelum.engine.runtime.code.bundle import SourceBundle
from cerebelum.engine.runtime.code.finding import likely_files, stored_path
from cerebelum.engine.runtime.code.loading import LoadedFlow, load_flow
from cerebelum.engine.runtime.code.pinning import load_bundle
from cerebelum.engine.runtime.code.selection import select_workflow
from cerebelum_cli.errors import FlowFileUnknown
from cerebelum_cli.streams import printing_is_talk


class ChosenFlow(msgspec.Struct, frozen=True):
    """A loaded file, and which of its workflows is meant."""

    flow: LoadedFlow
    definition: WorkflowDefinition[..., Any]

    async def register(self, engine: Engine) -> None:
        """Make all its workflows known: open executions of theirs, and children, can go on as well."""
        for definition in (self.definition, *self.flow.workflows, *self.flow.imported):
            await engine.register(definition)


def load_target(target: str, *, any_of_several: bool = False) -> ChosenFlow:
    """Load `FLOW.py` or `FLOW.py:name`.

    Args:
        any_of_several: which one is meant is known otherwise, so a file that has several needs no name.

    Raises:
        FlowNotFound, FlowSyntaxError, FlowImportFailed, NoWorkflow, SeveralWorkflows, WorkflowNotInFlow,
        DefinitionError: see `load_flow` and `select_workflow`.
    """
    path, separator, name = target.rpartition(":")
    if not separator or "/" in name or "\\" in name or Path(target).exists():
        path, name = target, ""
    with printing_is_talk():
        flow = load_flow(Path(path))
    if any_of_several and not name and flow.workflows:
        return ChosenFlow(flow, flow.workflows[0])
    return ChosenFlow(flow, select_workflow(flow, name or None))


async def find_flow(engine: Engine, row: ExecutionRow, *, help_: str, project: Path | None = None) -> ChosenFlow:
    """Load the file that an execution's workflow came from, if it is where its project is likely to be.

    Args:
        help_: the command that names the file.
        project: the folder that the store belongs to.

    Raises:
        FlowFileUnknown: it is not there, or it is in two places.
        FlowSyntaxError, FlowImportFailed: it does not load.
    """
    code = await _code_of(engine, row)
    path = stored_path(code)
    for files in likely_files(path, project):
        fitting = [found for file in files if (found := _with_workflow(file, row.workflow)) is not None]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise FlowFileUnknown(row.id, row.workflow, path, help_=help_, also=[found.flow.shown for found in fitting])
    raise FlowFileUnknown(row.id, row.workflow, path or "something that was not kept", help_=help_)


async def register_stored(engine: Engine, row: ExecutionRow) -> None:
    """Make an execution's workflow known from the source in the store, and those of its modules, which may be children.

    Raises:
        CodeNotStored: the source was not kept.
        StoredCodeRefused, FlowSyntaxError, FlowImportFailed: it does not load.
    """
    code = await _code_of(engine, row)
    if code is None or code.source is None:
        raise CodeNotStored(row.workflow, row.code)
    modules = SourceBundle.decode(code.source).modules
    others = [other for other in await engine.store.list_workflows() if other.module in modules]
    for version in [code, *(other for other in others if other.workflow != row.workflow and other.source)]:
        with printing_is_talk():
            engine.registry.add_pinned(load_bundle(version, allow_stored_code=True), version)


async def _code_of(engine: Engine, row: ExecutionRow) -> CodeVersion | None:
    return await engine.store.get_code(row.workflow, digest=row.code) or await engine.store.get_code(row.workflow)


def _with_workflow(file: Path, name: str) -> ChosenFlow | None:
    with printing_is_talk():
        flow = load_flow(file)
    try:
        return ChosenFlow(flow, select_workflow(flow, name))
    except CerebelumError:
        return None
