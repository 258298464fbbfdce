"""Replay: an execution's code against its history, for people to watch. No step runs, and nothing is written.

One pass gives one frame per event, each made when it is asked for, on the version of the code that ran it: where the
execution moved to other code, that code is brought to the same event, and shown from there on. A difference between the code and the history ends
the pass with `HistoryMismatch`; a different end of the same path is told in the report.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cerebelum.engine.application import query
from cerebelum.engine.application.code_that_ran import Code, CodeSpan, codes_that_ran, given_code
from cerebelum.engine.application.copies import identity_of
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.frame_recorder import FrameRecorder
from cerebelum.engine.application.replay_logs import ReplayLogs
from cerebelum.engine.application.replay_report import ReplayReport, make_report
from cerebelum.engine.application.stored_history import read_history, since_checkpoint
from cerebelum.engine.application.watching import parse_watch
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors import HistoryMismatch
from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.domain.events import RecordedEvent, VersionMarker
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.runtime.frames import Frame
from cerebelum.engine.runtime.interception import install, real
from cerebelum.engine.runtime.limited_repr import LimitedReprs
from cerebelum.engine.runtime.replay import Replay
from cerebelum.engine.runtime.run import WorkflowRun
from cerebelum.engine.runtime.watchdog import Watchdog

_LIMIT_S = 2.0  # of an activation, as a node's
_EVENTS_PER_TURN = 200  # of the node's loop: a check beside running executions must not hold them up


class ExecutionReplay:
    """One execution's history, loaded, and the code to replay it on. Iterate it for frames; each iteration is a pass.

    Attributes:
        row: as the store has it.
        spans: the versions that ran, each from its first event on, with the text of their files.
        missing: digests of versions that ran and are neither loaded nor stored: their events are shown on the next one.
        report: of the last pass that came to its end; None before.
    """

    def __init__(
        self, row: ExecutionRow, history: Sequence[RecordedEvent], spans: Sequence[CodeSpan], codec: PayloadCodec, *,
        to_version: int | None = None, watch: Sequence[str] = (), frames: bool = True, logs: ReplayLogs | None = None,
        missing: Sequence[str] = (), identity: str = "",
    ) -> None:  # fmt: skip
        self._identity = identity or row.id  # an imported copy may bear another id than its original
        self.row, self.spans, self.missing = row, tuple(spans), tuple(missing)
        self.report: ReplayReport | None = None
        self._history, self._codec, self._frames, self._logs = history, codec, frames, logs
        self._to_version = len(history) if to_version is None else min(to_version, len(history))
        self._patches: frozenset[str] = frozenset()  # that the newest pass knows of
        self._watches = [parse_watch(text) for text in watch]

    @property
    def code(self) -> Code:
        """The version of the last event that is shown."""
        return self.spans[-1].code

    @property
    def event_count(self) -> int:
        """Of the events that a whole pass shows."""
        return self._to_version

    @property
    def watches(self) -> tuple[str, ...]:
        """The watched expressions."""
        return tuple(watch.text for watch in self._watches)

    def event(self, version: int) -> RecordedEvent:
        """Return an event of the history. Raises `IndexError`: there is none of this version."""
        return self._history[version - 1]

    def sources(self, digest: str) -> Mapping[str, str]:
        """Return the files of a version, by the name that frames have: file -> the text that ran."""
        return next((span.code.sources for span in self.spans if span.code.digest == digest), {})

    def watching(self, *texts: str) -> ExecutionReplay:
        """Return the same replay with these watches instead of its own.

        Raises:
            ValueError: a text is no expression.
        """
        return ExecutionReplay(
            self.row, self._history, self.spans, self._codec, to_version=self._to_version, watch=texts,
            frames=True, logs=self._logs, missing=self.missing, identity=self._identity,
        )  # fmt: skip

    def grow(self) -> bool:
        """Take in the events that came to the history since: a pass that stands at its end may be asked for more.

        Returns False, and changes nothing, where that takes a pass from the beginning: the execution moved to other
        code, or told of a patch, which decides what its code was answered before.
        """
        came = self._history[self._to_version :]
        for recorded in came:
            if recorded.type == "code_changed":
                return False
            if isinstance(event := recorded.event(), VersionMarker) and event.patch not in self._patches:
                return False
        self._to_version += len(came)
        return True

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frame after each event; none with `frames=False`.

        Raises:
            ActivationBlocked: the code runs on without an await where the history goes on.
            HistoryMismatch: the code asks for something else than the history records.
        """
        return (frame for frame in self._pass() if frame is not None)

    def to_end(self) -> ReplayReport:
        """Make a whole pass and return its report. Raises `HistoryMismatch`."""
        for _ in self._pass():
            pass
        assert self.report is not None, "a pass that ends has reported"
        return self.report

    async def __aiter__(self) -> AsyncIterator[Frame]:
        """As plain iteration, letting the loop's other tasks have their turn now and then."""
        async for frame in self._turns():
            if frame is not None:
                yield frame

    async def check(self) -> ReplayReport:
        """As `to_end`, letting the loop's other tasks have their turn now and then."""
        async for _ in self._turns():
            pass
        assert self.report is not None, "a pass that ends has reported"
        return self.report

    async def _turns(self) -> AsyncIterator[Frame | None]:
        for count, frame in enumerate(self._pass(), 1):
            yield frame
            if frame is None or count % _EVENTS_PER_TURN == 0:
                await asyncio.sleep(0)

    def _pass(self) -> Iterator[Frame | None]:
        watchdog = Watchdog(_LIMIT_S, lambda _: None, limit_s=_LIMIT_S)
        watchdog.start()
        reprs = LimitedReprs()
        try:
            yield from self._spans_in_turn(watchdog, reprs)
        finally:
            watchdog.stop()
            reprs.close()

    def _spans_in_turn(self, watchdog: Watchdog, reprs: LimitedReprs) -> Iterator[Frame | None]:
        """Go through the history, each event on the code that ran it; to compare only, on the last version alone."""
        recorder, spans = None, self.spans
        if self._frames:
            logs = None if self._logs is None else self._logs.cursor()
            recorder = FrameRecorder(self.row.id, self._watches, logs=logs, last_version=len(self._history))
        else:
            spans = spans[-1:]
        ends = [*(span.from_version - 1 for span in spans[1:]), None]
        progress = _Progress()
        for span, end in zip(spans, ends, strict=True):
            known = self._history
            while True:
                try:
                    yield from self._on(span.code, known, end, recorder, progress, watchdog, reprs)
                except HistoryMismatch as mismatch:
                    since = (
                        since_checkpoint(known, span.from_version) if mismatch.version <= span.from_version else None
                    )
                    if since is not None and known is self._history:
                        known = since  # it moved from a checkpoint, so its new code need not fit what lies before
                        continue
                    if span is spans[-1]:
                        raise
                    # The execution moved to newer code that fits, so the rest is shown on that
                break

    def _on(
        self, code: Code, known: Sequence[RecordedEvent], end: int | None, recorder: FrameRecorder | None, progress: _Progress, watchdog: Watchdog,
        reprs: LimitedReprs,
    ) -> Iterator[Frame | None]:  # fmt: skip
        """Replay on one version from the beginning, and yield the frames from where others have stopped to `end`."""
        run = _SilentRun(self._identity, code.definition, self._codec)
        replay = Replay(run, known, observe=True, watch=watchdog.run)
        self._patches, shown = run.recorded_patches, progress.events
        if recorder is not None:
            recorder.follow(run, code.digest)
        since_s = real.perf_counter()
        try:
            if recorder is None:
                for version in replay.turns(_EVENTS_PER_TURN, to_version=self._to_version if end is None else end):
                    progress.events = max(progress.events, version)
                    progress.took_s += real.perf_counter() - since_s
                    yield None  # others may have their turn
                    since_s = real.perf_counter()
            else:
                for recorded, event in replay.steps():
                    if recorded.version <= shown:
                        continue
                    progress.events = recorded.version
                    with reprs:
                        frame = watchdog.run(self.row.id, recorder.frame, recorded, event)
                    progress.took_s += real.perf_counter() - since_s
                    yield frame
                    since_s = real.perf_counter()
                    if recorded.version >= (self._to_version if end is None else end):
                        break
                    if recorded.version == replay.last_version:
                        replay.last_version = len(self._history)  # it has grown
            progress.took_s += real.perf_counter() - since_s
            if end is None:
                self.report = make_report(
                    self.row, code, self._history, replay, self._codec, progress.events, round(progress.took_s * 1e6)
                )
        finally:
            with suppress(ActivationBlocked):  # `finally` blocks that never end are left where they are
                watchdog.run(self.row.id, run.close)


