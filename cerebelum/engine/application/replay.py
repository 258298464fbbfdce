"""Replay: an execution's code against its history, for people to watch. No step runs, and nothing is written.

One pass gives one frame per event, each made when it is asked for. A difference between the code and the history ends
the pass with `HistoryMismatch`; a different end of the same path is told in the report.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import Any

from cerebelum.engine.application import query
from cerebelum.engine.application.code_that_ran import Code, code_that_ran, given_code
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.frame_recorder import FrameRecorder
from cerebelum.engine.application.replay_report import ReplayReport, make_report
from cerebelum.engine.application.watching import parse_watch
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.runtime.frames import Frame
from cerebelum.engine.runtime.interception import install, real
from cerebelum.engine.runtime.replay import Replay
from cerebelum.engine.runtime.run import WorkflowRun
from cerebelum.engine.runtime.watchdog import Watchdog

_LIMIT_S = 2.0  # of an activation, as a node's
_EVENTS_PER_TURN = 200  # of the node's loop: a check beside running executions must not hold them up


class ExecutionReplay:
    """One execution's history, loaded, and the code to replay it on. Iterate it for frames; each iteration is a pass.

    Attributes:
        row: as the store has it.
        code: the version it is replayed on, with the text of its files where that may not be the one on disk.
        report: of the last pass that came to its end; None before.
    """

    def __init__(
        self, row: ExecutionRow, history: Sequence[RecordedEvent], code: Code, codec: PayloadCodec, *,
        to_version: int | None = None, watch: Sequence[str] = (), frames: bool = True,
    ) -> None:  # fmt: skip
        self.row, self.code = row, code
        self.report: ReplayReport | None = None
        self._history, self._codec, self._frames = history, codec, frames
        self._to_version = len(history) if to_version is None else to_version
        self._watches = [parse_watch(text) for text in watch]

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
        try:
            yield from self._watched_pass(watchdog)
        finally:
            watchdog.stop()

    def _watched_pass(self, watchdog: Watchdog) -> Iterator[Frame | None]:
        """Yield each frame; where none are wanted, None now and then."""
        run = WorkflowRun(self.row.id, self.code.definition, self._codec)
        replay = Replay(run, self._history, observe=True, watch=watchdog.run)
        recorder = FrameRecorder(self.row.id, run, self._watches) if self._frames else None
        events, took_s, since_s = 0, 0.0, real.perf_counter()
        try:
            for recorded, event in replay.steps():
                events = recorded.version
                if recorder is not None or events % _EVENTS_PER_TURN == 0:
                    frame = None if recorder is None else recorder.frame(recorded, event)
                    took_s += real.perf_counter() - since_s
                    yield frame
                    since_s = real.perf_counter()
                if events >= self._to_version:
                    break
            took_us = round((took_s + real.perf_counter() - since_s) * 1e6)
            self.report = make_report(self.row, self.code, self._history, replay, self._codec, events, took_us)
        finally:
            with suppress(ActivationBlocked):  # `finally` blocks that never end are left where they are
                watchdog.run(self.row.id, run.close)


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
        watch: paths such as `order.total`, looked up in the locals of each frame, innermost function first.
        frames: False: compare only, which is several times faster.

    Raises:
        ExecutionNotFound: no such execution.
        ValueError: `to_version` is below 1, or a watch is no path.
        CodeNotStored, StoredCodeRefused, FlowSyntaxError, FlowImportFailed: as `code_that_ran`.
    """
    if to_version is not None and to_version < 1:
        raise ValueError(f"to_version={to_version}: events are counted from 1")
    install()  # before stored code is imported: a module may keep `time.time` under a name of its own
    row = await engine.store.get_execution(execution_id)
    if row is None:
        raise await query.not_found(engine, execution_id)
    # All of it, also to stop early: what comes later decides which branch `patched` took before.
    history = await query.history(engine, execution_id)
    if definition is None:
        code = await code_that_ran(engine, row, history, to_version=to_version)
    else:
        code = given_code(definition)
    return ExecutionReplay(row, history, code, engine.codec, to_version=to_version, watch=watch, frames=frames)


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
