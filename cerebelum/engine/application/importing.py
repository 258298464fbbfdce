"""Import: the executions of a bundle as copies to look at. No code of theirs runs, and nothing that is here is replaced."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import msgspec
from msgspec import Struct

from cerebelum.engine.application.bundle_reading import BundleReader, ReadLine, log_line
from cerebelum.engine.application.copies import Origin, blob_of
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain import bundles as b
from cerebelum.engine.domain.copies import copied_row
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.errors_bundle import ImportConflict
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.ids import ExecutionId, new_nonce
from cerebelum.engine.ports.store import SHORT_DIGEST_DIGITS, Batch, CodeVersion, Start

_LOGS_PER_BATCH = 2_000


class Imported(Struct, frozen=True, kw_only=True):
    """What came of an import.

    Attributes:
        execution_id: of the execution that the bundle is about, here.
        others: of those that came with it.
        codes: how many versions of code were new here.
    """

    execution_id: str
    head: b.BundlePart
    others: tuple[str, ...]
    events: int
    logs: int
    codes: int


async def import_bundle(
    engine: Engine, name: str, read_line: ReadLine, *, as_id: str | None = None
) -> Imported:  # fmt: skip
    """Store the executions of a bundle as copies: they are listed, shown and replayed, and never run.

    Args:
        name: of the file, for messages.
        read_line: returns the next line, of at most so many bytes; b"" at the end.
        as_id: the id that the exported execution is to have here; those that came with it keep theirs.

    Raises:
        BundleRefused: it is damaged or made up. Nothing was written.
        ImportConflict: an id or a version of code is taken by something else. Nothing of it is left.
        InvalidExecutionId: `as_id` cannot be one.
    """
    if as_id is not None:
        ExecutionId.chosen(as_id)
    reader = BundleReader(name, read_line)
    bundle = reader.read()
    root = as_id or bundle.head.root
    ids = {member.part.id: root if member.part.id == bundle.head.root else member.part.id for member in bundle.members}
    await _check_free(engine, name, list(ids.values()))
    new_codes = await _check_codes(engine, bundle.codes)
    for code in new_codes:
        await _register(engine, code)
    await _write(engine, bundle, reader, ids)
    return Imported(
        execution_id=root, head=bundle.head, others=tuple(id_ for id_ in ids.values() if id_ != root),
        events=sum(member.part.events for member in bundle.members),
        logs=sum(member.part.logs for member in bundle.members), codes=len(new_codes),
    )  # fmt: skip


async def _check_free(engine: Engine, name: str, ids: Sequence[str]) -> None:
    if len(set(ids)) != len(ids):
        raise ImportConflict([f"two executions of the bundle would be {_twice(ids)!r}"], "choose another --as")
    rows = [await engine.store.get_execution(execution_id) for execution_id in ids]
    taken = [f"execution {row.id!r} exists already ({row.status})" for row in rows if row is not None]
    if taken:
        raise ImportConflict(taken, _other_id(name, alone=len(ids) == 1))


def _twice(ids: Sequence[str]) -> str:
    return next(id_ for id_ in ids if ids.count(id_) > 1)


def _other_id(name: str, *, alone: bool) -> str:
    if alone:
        return f"cerebelum import {name} --as {ExecutionId.new()}"
    return f"into a store of its own: cerebelum import {name} --store other.db"


# -- code ---------------------------------------------------------------------------------------------------------
async def _check_codes(engine: Engine, codes: Sequence[b.CodePart]) -> list[b.CodePart]:
    """Return those that are not here yet."""
    new = []
    for code in codes:
        known = await engine.store.get_code(code.workflow, digest=code.digest[:SHORT_DIGEST_DIGITS])
        if known is None:
            new.append(code)
        elif known.digest != code.digest:
            raise ImportConflict(
                [f"the code of {code.workflow!r} has the short digest of other code here: {known.short_digest}"],
                "import it into a store of its own: --store other.db",
            )
    return new


async def _register(engine: Engine, code: b.CodePart) -> None:
    """Keep a version. What was the newest here stays the newest: starts by name go by it."""
    newest = await engine.store.get_code(code.workflow)
    await engine.store.register(
        CodeVersion(
            workflow=code.workflow, version=0, digest=code.digest, module=code.module, entrypoint=code.entrypoint,
            source=code.source.encode(),
        )
    )  # fmt: skip
    if newest is not None:
        await engine.store.register(msgspec.structs.replace(newest, inserted_at_us=0))


# -- histories ----------------------------------------------------------------------------------------------------
async def _write(engine: Engine, bundle: b.Bundle, reader: BundleReader, ids: dict[str, str]) -> None:
    now_us = await engine.store.now_us()
    starts, blobs = [], []
    for member in bundle.members:
        start, own = _start(bundle, member, reader, ids, now_us)
        starts.append(start)
        blobs += own
    committed = await engine.store.commit(Batch(id=new_nonce(), starts=starts, blobs=blobs))
    written = [start.row.id for start in starts if start.row.id not in committed.existing]
    if committed.existing:  # somebody was faster; copies have ended, so what came with it can be taken back
        await _take_back(engine, written)
        raise ImportConflict([f"execution {id_!r} exists already" for id_ in sorted(committed.existing)], "try again")
    try:
        for member in bundle.members:
            lines = [log_line(ids[member.part.id], part) for part in member.logs]
            for at in range(0, len(lines), _LOGS_PER_BATCH):
                await engine.store.commit(Batch(id=new_nonce(), logs=lines[at : at + _LOGS_PER_BATCH]))
    except BaseException:
        await _take_back(engine, written)  # a copy without its logs would look whole
        raise


async def _take_back(engine: Engine, ids: Sequence[str]) -> None:
    for execution_id in ids:
        with suppress(CerebelumError):
            await engine.store.delete_execution(execution_id)


def _start(
    bundle: b.Bundle, member: b.Member, reader: BundleReader, ids: dict[str, str], now_us: int
) -> tuple[Start, list[tuple[str, bytes]]]:
    part, state = member.part, reader.states[member.part.id]
    row = copied_row(ids[part.id], state, at_us=now_us)
    parent = row.parent
    row = msgspec.structs.replace(
        row, scheduled_at_us=part.scheduled_at_us, parent=ids.get(parent, parent) if parent is not None else None
    )
    head = bundle.head
    origin = Origin(
        execution_id=part.original or part.id, status=state.status, exported_at_us=head.exported_at_us,
        redacted=head.redacted, replay=head.replay,
    )  # fmt: skip
    events = [RecordedEvent(event.version, event.type, event.data.encode(), event.at_us) for event in member.events]
    used = [(blob.digest, blob.content.encode()) for blob in member.blobs]
    return Start(row=row, events=events), [*used, blob_of(row, origin)]
