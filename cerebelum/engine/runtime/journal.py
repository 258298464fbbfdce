"""The journal: one commit for many executions.

Rules:
- What has gathered is committed as soon as the previous commit is done: it batches by itself under load, and one lonely
  event waits for nothing.
- Nothing is let out before its commit: `committed` is called after it, never before (R5).
- A fenced execution is dropped; its neighbours go through (R1).
- A commit in doubt (R4) is settled by asking the store for the batch's id over a new connection. Only a batch that is
  not there is sent again, and R1's expected versions make even that harmless when the first one lands late.
- A batch refused for what is in it, not for the store's state, is taken apart: each execution by itself, so that one
  that cannot be written does not hold up the others. That one is refused.
- The buffer is bounded: starts wait in line before memory grows.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence

from msgspec import structs

from cerebelum.engine.domain.errors_store import CommitInDoubt, StoreError
from cerebelum.engine.ports.store import Batch, Committed, LogLine, Start, Store
from cerebelum.engine.runtime.live import LiveExecution, StartRequest
from cerebelum.engine.runtime.own_log import OwnLog

_BATCH_EXECUTIONS = 2_000  # appends in one commit
_BATCH_STARTS = 500
_WAITING_STARTS = 20_000  # then `start` waits
_RETRY_FIRST_S, _RETRY_MOST_S = 0.05, 2.0
_log = OwnLog("cerebelum.journal")


class Journal:
    """See the module's rules.

    Args:
        store: where it commits.
        writer: the node's nonce: with a counter it names batches.
        now_us: the store's clock.
        lead_on: called with an execution before what it holds is taken, so that its code goes as far as it can.
        on_durable: called with (execution, version) after each commit that wrote something of it.
        on_fenced: called with an execution that moved on elsewhere.
        on_refused: called with an execution whose events cannot be written, and why.
        on_messages: told that a commit put messages into inboxes, maybe of executions that live here.
        give_up_after_s: how long a store may refuse commits before `on_trouble` is called once per streak.
        on_trouble: told the error when the store keeps refusing.
    """

    def __init__(
        self,
        store: Store,
        *,
        writer: Callable[[], str],
        now_us: Callable[[], int],
        lead_on: Callable[[LiveExecution], None],
        on_durable: Callable[[LiveExecution, int], None],
        on_fenced: Callable[[LiveExecution], None],
        on_refused: Callable[[LiveExecution, Exception], None],
        on_messages: Callable[[], None] = lambda: None,
        on_trouble: Callable[[StoreError], None] = lambda error: None,
        give_up_after_s: float = 10.0,
    ) -> None:
        self._store, self._now_us, self._writer = store, now_us, writer
        self._lead_on = lead_on
        self._on_durable, self._on_fenced, self._on_trouble = on_durable, on_fenced, on_trouble
        self._on_messages = on_messages
        self._on_refused = on_refused
        self._give_up_after_s = give_up_after_s
        self._dirty: list[LiveExecution] = []
        self._starts: list[StartRequest] = []
        self._logs: list[LogLine] = []
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.commit_count = 0
        self._batches = itertools.count(1)

    # -- giving it work -------------------------------------------------------------------------------------------
    def changed(self, live: LiveExecution) -> None:
        """Take what `live` holds in the next commit."""
        self._dirty.append(live)
        self._wake.set()

    async def has_room(self) -> None:
        """Return once fewer than 20,000 starts are in line."""
        await self._room.wait()

    def offer(
        self,
        start: Start,
        begin: Callable[[], LiveExecution | None],
        on_committed: Callable[[LiveExecution | None], None],
    ) -> asyncio.Future[bool]:
        """Commit a new execution; the answer is False when its id is taken, or a `StoreError`: nothing was written.

        Its code begins (`begin`) with its turn to be committed, so that starts in line are small.
        """
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._starts.append(StartRequest(start, answer, on_committed, begin))
        if len(self._starts) >= _WAITING_STARTS:
            self._room.clear()
        self._wake.set()
        return answer

    def log(self, line: LogLine) -> None:
        """Write a captured line with the next commit. Lines alone do not hurry one: `run` takes them soon."""
        self._logs.append(line)
        if len(self._logs) >= 1_000:
            self._wake.set()

    def flush_logs(self) -> None:
        """Have captured lines committed now."""
        if self._logs:
            self._wake.set()

    # -- committing -----------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Commit for ever; a component of the node."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._idle.clear()
            while self._has_work():
                # One turn of the loop: a step that ends at once brings its result into the commit that schedules it.
                await asyncio.sleep(0)
                await self._commit_in_turn()
            self._idle.set()

    def _has_work(self) -> bool:
        return bool(self._dirty or self._starts or self._logs)

    async def drained(self) -> None:
        """Return when everything given so far is durable."""
        self.flush_logs()
        while self._wake.is_set() or not self._idle.is_set():
            await asyncio.sleep(0)
            await self._idle.wait()

    async def _commit_in_turn(self) -> None:
        """Commit one batch after the other. The next is at the store already while the last one's executions go on."""
        under_way: tuple[_Part, asyncio.Task[Committed]] | None = self._send()
        while under_way is not None:
            part, commit = under_way
            under_way = None
            try:
                committed = await commit
            except asyncio.CancelledError:
                part.discard()
                raise
            except Exception:
                _log.exception("a batch cannot be written as a whole", executions=len(part.lives))
                await self._commit_apart(part)
            else:
                self.commit_count += 1
                if self._dirty or self._starts:
                    under_way = self._send()
                self._let_out(part, committed)

    def _send(self) -> tuple[_Part, asyncio.Task[Committed]]:
        part = _Part(*self._gather())
        return part, asyncio.get_running_loop().create_task(self._commit(part.batch, part.starts))

    async def _commit_apart(self, whole: _Part) -> None:
        """Commit each execution of a refused batch alone: what is wrong with one must not harm its neighbours."""
        for part in whole.apart(self._new_batch_id):
            try:
                committed = await self._commit(part.batch, part.starts)
            except Exception as error:
                _log.exception("an execution's events cannot be written", executions=len(part.lives))
                self._refuse(part, error)
            else:
                self.commit_count += 1
                self._let_out(part, committed)

    def _gather(self) -> tuple[list[LiveExecution], list[StartRequest], Batch]:
        lives, self._dirty = self._dirty[:_BATCH_EXECUTIONS], self._dirty[_BATCH_EXECUTIONS:]
        starts, self._starts = self._starts[:_BATCH_STARTS], self._starts[_BATCH_STARTS:]
        logs, self._logs = self._logs, []
        if len(self._starts) < _WAITING_STARTS:
            self._room.set()
        now_us = self._now_us()
        appends, blobs, messages = [], [], []
        for live in lives:
            if (live.awaiting or live.updates_due) and not live.dropped:
                self._lead_on(live)
        lives = [live for live in lives if not live.dropped]
        for live in lives:
            append, own_blobs = live.take(now_us)
            appends.append(append)
            if own_blobs:
                blobs.extend(own_blobs)
            if live.starts:
                starts, live.starts = starts + live.starts, []
            if live.outbox:
                messages.extend(live.outbox)
                live.outbox = []
        starts = self._one_per_id(starts)
        for request in starts:
            request.prepare(now_us)
        return (
            lives,
            starts,
            Batch(
                id=self._new_batch_id(),
                starts=[request.start for request in starts],
                appends=appends,
                messages=messages,
                logs=logs,
                blobs=[*blobs, *(blob for request in starts for blob in request.start.blobs)],
                statements=[statement for live in lives for statement in live.take_statements()],
            ),
        )

    def _one_per_id(self, starts: list[StartRequest]) -> list[StartRequest]:
        """Leave further starts of one id to the next batch: an answer names an id, so there it can be of one start only."""
        first: dict[str, StartRequest] = {}
        twins = [request for request in starts if first.setdefault(request.start.row.id, request) is not request]
        if not twins:
            return starts
        self._starts = twins + self._starts
        return list(first.values())

    def _new_batch_id(self) -> str:
        return f"{self._writer()}/{next(self._batches)}"

    async def _commit(self, batch: Batch, starts: Sequence[StartRequest]) -> Committed:
        """Commit, and again after errors that wrote nothing. Starts are told of the first such error."""
        wait_s, waited_s, in_doubt = _RETRY_FIRST_S, 0.0, False
        trouble: StoreError
        while True:
            try:
                committed = await self._store.commit(batch)
                return structs.replace(committed, in_doubt=True) if in_doubt else committed
            except CommitInDoubt as doubt:
                in_doubt, trouble = True, doubt
                _log.warning("commit in doubt", batch=batch.id, error=str(doubt))
                settled = await self._settle(batch)
                if settled is not None:
                    return settled
            except StoreError as error:
                trouble = error
                _log.warning("commit refused", error=str(error), again_in_s=wait_s)
                children = [request for request in starts if request.start.source]  # their parents' events ask for them
                batch.starts = [request.start for request in children]
                # Those in line would wait behind this batch.
                self._refuse_starts([*(one for one in starts if not one.start.source), *self._starts], error)
                self._starts = []
                self._room.set()
                if not (batch.appends or batch.messages or batch.logs):
                    return Committed()
            if waited_s < self._give_up_after_s <= waited_s + wait_s:
                self._on_trouble(trouble)
            await asyncio.sleep(wait_s)
            waited_s += wait_s
            wait_s = min(_RETRY_MOST_S, wait_s * 2)

    async def _settle(self, batch: Batch) -> Committed | None:
        """Return what a commit in doubt did, None when it is not there; waits until the store answers."""
        while True:
            try:
                if await self._store.has_batch(batch.id):
                    return Committed(in_doubt=True)
            except StoreError:
                await asyncio.sleep(_RETRY_MOST_S / 10)
            else:
                return None

    @staticmethod
    def _refuse_starts(starts: Sequence[StartRequest], error: Exception) -> None:
        for request in starts:
            request.refuse(error)

    def _refuse(self, part: _Part, error: Exception) -> None:
        self._refuse_starts(part.starts, error)
        for live in part.lives:
            self._on_refused(live, error)

    def _let_out(self, part: _Part, committed: Committed) -> None:
        if part.batch.messages:
            self._on_messages()
        left_out = committed.existing | committed.fenced
        for request in part.starts:
            if request.refused:
                continue
            # In doubt, "existing" may be the start itself, landed late: it is there, and is read before it goes on (R4).
            if committed.in_doubt and request.live is not None:
                self._on_fenced(request.live)
            request.committed(committed.in_doubt or request.start.row.id not in left_out)
        for live, append in zip(part.lives, part.batch.appends, strict=True):
            # After a commit in doubt we know that it is there, not what it left out: re-read (R4).
            if live.id in committed.refused:
                said = committed.refused[live.id]
                self._on_refused(live, StoreError(f"the SQL of a transactional step failed: {said}"))
            elif live.id in committed.fenced or committed.in_doubt:
                self._on_fenced(live)
            else:
                self._on_durable(live, append.row.last_version)


