"""Looks at the open executions of workflows whose code changed: they move, or stay with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.verdicts import Verdict
from cerebelum.engine.domain.execution import OPEN, ExecutionRow
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.engine.runtime.interception import real
from cerebelum.engine.runtime.live import LiveExecution
from cerebelum.engine.runtime.moving import Mover, Tried
from cerebelum.engine.runtime.node import Node

MOST_CHECKED = 200  # in one go; the others are tried when they wake
_MOST_COUNTED = 2_000  # reading more would hold up the reload
_PATIENCE_S, _LOOK_AGAIN_S = 2.0, 0.002  # with executions that are on their way into memory


class OpenExecutions:
    """See the module docstring. Without a node nothing is looked at: executions are tried as they are taken up."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def check(self, changed: Sequence[str], removed: Sequence[str], *, shown: str) -> tuple[list[Verdict], int]:
        """Return what became of the executions, and how many were not looked at, 2,000 at most.

        Args:
            changed: workflows with a new newest version.
            removed: workflows whose code is gone; what is open goes on with the old.
            shown: the file that declared them.
        """
        node, verdicts, unchecked = self._engine.node, list[Verdict](), 0
        if node is None:
            return [], 0
        for name in removed:
            rows = await self._at_rest(node, name, "", MOST_CHECKED)
            verdicts += [_without_code(row, shown) for row in (*(live.row for live in _here(node, name)), *rows)]
        for name in changed:
            found, more = await self._check(node, name, max(0, MOST_CHECKED - len(verdicts)))
            verdicts += found
            unchecked += more
        return verdicts, unchecked

    async def _check(self, node: Node, name: str, most: int) -> tuple[list[Verdict], int]:
        newest = self._engine.registry.newest(name)
        rows = await self._settled(node, name, newest.digest, most + 1)
        if len(rows) > most:
            rows = await self._settled(node, name, newest.digest, _MOST_COUNTED)
        # after the read, in the same turn of the loop: one that was taken up meanwhile is in one of the two
        lives = [live for live in _here(node, name) if live.row.code != newest.digest]
        room = max(0, most - len(lives))
        unchecked = max(0, len(lives) - most) + max(0, len(rows) - room)
        mover = Mover(
            self._engine.store, node.residents, node.rebuilder,
            now_us=node.clock.now_us, watch=node.watchdog.run, rouse=node.dispatcher.rouse,
        )  # fmt: skip
        chosen, asleep = lives[:most], rows[:room]
        tried = await mover.move(chosen, newest.definition) if chosen else []
        never = len(chosen) - len(tried)  # code that does not come to an end would not do so for the others either
        known = {live.id for live in chosen}
        asleep = [row for row in asleep if row.id not in known] + await self._fell_asleep(node, tried)
        checked = await mover.check(asleep, newest.definition) if asleep and not never else []
        resting = {row.id for row in asleep}
        busy = sum(one.outcome == "busy" and one.execution_id not in resting for one in tried)
        verdicts = [found for one in (*tried, *checked) if (found := _verdict(one, newest.digest)) is not None]
        return verdicts, unchecked + never + busy + len(asleep) - len(checked)

    async def _settled(self, node: Node, name: str, but: str, most: int) -> list[ExecutionRow]:
        """Return those at rest, once none is on its way into memory.

        The start or the claim of such a one is stored already, its code was chosen before the newest was there, and
        nobody looks at that again: it would be told as moved, and go on as it is.
        """
        until_s = real.monotonic() + _PATIENCE_S
        while True:
            rows = await self._at_rest(node, name, but, most)
            on_their_way = {row.id for row in rows if row.owner == node.nonce} - node.resident.keys()
            if not on_their_way:
                return rows
            if real.monotonic() > until_s:
                return [row for row in rows if row.id not in on_their_way]
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _fell_asleep(self, node: Node, tried: list[Tried]) -> list[ExecutionRow]:
        """Return those that went to rest while they were looked at."""
        rows = [await self._engine.store.get_execution(one.execution_id) for one in tried if one.outcome == "busy"]
        return [row for row in rows if row is not None and row.status in OPEN and _rests(row, node)]

    async def _at_rest(self, node: Node, name: str, but: str, most: int) -> list[ExecutionRow]:
        """Return the open executions that nobody has in memory, and that do not run on the code `but` already."""
        found: list[ExecutionRow] = []
        before: tuple[int, str] | None = None
        limit = min(_MOST_COUNTED, most + len(node.resident) + MOST_CHECKED)
        while len(found) < most:
            page = await self._engine.store.list_executions(
                ExecutionFilter(workflow=name, statuses=OPEN, before=before, limit=limit)
            )
            found += [row for row in page if _rests(row, node) and row.code != but]
            if len(page) < limit:
                break
            before = (page[-1].inserted_at_us, page[-1].id)
        return found[:most]


def _here(node: Node, name: str) -> list[LiveExecution]:
    return [live for live in node.resident.values() if live.row.workflow == name and live.final is None]


def _rests(row: ExecutionRow, node: Node) -> bool:
    # one without a history has done nothing yet: whatever takes it up, its code begins
    return row.owner in (None, "", node.nonce) and row.id not in node.resident and row.last_version > 0


def _without_code(row: ExecutionRow, shown: str) -> Verdict:
    return Verdict(
        execution_id=row.id, workflow=row.workflow, outcome="kept", before=row.code, now="",
        reason=f"{row.workflow} is gone from {shown}",
    )  # fmt: skip


def _verdict(tried: Tried, now: str) -> Verdict | None:
    outcome = tried.outcome
    if outcome not in ("moved", "kept", "failed"):
        return None
    return Verdict(
        execution_id=tried.execution_id, workflow=tried.workflow, outcome=outcome, before=tried.before, now=now,
        reason=tried.reason, detail="" if tried.error is None else str(tried.error),
    )  # fmt: skip
