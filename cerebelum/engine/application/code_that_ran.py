"""Finds the code of an execution's past, and the lines it had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors_code import CodeNotStored
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.runtime.code.modules import captured_module, finder
from cerebelum.engine.runtime.code.pinning import load_bundle, stored_sources

Origin = Literal["loaded", "stored", "given"]


class Code(Struct, frozen=True, eq=False):
    """What to replay on."""

    definition: WorkflowDefinition[..., Any]
    digest: str  # "" where it is not known
    origin: Origin
    sources: dict[str, str]  # file as in frames -> text that ran; files that are not here are on disk


async def code_that_ran(
    engine: Engine, row: ExecutionRow, history: Sequence[ev.RecordedEvent], *, to_version: int | None = None
) -> Code:
    """Return the version that the execution ran on at `to_version`, at its newest event where that is None.

    The loaded one where there is one, else the one whose source the store keeps, whatever the files say by now.

    Raises:
        CodeNotStored: it is not loaded, and its source was not kept.
        StoredCodeRefused: the stored source is damaged.
        FlowSyntaxError, FlowImportFailed: it does not run here any more.
    """
    digest = _digest_at(row, history, to_version)
    loaded = engine.registry.find(row.workflow, digest)
    if loaded is not None:
        return Code(loaded, digest, "loaded", _captured_sources(loaded))
    stored = await engine.store.get_code(row.workflow, digest=digest or None)
    if stored is None:
        raise CodeNotStored(row.workflow, digest)
    definition = load_bundle(stored, allow_stored_code=True)  # a person asked to see this execution
    return Code(definition, stored.short_digest, "stored", stored_sources(stored))


def given_code(definition: WorkflowDefinition[..., Any]) -> Code:
    """Return code that the caller brings."""
    return Code(definition, definition.code, "given", _captured_sources(definition))


def _digest_at(row: ExecutionRow, history: Sequence[ev.RecordedEvent], to_version: int | None) -> str:
    digest = ""
    for recorded in history:
        if to_version is not None and recorded.version > max(to_version, 1):
            break
        if recorded.type in ("execution_started", "code_changed"):
            event = recorded.event()
            digest = event.after if isinstance(event, ev.CodeChanged) else getattr(event, "code", "")
    return digest or row.code


def _captured_sources(definition: WorkflowDefinition[..., Any]) -> dict[str, str]:
    entry = captured_module(definition.function.__module__)
    if entry is None:
        return {}
    found = (finder.get(entry.prefix + name) for name in entry.bundle.modules)
    return {module.filename: module.source for module in found if module is not None}