class _Part:
    """What is committed together."""

    __slots__ = ("batch", "lives", "starts")

    def __init__(self, lives: Sequence[LiveExecution], starts: Sequence[StartRequest], batch: Batch) -> None:
        self.lives, self.starts, self.batch = lives, starts, batch

    def discard(self) -> None:
        """The node ends before it is committed: close the code of new executions, which nobody else knows."""
        for request in self.starts:
            if request.live is not None:
                request.live.drop()

    def apart(self, new_id: Callable[[], str]) -> Iterator[_Part]:
        """Yield a part for each execution, with the children it starts, then one for each other start."""
        alone = [request for request in self.starts if not request.refused]
        for live, append in zip(self.lives, self.batch.appends, strict=True):
            children = [request for request in alone if request.start.source == live.id]
            alone = [request for request in alone if request.start.source != live.id]
            batch = structs.replace(
                self._only(children, new_id()),
                appends=[append],
                messages=[message for message in self.batch.messages if message.source == live.id],
                logs=[line for line in self.batch.logs if line.execution_id == live.id],
                statements=[statement for statement in self.batch.statements if statement[0] == live.id],
            )
            yield _Part([live], children, batch)
        for request in alone:
            yield _Part([], [request], self._only([request], new_id()))
        known = {live.id for live in self.lives}
        for line in self.batch.logs:
            if line.execution_id not in known:
                yield _Part([], [], Batch(id=new_id(), logs=[line]))

    def _only(self, starts: Sequence[StartRequest], batch_id: str) -> Batch:
        return Batch(id=batch_id, starts=[request.start for request in starts], blobs=self.batch.blobs)
