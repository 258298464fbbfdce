"""Finds the code of an execution's past, and the lines it had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from msgspec import Struct

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors_code import CodeNotStored, FlowImportFailed, FlowSyntaxError, StoredCodeRefused
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.runtime.code.definition_text import definition_text
from cerebelum.engine.runtime.code.modules import captured_module, finder
from cerebelum.engine.runtime.code.pinning import load_bundle, stored_sources

Origin = Literal["loaded", "stored", "given"]


class Code(Struct, frozen=True, eq=False):
    """What to replay on."""

    definition: WorkflowDefinition[..., Any]
    digest: str  # "" where it is not known
    origin: Origin
    sources: dict[str, str]  # file as in frames -> text that ran; files that are not here are on disk


class CodeSpan(Struct, frozen=True, eq=False):
    """What ran the events from `from_version` on, until the next span begins."""

    from_version: int
    code: Code


async def codes_that_ran(
    engine: Engine, row: ExecutionRow, history: Sequence[ev.RecordedEvent], *, to_version: int | None = None
) -> tuple[list[CodeSpan], list[str]]:
    """Return the versions that the execution ran on, in order, and the digests of those that cannot be shown any more.

    Events of the latter are shown on the version after: the execution moved there because its history fits.

    Raises:
        CodeNotStored, StoredCodeRefused, FlowSyntaxError, FlowImportFailed: as `code_that_ran`, for the last one.
    """
    last = await code_that_ran(engine, row, history, to_version=to_version)
    moves = [(version, digest) for version, digest in _digests(history, to_version) if digest]
    spans, missing = [CodeSpan(moves[-1][0] if moves else 1, last)], list[str]()
    for version, digest in reversed(moves[:-1]):
        code = spans[0].code
        if digest != code.digest:
            try:
                code = await _find(engine, row, digest)
            except (CodeNotStored, StoredCodeRefused, FlowSyntaxError, FlowImportFailed):
                missing.append(digest)
        if code is spans[0].code:
            spans[0] = CodeSpan(version, code)
        else:
            spans.insert(0, CodeSpan(version, code))
    spans[0] = CodeSpan(1, spans[0].code)
    return spans, missing[::-1]


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
    found = [digest for _, digest in _digests(history, to_version) if digest]
    return await _find(engine, row, found[-1] if found else row.code)


async def _find(engine: Engine, row: ExecutionRow, digest: str) -> Code:
    loaded = engine.registry.find(row.workflow, digest)
    if loaded is not None:
        return Code(loaded, digest, "loaded", _captured_sources(loaded))
    stored = await engine.store.get_code(row.workflow, digest=digest or None)
    if stored is None:
        raise CodeNotStored(row.workflow, digest)
    definition = load_bundle(stored, allow_stored_code=True)  # a person asked to see this execution
    return Code(definition, stored.short_digest, "stored", _as_written(stored_sources(stored)))


def given_code(definition: WorkflowDefinition[..., Any]) -> Code:
    """Return code that the caller brings."""
    return Code(definition, definition.code, "given", _captured_sources(definition))


def _digests(history: Sequence[ev.RecordedEvent], to_version: int | None) -> Iterator[tuple[int, str]]:
    """Yield (version of the event, digest) wherever the history tells which code runs from there on."""
    for recorded in history:
        if to_version is not None and recorded.version > max(to_version, 1):
            return
        if recorded.type in ("execution_started", "code_changed"):
            event = recorded.event()
            yield recorded.version, event.after if isinstance(event, ev.CodeChanged) else getattr(event, "code", "")


def _captured_sources(definition: WorkflowDefinition[..., Any]) -> dict[str, str]:
    entry = captured_module(definition.function.__module__)
    if entry is None:
        return {}
    found = (finder.get(entry.prefix + name) for name in entry.bundle.modules)
    return _as_written({module.filename: module.source for module in found if module is not None})


def _as_written(sources: dict[str, str]) -> dict[str, str]:
    """Return the texts as people wrote them: of a definition its own, not that of the module that stands for it."""
    return {file: definition_text(source) or source for file, source in sources.items()}
