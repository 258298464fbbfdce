"""An hour of editing: an engine on a store, one edit each minute of its clock, and executions all the while."""

from __future__ import annotations

import asyncio
import random
import weakref
from collections import Counter
from pathlib import Path

import pytest
from msgspec import Struct

from cerebelum.engine.application.reloading import FileOutcome, Reloader
from cerebelum.engine.application.verdicts import Verdict
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import UnknownWorkflow
from cerebelum.engine.domain.execution import FINAL, OPEN
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.engine.runtime.node import NodeSettings
from cerebelum.engine.runtime.time_control import TimeControl
from tests.dev.edits import Edit, Edits
from tests.dev.histories import asked, word_of
from tests.dev.load import Load
from tests.dev.project_model import ProjectModel, Serving, fits
from tests.engine.world import PATIENCE_S, World

SPEED = 900.0
MINUTE_US = 60_000_000


class Told(Struct, frozen=True):
    """What a reload said of an execution; not `certain` where another edit followed before it could be seen."""

    verdict: Verdict
    certain: bool
    edit: int


class Hour:
    """See the module docstring. What it keeps is checked afterwards, by `tests.dev.verdict_checks` and others."""

    def __init__(self, world: World, clock: TimeControl, folder: Path, seed: int) -> None:
        self.world, self.clock = world, clock
        self.model = ProjectModel(folder)
        self.edits, self.load = Edits(self.model, seed), Load(world, seed)
        self.reloader = Reloader(world.engine, [folder])
        self.told: dict[str, list[Told]] = {}
        self.made: list[str] = []
        self.changed_in: dict[str, int] = {}  # workflow -> the last edit that changed its code
        self.waited, self.rested = set[str](), 0  # what executions stood at when edits came, and how often at rest
        self.verdicts: Counter[str] = Counter()
        self.old_code: list[weakref.ref[object]] = []
        self._dice = random.Random(seed + 2_000)

    @classmethod
    async def open(cls, url: str, folder: Path, seed: int) -> Hour:
        """Write the first files, load them, and start the node."""
        clock = TimeControl(SPEED)
        world = await World.open(url, settings=NodeSettings(policy="pin"), allow_stored_code=True, clock=clock)
        hour = cls(world, clock, folder, seed)
        assert [outcome.error for outcome in await hour.reloader.start()] == [None] * 4
        await world.engine.start_node()
        return hour

    # -- the hour -----------------------------------------------------------------------------------------------------
    async def pass_by(self) -> None:
        """Make all edits, a minute apart."""
        begin_us = self.clock.now_us()
        for minute, make in enumerate(self.edits):
            async with asyncio.timeout(PATIENCE_S):
                while self.clock.now_us() < begin_us + minute * MINUTE_US:  # noqa: ASYNC110 - nobody tells of time
                    await asyncio.sleep(0.002)
            await self.load.minute(minute)
            before = dict(self.model.serving)
            await self._look_around()
            edit = make()
            self.made.append(edit.kind)
            _, outcomes = await asyncio.gather(self._start_meanwhile(minute, before), self._save(edit))
            self.model.settle()
            await self._check(edit, outcomes)
            await self._start_after(minute)

    async def end(self) -> None:
        """Let everybody go on, and wait until all have ended."""
        await self.load.minute(10_000)
        open_ones = ExecutionFilter(statuses=OPEN, limit=1_000)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while await self.world.store.list_executions(open_ones):  # noqa: ASYNC110 - whichever is the last
                    await asyncio.sleep(0.01)
        except TimeoutError:
            left = [
                (row.id, row.workflow, row.current_step) for row in await self.world.store.list_executions(open_ones)
            ]
            raise AssertionError(f"{len(left)} do not end: {left[:5]}") from None

    async def _save(self, edit: Edit) -> list[FileOutcome]:
        (first, *more) = edit.saves
        if not more:
            return await self.reloader.reload(first)
        taken_up = asyncio.create_task(self.reloader.reload(first))
        await asyncio.sleep(0)
        second = self.edits.second_save(edit)
        outcomes = await self.reloader.reload(second)
        for outcome in await taken_up:
            self._note(outcome, certain=False)
        return outcomes

    async def _look_around(self) -> None:
        """Note what executions stand at right before an edit."""
        for row in await self.world.store.list_executions(ExecutionFilter(statuses=OPEN, limit=1_000)):
            resting = row.id not in self.world.node.resident
            self.rested += resting
            self.waited.add(row.workflow)
            events = [recorded.event() for recorded in await self.world.store.read_history(row.id)]
            self.waited |= {word for event in events[-1:] if (word := word_of(event))}
            self.waited |= {"flaky" for event in events[-1:] if isinstance(event, ev.StepFailedEvent)}

    async def _start_meanwhile(self, minute: int, before: dict[str, Serving]) -> None:
        """Start one while files are taken up; whether its workflow just goes away or not, it is refused or runs."""
        name = self._dice.choice(sorted(before))
        try:
            await self.load.start(name, minute, during_edit=True)
        except UnknownWorkflow:
            assert name not in self.model.serving

    async def _start_after(self, minute: int) -> None:
        """Start what serves, broken files or not; what is gone is refused."""
        names = sorted(self.model.serving)
        for name in self._dice.sample(names, 3):
            await self.load.start(name, minute)
        for name in sorted({name for name, _ in self.model.known} - set(names)):
            with pytest.raises(UnknownWorkflow):
                await self.world.client.start(name, 0)

    # -- after each edit ------------------------------------------------------------------------------------------------
    async def _check(self, edit: Edit, outcomes: list[FileOutcome]) -> None:
        """What was told, what serves now, and who moved or stayed, is what the plans say."""
        registry, model = self.world.engine.registry, self.model
        assert {outcome.shown.rpartition("/")[2] for outcome in outcomes if outcome.error} == model.errors(), edit
        assert registry.serving() == tuple(sorted(model.serving)), (edit, registry.serving(), sorted(model.serving))
        for name, serving in model.serving.items():
            function = registry.get(name).function
            assert function.__globals__["WORD"] == serving.word, edit
            if not any(ref() is function for ref in self.old_code):
                self.old_code.append(weakref.ref(function))
        for outcome in outcomes:
            self._note(outcome, certain=True)
            for verdict in outcome.reloaded.verdicts if outcome.reloaded else []:
                await self._check_verdict(verdict, edit)

    def _note(self, outcome: FileOutcome, *, certain: bool) -> None:
        reloaded = outcome.reloaded
        for verdict in reloaded.verdicts if reloaded else []:
            self.verdicts[verdict.outcome] += 1
            self.told.setdefault(verdict.execution_id, []).append(Told(verdict, certain, len(self.made)))
        self.changed_in.update(dict.fromkeys(reloaded.changed if reloaded else (), len(self.made)))
        self.verdicts["unchecked"] += reloaded.unchecked if reloaded else 0

    async def _check_moved(self, verdict: Verdict, edit: Edit) -> None:
        store, row = self.world.store, None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while row is None or row.code != verdict.now:
                    assert row is None or row.status not in FINAL, f"{edit}: told as moved, ended elsewhere: {verdict}"
                    await asyncio.sleep(0.002)
                    row = await store.get_execution(verdict.execution_id)
        except TimeoutError:
            here = verdict.execution_id in self.world.node.resident
            raise AssertionError(f"{edit}: {verdict} is not on record; in memory: {here}; {row}") from None

    async def _check_verdict(self, verdict: Verdict, edit: Edit) -> None:
        """One that is kept does not fit, for a reason; one that moved is soon on record as moved."""
        store, serving = self.world.store, self.model.serving.get(verdict.workflow)
        if verdict.outcome == "moved":
            await self._check_moved(verdict, edit)
            return
        assert verdict.outcome == "kept", f"{edit}: {verdict}"
        assert verdict.reason
        if serving is None:
            assert verdict.now == ""
            return
        if (live := self.world.node.resident.get(verdict.execution_id)) is not None:
            async with asyncio.timeout(PATIENCE_S):
                version = live.version
                while live.durable_version < version and not live.dropped:  # noqa: ASYNC110 - what it stands at, written
                    await asyncio.sleep(0.002)
        done = asked([recorded.event() for recorded in await store.read_history(verdict.execution_id)])
        assert not fits(done, serving.plan), f"{edit}: {done} fits {serving}, but {verdict}"
