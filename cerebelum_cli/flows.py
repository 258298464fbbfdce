"""Find and load the flow file that a command names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.runtime.code.bundle import SourceBundle
from cerebelum.engine.runtime.code.loading import LoadedFlow, load_flow
from cerebelum.engine.runtime.code.selection import select_workflow
from cerebelum_cli.errors import FlowFileUnknown

_PLACES = ("", "*/", "*/*/")  # below the working folder


class ChosenFlow(msgspec.Struct, frozen=True):
    """A loaded file, and which of its workflows is meant."""

    flow: LoadedFlow
    definition: WorkflowDefinition[..., Any]

    async def register(self, engine: Engine) -> None:
        """Make all its workflows known: open executions of theirs, and children, can go on as well."""
        for definition in (self.definition, *self.flow.workflows, *self.flow.imported):
            await engine.register(definition)


def load_target(target: str) -> ChosenFlow:
    """Load `FLOW.py` or `FLOW.py:name`.

    Raises:
        FlowNotFound, FlowSyntaxError, FlowImportFailed, NoWorkflow, SeveralWorkflows, WorkflowNotInFlow,
        DefinitionError: see `load_flow` and `select_workflow`.
    """
    path, separator, name = target.rpartition(":")
    if not separator or "/" in name or "\\" in name or Path(target).exists():
        path, name = target, ""
    flow = load_flow(Path(path))
    return ChosenFlow(flow, select_workflow(flow, name or None))


async def find_flow(engine: Engine, row: ExecutionRow, *, help_: str) -> ChosenFlow:
    """Load the file that an execution's workflow came from, if it is still below the working folder.

    Args:
        help_: the command that names the file.

    Raises:
        FlowFileUnknown: it is not, or it is in two places.
        FlowSyntaxError, FlowImportFailed: it does not load.
    """
    code = await engine.store.get_code(row.workflow, digest=row.code) or await engine.store.get_code(row.workflow)
    path = _stored_path(code.source, code.module) if code is not None and code.source is not None else ""
    for place in _PLACES if path else ():
        fitting = [found for file in _files(place + path) if (found := _with_workflow(file, row.workflow)) is not None]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            break
    raise FlowFileUnknown(row.id, row.workflow, path or "something that was not kept", help_=help_)


def _files(pattern: str) -> list[Path]:
    return sorted(file for file in Path().glob(pattern) if not any(part.startswith(".") for part in file.parts))


def _with_workflow(file: Path, name: str) -> ChosenFlow | None:
    flow = load_flow(file)
    try:
        return ChosenFlow(flow, select_workflow(flow, name))
    except CerebelumError:
        return None


def _stored_path(source: bytes, module: str) -> str:
    try:
        kept = SourceBundle.decode(source).modules.get(module)
    except (ValueError, msgspec.MsgspecError):
        return ""
    return kept.path if kept is not None else ""
