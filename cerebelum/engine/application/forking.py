"""Fork an execution: a new one that begins with a part of another's history. The original is only read.

The copy is written in one commit, as any start is, and a node takes it up like any other. Before, its code is replayed
against it, so that what is written is known to fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
from msgspec import Raw, Struct, structs

from cerebelum.engine.application import query
from cerebelum.engine.application.code_that_ran import Code, code_that_ran, given_code
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.authoring.schedules import fire_ending
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.editing import Edit, Edited, edit, place_of, shown_edit
from cerebelum.engine.domain.errors import ExecutionExists, HistoryMismatch
from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.domain.errors_fork import EditRefused, ForkDoesNotFit, ForkRefused
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.forking import ForkPlan, ForkPoint, copied, facts_of, fork_point, open_children, plan
from cerebelum.engine.domain.ids import ExecutionId, child_id, new_nonce
from cerebelum.engine.domain.lineage import ForkFacts
from cerebelum.engine.domain.projection import projected_row, reconstruct
from cerebelum.engine.ports.store import Batch, Message, Start
from cerebelum.engine.runtime.blobs import stored_data
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.runtime.loop import TurnLimit
from cerebelum.engine.runtime.replay import Replay
from cerebelum.engine.runtime.run import WorkflowRun
from cerebelum.engine.runtime.starting import new_start
from cerebelum.engine.runtime.watchdog import Watchdog

_LIMIT_S = 2.0  # of an activation, as a node's


class ForkRequest(Struct, frozen=True, kw_only=True):
    """What to fork, and how.

    Attributes:
        at: the last event to copy, or a step before whose newest call to fork, `ship` or `ship#2`. None: behind the
            newest of the events that are edited.
        edits: what to change in the copy.
        definition: the code to run on; None: the code that the original ran on there.
        id: of your own; default: a new one.
    """

    at: int | str | None = None
    edits: Sequence[Edit] = ()
    definition: WorkflowDefinition[..., Any] | None = None
    id: str | None = None


class PreparedFork(Struct, frozen=True):
    """A fork that is known to fit, and is not written. `plan` is what `--dry-run` shows."""

    execution_id: str
    plan: ForkPlan
    code: Code
    start: Start
    children: tuple[Start, ...]


class _Draft(Struct, kw_only=True):
    """What a fork is made of."""

    new_id: str
    origin: str
    prefix: Sequence[ev.RecordedEvent]
    changes: Mapping[int, Mapping[str, Raw]]
    code: Code
    children: Sequence[ev.ChildStarted]
    now_us: int
    edits: Sequence[Edited]
    keeps_code: bool

    def events(self, *, asked: int = 0) -> list[ev.RecordedEvent]:
        """Return the fork's events; `asked` is known once its code was replayed on them."""
        facts = self.facts(asked)
        events = copied(self.prefix, self.new_id, self.origin, facts, self.changes)
        before = reconstruct(self.new_id, self.prefix).code
        if self.code.digest and before != self.code.digest:
            changed = ev.CodeChanged(before=before, after=self.code.digest)
            events.append(ev.RecordedEvent(len(events) + 1, changed.type, ev.encode_event(changed), self.now_us))
        return events

    def facts(self, asked: int) -> ForkFacts:
        return facts_of(
            self.origin, self.prefix, now_us=self.now_us, anew=[child.number for child in self.children], asked=asked,
            edits=[shown_edit(edited) for edited in self.edits], keeps_code=self.keeps_code,
        )  # fmt: skip


async def fork(engine: Engine, execution_id: str, request: ForkRequest) -> PreparedFork:
    """Fork an execution and return once the fork is durable; a node that knows the workflow runs it.

    Raises:
        ExecutionExists: the id is taken.
        As `prepare_fork`. Nothing was written then.
    """
    prepared = await prepare_fork(engine, execution_id, request)
    await write_fork(engine, prepared)
    return prepared


