"""What must hold of every execution after an hour of editing, each from its history, the ledger, and the plans."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from typing import Any

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.engine.runtime.code import pinning
from cerebelum.engine.testing import invariants
from tests.dev.histories import asked, codes, codes_at
from tests.dev.hour import Hour
from tests.dev.project_model import Serving, fits, ways
from tests.engine.world import whole_history
from tests.flows import ledger

History = list[ev.RecordedEvent]


class EndChecks:
    """Finds what is wrong with each execution, as sentences."""

    def __init__(self, hour: Hour) -> None:
        self._hour = hour
        self._versions: dict[tuple[str, str], tuple[WorkflowDefinition[..., Any], Serving]] = {}
        self._loaded = set[str]()
        self._rows: dict[str, ExecutionRow] = {}
        self._results: dict[str, Any] = {}

    async def wrong(self) -> list[str]:
        """Return all violations."""
        store, hour = self._hour.world.store, self._hour
        self._rows = {row.id: row for row in await store.list_executions(ExecutionFilter(limit=10_000))}
        found = [f"{id_} was started and is gone" for id_ in hour.load.all if id_ not in self._rows]
        histories = {id_: await whole_history(store, id_) for id_ in self._rows}
        for id_, history in histories.items():
            for _, digest in codes(history):
                await self._load(self._rows[id_].workflow, digest)
            last = history[-1].event()
            if isinstance(last, ev.ExecutionCompleted):
                self._results[id_] = json.loads(bytes(last.result))
        for id_, history in histories.items():
            row = self._rows[id_]
            wrong = [
                *await self._invariants(row, history),
                *self._end(row, history),
                *self._effects(row, history),
                *self._told(row, history),
            ]
            found += [f"{row.workflow} {id_}: {one}" for one in wrong]
        return found

    def close(self) -> None:
        """Unload what was read from the store."""
        for digest in self._loaded:
            pinning.release(digest)

    async def _load(self, workflow: str, digest: str) -> None:
        if (workflow, digest) not in self._versions:
            code = await self._hour.world.store.get_code(workflow, digest=digest)
            assert code is not None
            self._loaded.add(code.digest)
            definition = pinning.load_bundle(code, allow_stored_code=True)
            word = definition.function.__globals__["WORD"]
            self._versions[workflow, digest] = definition, self._hour.model.known[workflow, word]

    async def _invariants(self, row: ExecutionRow, history: History) -> list[str]:
        """The engine's own; replay on the code that was stored with it."""
        hour = self._hour
        workflows = {row.workflow: self._versions[row.workflow, row.code][0]}
        effects = Counter(line.split()[0] for line in ledger.effects[row.id] if not line.startswith("at "))
        return [
            *invariants.contiguous(row, history),
            *invariants.once_recorded(row.id, history),
            *invariants.timers(row.id, history),
            *invariants.effect_bound(row.id, history, effects, deaths=0),
            *invariants.replay_equal(row, history, workflows, hour.world.codec),
            *await invariants.no_orphan(hour.world.store, row, history, workflows, hour.world.codec),
        ]

    # -- what came of it ------------------------------------------------------------------------------------------------
    def _end(self, row: ExecutionRow, history: History) -> list[str]:
        events = [recorded.event() for recorded in history]
        plan, done = self._versions[row.workflow, row.code][1], asked(events)
        if row.code != codes(history)[-1][1]:
            return [f"its row names {row.code}, its history {codes(history)}"]
        if row.status == "completed":
            found = [] if done in ways(plan.plan) else [f"did {done}, its code is {plan}"]
            return (
                found if self._results[row.id] == (now := self._result(plan, events)) else [*found, f"{now} expected"]
            )
        if not fits(done, plan.plan):
            return [f"did {done}, its code is {plan}"]
        if row.status == "cancelled":
            return [] if self._may_be_cancelled(row) else ["nobody cancelled it"]
        started = self._hour.load.all[row.id]
        due = started.number % 3 == 0 and done[-1] == "charge" and "card declined" in (row.error or "")
        return [] if due else [f"failed: {row.error}"]

    def _may_be_cancelled(self, row: ExecutionRow) -> bool:
        if row.id in self._hour.load.all:
            return self._hour.load.all[row.id].was_cancelled
        return row.parent is not None and self._rows[row.parent].status == "cancelled"

    def _result(self, plan: Serving, events: list[ev.Event | ev.UnknownEvent]) -> list[str]:
        """Return what the plan makes of what the steps are on record with."""
        results = {
            event.number: json.loads(bytes(event.result)) for event in events if isinstance(event, ev.StepCompleted)
        }
        found = [plan.word]
        for event in events:
            if isinstance(event, ev.StepScheduled):
                found.append(results[event.number])
            elif isinstance(event, ev.WaitStarted):
                found.append("signal on")
            elif isinstance(event, ev.ChildStarted):
                found += self._results[event.execution_id]
        return found

    def _effects(self, row: ExecutionRow, history: History) -> list[str]:
        """Each attempt took effect once, with the words of the code that it began on; reservations are undone once."""
        found, expected = list[str](), dict[str, set[str]]()
        events, names = [recorded.event() for recorded in history], dict[int, str]()
        lines = Counter(line for line in ledger.effects[row.id] if not line.startswith("at "))
        for event in events:
            if isinstance(event, ev.StepScheduled):
                names[event.number] = event.name
            elif isinstance(event, ev.StepCompleted | ev.StepFailedEvent):
                begun = f"{row.id}/{event.number} {event.attempt} {names[event.number]}"
                words = {self._versions[row.workflow, code][1].word for code in codes_at(history, event.started_us)}
                expected[begun] = words
                result = json.loads(bytes(event.result)) if isinstance(event, ev.StepCompleted) else None
                if result is not None and result not in {f"{names[event.number]} {word}" for word in words}:
                    found.append(f"step {event.number} gave {result!r}, it began on {words}")
        for line, times in lines.items():
            begun, _, word = line.rpartition(" ")
            if times > 1:
                found.append(f"took effect {times} times: {line}")
            if begun not in expected and row.status != "cancelled":
                found.append(f"an effect that nobody recorded: {line}")
            elif begun in expected and word not in expected.pop(begun):
                found.append(f"an effect of other code: {line}")
        found += [f"without effect: {begun}" for begun in expected]
        released = sum(name == "release" for name in names.values())
        # One that was given up by the cancellation may still tell its result: the code never heard it, and undoes nothing.
        heard = itertools.takewhile(lambda event: not isinstance(event, ev.CancelRequested), events)
        reserved = sum(isinstance(e, ev.StepCompleted) and names[e.number] == "reserve" for e in heard)
        if released != (0 if row.status == "completed" else reserved):
            found.append(f"{row.status}: {reserved} reserved and {released} released")
        return found

    # -- what was said ----------------------------------------------------------------------------------------------------
    def _told(self, row: ExecutionRow, history: History) -> list[str]:
        """It began on what served, moved where that was told, and stayed where that was told."""
        found, done = list[str](), list[ev.Event | ev.UnknownEvent]()
        started, told = self._hour.load.all.get(row.id), self._hour.told.get(row.id, [])
        (_, first), *moves = codes(history)
        if started is not None and started.code not in ("", first):
            found.append(f"began on {first}, {started.code} served")
        for recorded in history:
            event = recorded.event()
            if isinstance(event, ev.CodeChanged):
                plan = self._versions[row.workflow, event.after][1]
                if not fits(tuple(done_so_far := asked(done)), plan.plan):
                    found.append(f"moved with {done_so_far} to {plan}")
            done.append(event)
        for one in told:
            verdict, went = one.verdict, {code for _, code in moves}
            if verdict.outcome == "moved" and one.certain and verdict.now not in went:
                found.append(f"was told as moved, and ran on {codes(history)}: {verdict}")
            if verdict.outcome == "kept" and verdict.now in went:
                found.append(f"was told as kept, and ran on {codes(history)}: {verdict}")
        if not told or told[-1].verdict.outcome != "kept" or row.code == told[-1].verdict.before:
            return found
        if (
            self._hour.changed_in.get(row.workflow, 0) <= told[-1].edit
        ):  # else it woke just while newer code was taken up
            found.append(f"was kept on {told[-1].verdict.before} and ended on {row.code}")
        return found
