"""Export: an execution, its code, its logs, and if asked what it started, as the lines of a bundle.

Only reads. Sealed payloads stay as they are stored: without the key, a bundle tells no more than the store did.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from msgspec import Struct, field

from cerebelum.engine.application import query
from cerebelum.engine.application.code_that_ran import CodeSpan, code_that_ran
from cerebelum.engine.application.copies import identity_of
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.replay import ExecutionReplay
from cerebelum.engine.domain import bundles as b
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import CerebelumError, ForbiddenTransition, HistoryMismatch
from cerebelum.engine.domain.errors_bundle import BundleTooLarge, RedactionRefused
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.redaction import RULES, Redactor, parse_path
from cerebelum.engine.runtime.blobs import BLOB_THRESHOLD_BYTES, is_in_blob, with_blobs
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.runtime.masking import hides, mask_text

_VERSIONED = ("execution_started", "code_changed")


class Taken(Struct, kw_only=True):
    """One execution to be exported: as stored, or with what was taken out of it."""

    row: ExecutionRow
    original: str
    stored: list[ev.RecordedEvent]
    blobs: list[b.BlobPart] = field(default_factory=list)
    logs: list[b.LogPart] = field(default_factory=list)
    whole: list[ev.RecordedEvent] = field(default_factory=list)  # with the blobs' contents in place


class Export(Struct, kw_only=True):
    """What is in a bundle, for people: its first line, and how much of everything."""

    head: b.BundlePart
    codes: list[b.CodePart]
    members: list[Taken]
    changed: int = 0  # events that something was taken out of

    def lines(self) -> AsyncIterator[bytes]:
        """Yield the file. Raises `BundleTooLarge`."""
        return _lines(self)


async def export(
    engine: Engine, execution_id: str, *, with_children: bool = False, redact: Sequence[str] = (),
    rules: Sequence[str] = (),
) -> Export:  # fmt: skip
    """Return an execution as it is now, ready to be written.

    Args:
        with_children: also the executions that it started, theirs, and those that it went on as.
        redact: paths of values to take out, see `domain.redaction`.
        rules: "secrets", "emails", "logs".

    Raises:
        ExecutionNotFound: no such execution.
        ForbiddenTransition: it has no history yet.
        RedactionRefused: a path or rule has no clear meaning, or a path fits nothing.
        StoreCorrupt: a blob is gone or damaged.
    """
    for path in redact:
        parse_path(path)
    if unknown := [rule for rule in rules if rule not in RULES]:
        raise RedactionRefused(f"there is no rule {unknown[0]!r}", help_=f"--redact-rule, one of {', '.join(RULES)}")
    missing: list[str] = []
    members = await _members(engine, execution_id, missing, with_children=with_children)
    codes = await _codes(engine, members, missing)
    export_ = Export(
        head=b.BundlePart(
            root=execution_id, status=members[0].row.status, exported_at_us=await engine.store.now_us(),
            missing=tuple(missing),
        ),
        codes=codes, members=members,
    )  # fmt: skip
    return await _redacted(engine, export_, redact, rules) if redact or rules else export_


async def _members(engine: Engine, root: str, missing: list[str], *, with_children: bool) -> list[Taken]:
    found: dict[str, Taken] = {}
    waiting = [root]
    while waiting and len(found) < b.MOST_EXECUTIONS:
        execution_id = waiting.pop(0)
        if execution_id in found:
            continue
        row = await engine.store.get_execution(execution_id)
        if row is None:
            if execution_id == root:
                raise await query.not_found(engine, root)
            missing.append(f"execution {execution_id}: it is not in this store")
            continue
        taken = await _taken(engine, row)
        if not taken.stored:
            if execution_id == root:
                raise ForbiddenTransition("export", f"{row.status} (it has no history yet)", root)
            missing.append(f"execution {execution_id}: it has no history yet")
            continue
        found[execution_id] = taken
        if with_children:
            waiting += _started_by(taken.whole)
    if waiting:
        missing.append(f"{len(waiting)} executions: at most {b.MOST_EXECUTIONS:,} go into a bundle")
    return list(found.values())


async def _taken(engine: Engine, row: ExecutionRow) -> Taken:
    stored = await engine.store.read_history(row.id)
    whole = await with_blobs(engine.store, stored)
    blobs = {
        blob.digest: blob
        for before, after in zip(stored, whole, strict=True)
        if is_in_blob(before) and (blob := _blob(after.data))
    }
    logs = [
        b.LogPart(
            number=line.number, step=line.step, attempt=line.attempt, level=line.level, at_us=line.at_us,
            message=line.message, metadata=line.metadata.decode(),
        )
        async for line in query.read_logs(engine, row.id)
    ]  # fmt: skip
    original = await identity_of(engine, row)
    return Taken(row=row, original=original, stored=stored, blobs=list(blobs.values()), logs=logs, whole=whole)


def _blob(data: bytes) -> b.BlobPart:
    import hashlib

    return b.BlobPart(digest=hashlib.sha256(data).hexdigest(), content=data.decode())


def _started_by(history: Sequence[ev.RecordedEvent]) -> list[str]:
    found = []
    for recorded in history:
        if recorded.type in ("child_started", "continued_as_new"):
            event = recorded.event()
            if isinstance(event, ev.ChildStarted | ev.ContinuedAsNew):
                found.append(event.execution_id)
    return found


async def _codes(engine: Engine, members: Sequence[Taken], missing: list[str]) -> list[b.CodePart]:
    """Return each version that any of them ran on."""
    wanted: dict[tuple[str, str], None] = {}
    for taken in members:
        for recorded in taken.whole:
            if recorded.type in _VERSIONED:
                event = recorded.event()
                digests = (event.before, event.after) if isinstance(event, ev.CodeChanged) else (_code(event),)
                wanted.update(dict.fromkeys((taken.row.workflow, digest) for digest in digests if digest))
    codes = []
    for workflow, digest in wanted:
        code = await engine.store.get_code(workflow, digest=digest)
        if code is None or code.source is None:
            missing.append(f"the code of {workflow}@{digest[:8]}: its source was not kept")
            continue
        codes.append(
            b.CodePart(
                workflow=workflow, digest=code.digest, module=code.module, entrypoint=code.entrypoint,
                source=code.source.decode(),
            )
        )  # fmt: skip
    return codes


def _code(event: object) -> str:
    return event.code if isinstance(event, ev.ExecutionStarted) else ""


# -- taking out ---------------------------------------------------------------------------------------------------
async def _redacted(engine: Engine, export_: Export, paths: Sequence[str], rules: Sequence[str]) -> Export:
    redactor = Redactor(
        paths, emails="emails" in rules, unseal=partial(engine.codec.unseal, what="payload"),
        seal=partial(engine.codec.seal, what="payload"), **_secrets(rules),
    )  # fmt: skip
    for taken in export_.members:
        for recorded in taken.whole:
            redactor.look(recorded.data)
    if unused := [path for path, times in redactor.found.items() if not times]:
        sealed = f" ({redactor.sealed} payloads are sealed, and were not looked into)" if redactor.sealed else ""
        raise RedactionRefused(
            f"nothing is at {unused[0]!r}{sealed}", help_=f"look at its payloads: cerebelum events {export_.head.root}"
        )
    for taken in export_.members:
        _take_out(taken, redactor, with_logs="logs" not in rules)
    export_.changed = redactor.changed
    export_.head = b.BundlePart(
        root=export_.head.root, status=export_.head.status, exported_at_us=export_.head.exported_at_us,
        redacted=(*paths, *(f"rule {rule}" for rule in rules)), sealed=redactor.sealed, missing=export_.head.missing,
        replay=await _replays(engine, export_.members) if redactor.changed else "they replay: nothing was changed",
    )  # fmt: skip
    return export_


def _secrets(rules: Sequence[str]) -> dict[str, Any]:
    return {"hides": hides, "clean": mask_text} if "secrets" in rules else {}


def _take_out(taken: Taken, redactor: Redactor, *, with_logs: bool) -> None:
    blobs: dict[str, b.BlobPart] = {}
    stored = []
    for before, whole in zip(taken.stored, taken.whole, strict=True):
        data = redactor.event(whole.data)
        if data == whole.data:
            data = before.data
        elif len(data) > BLOB_THRESHOLD_BYTES:
            blob = _blob(data)
            blobs[blob.digest] = blob
            data = f'{{"$blob":"{blob.digest}"}}'.encode()
        stored.append(ev.RecordedEvent(before.version, before.type, data, before.at_us))
    kept = {blob.digest: blob for blob in taken.blobs} | blobs
    taken.blobs = [kept[digest] for digest in kept if any(digest.encode() in recorded.data for recorded in stored)]
    taken.stored = stored
    contents = {blob.digest: blob.content.encode() for blob in taken.blobs}
    taken.whole = [_filled(recorded, contents) for recorded in stored]
    taken.logs = [_log(line, redactor) for line in taken.logs] if with_logs else []


def _filled(recorded: ev.RecordedEvent, contents: dict[str, bytes]) -> ev.RecordedEvent:
    if not is_in_blob(recorded):
        return recorded
    content = next(content for digest, content in contents.items() if digest.encode() in recorded.data)
    return ev.RecordedEvent(recorded.version, recorded.type, content, recorded.at_us)


def _log(line: b.LogPart, redactor: Redactor) -> b.LogPart:
    return b.LogPart(
        number=line.number, step=line.step, attempt=line.attempt, level=line.level, at_us=line.at_us,
        message=redactor.text(line.message), metadata=redactor.payload_text(line.metadata),
    )  # fmt: skip


async def _replays(engine: Engine, members: Sequence[Taken]) -> str:
    """Return what becomes of a replay now, for people: nothing that was taken out may be what the code went by."""
    install()
    for taken in members:
        try:
            code = await code_that_ran(engine, taken.row, taken.whole)
            replay = ExecutionReplay(
                taken.row, taken.whole, [CodeSpan(1, code)], engine.codec, frames=False, identity=taken.original
            )  # fmt: skip
            report = await replay.check()
        except HistoryMismatch as error:
            return f"{taken.row.id} does not replay: it diverges at event {error.version}"
        except CerebelumError as error:
            first = str(error).partition("\n")[0]
            return f"{taken.row.id} does not replay: {error.code} {first}"[:500]
        except Exception as error:  # a mark in a value's place may lead its code anywhere
            return f"{taken.row.id} does not replay: {type(error).__name__}: {error}"[:500]
        if not report.fits:
            return f"{taken.row.id} replays to another end: what was taken out is in its result"
        if report.stuck and not report.is_open:
            return f"{taken.row.id} does not replay: {report.stuck}"[:500]
    return "they replay as before"


# -- writing ------------------------------------------------------------------------------------------------------
async def _lines(export_: Export) -> AsyncIterator[bytes]:
    digests = b.Digests()
    size_bytes = 0
    for part in _parts(export_):
        line = b.line_of(part)
        size_bytes += len(line)
        if size_bytes > b.MOST_BYTES or len(line) > b.MOST_LINE_BYTES:
            raise BundleTooLarge(export_.head.root, limit_bytes=b.MOST_BYTES)
        digests.add(part, line)
        yield line
    yield b.line_of(digests.end())


def _parts(export_: Export) -> Any:
    yield export_.head
    yield from export_.codes
    for taken in export_.members:
        row = taken.row
        yield b.ExecutionPart(
            id=row.id, original="" if taken.original == row.id else taken.original, workflow=row.workflow,
            events=len(taken.stored), logs=len(taken.logs), scheduled_at_us=row.scheduled_at_us,
        )  # fmt: skip
        yield from taken.blobs
        for recorded in taken.stored:
            yield b.EventPart(
                version=recorded.version, type=recorded.type, at_us=recorded.at_us, data=recorded.data.decode()
            )
        yield from taken.logs