async def prepare_fork(engine: Engine, execution_id: str, request: ForkRequest) -> PreparedFork:
    """Find out what a fork takes over and does again, and that its code fits; nothing is written.

    Raises:
        ExecutionNotFound: no such execution.
        ForkPointUnknown, ForkRefused: it cannot be forked there.
        EditRefused: an edit means nothing in the copied part, or its code cannot take the value.
        ForkDoesNotFit: the code asks for something else than the copied events record, perhaps by an edit.
        ActivationBlocked: the code does not wait where the copy ends.
        ExecutionExists, InvalidExecutionId: of the id.
        CodeNotStored, StoredCodeRefused, FlowSyntaxError, FlowImportFailed: as `code_that_ran`.
    """
    install()  # before stored code is imported: a module may keep `time.time` under a name of its own
    row = await engine.store.get_execution(execution_id)
    if row is None:
        raise await query.not_found(engine, execution_id)
    new_id = await _free_id(engine, request.id, execution_id)
    history = await query.history(engine, execution_id)
    point, places = _point(execution_id, history, request)
    prefix = history[: point.version]
    changes, edited = edit(
        prefix, request.edits, places,
        clear=partial(engine.codec.unseal, what="an edited payload"),
        seal=partial(engine.codec.seal, what="an edited payload"),
    )  # fmt: skip
    if request.definition is None:
        code = await code_that_ran(engine, row, history, to_version=point.version)
    else:
        code = given_code(request.definition)
    children = open_children(execution_id, prefix)
    draft = _Draft(
        new_id=new_id, origin=execution_id, prefix=prefix, changes=changes, code=code, children=children,
        now_us=await engine.store.now_us(), edits=edited, keeps_code=request.definition is None,
    )  # fmt: skip
    asked, to_undo = _replayed(engine, draft)
    planned = plan(execution_id, history, point, code=code.digest, children=children, edits=edited, to_undo=to_undo)
    start = _start(draft, draft.events(asked=asked))
    return PreparedFork(new_id, planned, code, start, tuple([await _child(engine, draft, each) for each in children]))


async def write_fork(engine: Engine, prepared: PreparedFork) -> None:
    """Write a fork, in one commit.

    Raises:
        ExecutionExists: its id was taken meanwhile.
    """
    starts = [prepared.start, *prepared.children]
    blobs = [blob for start in starts for blob in start.blobs]
    committed = await engine.store.commit(Batch(id=f"fork/{new_nonce()}", starts=starts, blobs=blobs))
    if prepared.execution_id in committed.existing:
        for child in prepared.children:  # the id was taken at the same instant
            if child.row.id not in committed.existing:
                await engine.post(
                    Message(execution_id=child.row.id, kind="cancel", payload=b'"its fork was not written"')
                )
        raise ExecutionExists(prepared.execution_id)
    await _know_stored(engine, prepared.code)
    if engine.node is not None:
        engine.node.dispatcher.poke()


async def _know_stored(engine: Engine, code: Code) -> None:
    """Have this process's node run the fork on the stored code that it was made on."""
    if code.origin == "stored" and engine.node is not None:
        stored = await engine.store.get_code(code.definition.name, digest=code.digest)
        if stored is not None:
            engine.registry.add_pinned(code.definition, stored)


async def _free_id(engine: Engine, wanted: str | None, origin: str) -> str:
    if wanted is None:
        return ExecutionId.new() + fire_ending(origin)  # `fire_time()` reads it there
    chosen = ExecutionId.chosen(wanted)
    if await engine.store.get_execution(chosen) is not None:
        raise ExecutionExists(chosen)
    return chosen


def _point(execution_id: str, history: Sequence[ev.RecordedEvent], request: ForkRequest) -> tuple[ForkPoint, list[Any]]:
    """Return the fork point and the places of the edits, which must lie before it."""
    if request.at is not None:
        point = fork_point(execution_id, history, request.at)
        return point, [place_of(each.target, history[: point.version]) for each in request.edits]
    if not request.edits:
        raise ValueError("fork(at=…): say where: an event's number or a step's name")
    places = [place_of(each.target, history) for each in request.edits]
    point = fork_point(execution_id, history, max(place.version for place in places))
    return point, places