class _SilentRun(WorkflowRun):
    """A run that people look at: what it prints goes nowhere, at the history's last event as well."""

    __slots__ = ()
    silent = True


@dataclass(slots=True)
class _Progress:
    """Of one pass: the events that were shown, and the time that took without the reader's own."""

    events: int = 0
    took_s: float = 0.0


async def replay_execution(
    engine: Engine,
    execution_id: str,
    *,
    definition: WorkflowDefinition[..., Any] | None = None,
    to_version: int | None = None,
    watch: Sequence[str] = (),
    frames: bool = True,
) -> ExecutionReplay:
    """Load an execution for replay.

    Args:
        definition: replay on this code; default: on the code that ran, from the store where it is not loaded.
        to_version: stop after this event; default: the newest.
        watch: expressions such as `order.total > 100`: names are looked up in the locals of each frame, innermost
            function first, then in the context of a flow.
        frames: False: compare only, which is several times faster.

    Raises:
        ExecutionNotFound: no such execution.
        ValueError: `to_version` is below 1, or a watch is no expression.
        CodeNotStored, StoredCodeRefused, FlowSyntaxError, FlowImportFailed: as `code_that_ran`.
    """
    if to_version is not None and to_version < 1:
        raise ValueError(f"to_version={to_version}: events are counted from 1")
    install()  # before stored code is imported: a module may keep `time.time` under a name of its own
    row = await engine.store.get_execution(execution_id)
    if row is None:
        raise await query.not_found(engine, execution_id)
    # All of it, also to stop early: what comes later decides which branch `patched` took before.
    history = await read_history(engine, execution_id)
    missing: list[str] = []
    if definition is None:
        spans, missing = await codes_that_ran(engine, row, history, to_version=to_version)
    else:
        spans = [CodeSpan(1, given_code(definition))]
    logs = await ReplayLogs.read(engine, execution_id) if frames else None
    return ExecutionReplay(
        row, history, spans, engine.codec, to_version=to_version, watch=watch, frames=frames, logs=logs,
        missing=missing, identity=await identity_of(engine, row),
    )  # fmt: skip


async def check_execution(
    engine: Engine,
    execution_id: str,
    *,
    definition: WorkflowDefinition[..., Any] | None = None,
    to_version: int | None = None,
) -> ReplayReport:
    """Replay without frames and return the report; raises as `replay_execution`, and `HistoryMismatch`."""
    replay = await replay_execution(engine, execution_id, definition=definition, to_version=to_version, frames=False)
    return await replay.check()