def _replayed(engine: Engine, draft: _Draft) -> tuple[int, list[str]]:
    """Replay the code on the copy; return the number of the newest command it asks for, and what it would undo."""
    run = WorkflowRun(draft.new_id, draft.code.definition, engine.codec)
    watchdog = Watchdog(_LIMIT_S, lambda _: None, limit_s=_LIMIT_S)
    watchdog.start()
    try:
        unrecorded = Replay(run, draft.events(), watch=watchdog.run).to_end()
        _check_values(draft, run, unrecorded)
        return run.number, run.root_saga.names
    except TurnLimit as error:
        version = draft.prefix[-1].version
        raise ForkRefused(draft.origin, version, why=f"its code spins: {error}", instead=max(1, version - 1)) from error
    except HistoryMismatch as error:
        raise ForkDoesNotFit(
            draft.origin, version=error.version, recorded=error.recorded, requested=error.requested,
            line=error.requested_line, by_edit=bool(draft.edits), code_digest=draft.code.digest,
        ) from error  # fmt: skip
    finally:
        with suppress(ActivationBlocked):  # `finally` blocks that never end are left where they are
            watchdog.run(run.execution_id, run.close)
        watchdog.stop()


def _check_values(draft: _Draft, run: WorkflowRun, unrecorded: Sequence[ev.Command]) -> None:
    """Refuse an edit that the code's annotations do not take: the fork would only fail with that."""
    errors = [command.error for command in unrecorded if isinstance(command, ev.ExecutionFailedEvent)]
    errors += [run.retry.error] if run.retry is not None else []
    for error in errors:
        if draft.edits and error.name == "PayloadMismatch":
            raise EditRefused(
                draft.edits[-1].what, error.message.partition("\n")[0], help_="give a value that fits its annotation"
            )


def _start(draft: _Draft, events: Sequence[ev.RecordedEvent]) -> Start:
    rows: list[ev.RecordedEvent] = []
    blobs: list[tuple[str, bytes]] = []
    for recorded in events:
        data, blob = stored_data(recorded.data)
        blobs += [blob] if blob is not None else []
        rows.append(structs.replace(recorded, data=data))
    bare = ExecutionRow(
        id=draft.new_id, workflow="", wake_at_us=draft.now_us, inserted_at_us=draft.now_us, updated_at_us=draft.now_us
    )
    row = structs.replace(projected_row(bare, reconstruct(draft.new_id, events)), wake_at_us=draft.now_us)
    return Start(row=row, events=rows, blobs=blobs)


async def _child(engine: Engine, draft: _Draft, child: ev.ChildStarted) -> Start:
    """Return the start of a child that begins anew, as the original's began."""
    first = await engine.store.read_history(child.execution_id, to_version=1)
    event = (await query.history(engine, child.execution_id, to_version=1))[0].event() if first else None
    started = event if isinstance(event, ev.ExecutionStarted) else None
    if started is None:
        started = ev.ExecutionStarted(workflow=child.workflow, input=child.input)
    started = structs.replace(
        started, parent=draft.new_id, parent_number=child.number, forked_from=None, forked_at=0, fork=None,
    )  # fmt: skip
    return new_start(child_id(draft.new_id, child.number), started, now_us=draft.now_us, owner=None)


def edits_of(patch: Mapping[str, Any]) -> list[Edit]:
    """Return the edits of a mapping from targets to values, which must be JSON data.

    Raises:
        EditRefused: a value is not JSON data.
    """
    found: list[Edit] = []
    for target, value in patch.items():
        try:
            found.append(Edit(target, msgspec.json.encode(value)))
        except (TypeError, msgspec.MsgspecError) as error:
            raise EditRefused(target, str(error), help_="give JSON data: numbers, texts, lists, dicts") from error
    return found
