"""What can be done to a schedule: the keys that both screens about them have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.schedules import Schedules
from cerebelum.tui.base_screen import Keys
from cerebelum.tui.dialogs import Confirm
from cerebelum.tui.list_screen import ListScreen
from cerebelum.tui.schedules.board import ScheduleLook
from cerebelum.tui.workers import begin

ACT_KEYS: Keys = (
    ("p", "pause: it fires no more, what runs goes on"),
    ("r", "resume: it fires again, from now on"),
    ("t", "trigger: start an execution now"),
    ("delete", "remove it, after a question"),
    ("y", "copy the name"),
)


class ScheduleActions(ListScreen):
    """Pauses, resumes, triggers and removes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause the schedule"),
        Binding("r", "resume", "Resume the schedule"),
        Binding("t", "trigger", "Start an execution now"),
        Binding("delete", "delete", "Remove the schedule"),
        Binding("y", "copy", "Copy the name"),
    ]

    @property
    def look(self) -> ScheduleLook | None:
        """The schedule that is meant."""
        raise NotImplementedError

    async def removed(self) -> None:
        """The schedule that was meant is gone."""

    def action_pause(self) -> None:
        """Fire no more."""
        look = self.look
        if look is None:
            return
        name = look.row.name
        if not look.row.enabled and look.row.paused_by == "hand":
            self.refuse(f"{name} is paused already; r resumes it")
        else:
            self._do(lambda engine: Schedules(engine).pause(name), f"paused {name}")

    def action_resume(self) -> None:
        """Fire again."""
        look = self.look
        if look is None:
            return
        name = look.row.name
        if look.row.enabled:
            self.refuse(f"{name} is not paused")
        else:
            self._do(lambda engine: Schedules(engine).resume(name), f"resumed {name}")

    def action_trigger(self) -> None:
        """Start an execution now, once that is confirmed."""
        look = self.look
        if look is None:
            return
        name = look.row.name
        consequence = "It starts beside what runs, also where the schedule is paused."
        if look.problem:
            consequence += f" It will wait: {look.problem}."

        async def work(engine: Engine) -> str:
            return f"started {await Schedules(engine).trigger(name)}"

        self.app.push_screen(
            Confirm(f"Start {look.row.workflow} now, by schedule {name}?", consequence),
            lambda yes: self._do(work) if yes else self.say("nothing was started"),
        )

    def action_delete(self) -> None:
        """Remove the schedule, once that is confirmed."""
        look = self.look
        if look is None:
            return
        name = look.row.name
        consequence = "Its record of fires goes with it. Executions that it started stay, and go on."
        if look.row.origin == "code":
            consequence += f" Module {look.row.module} may declare it: then it is back when a node loads that."

        async def work(engine: Engine) -> str:
            await Schedules(engine).delete(name)
            self.app.call_later(self.removed)  # not of this screen: it could not wait for its own end
            return f"removed schedule {name}"

        self.app.push_screen(
            Confirm(f"Remove schedule {name}?", consequence),
            lambda yes: self._do(work) if yes else self.say(f"{name} was left as it is"),
        )

    def action_copy(self) -> None:
        """Copy the name."""
        if (look := self.look) is not None:
            self.app.copy_to_clipboard(look.row.name)
            self.say(f"copied {look.row.name}")

    def _do(self, work: Callable[[Engine], Awaitable[object]], done: str = "") -> None:
        """Write, and say what came of it: what `work` returns, or `done`."""
        begin(self, partial(self._written, work, done), name="act", group="act")

    async def _written(self, work: Callable[[Engine], Awaitable[object]], done: str) -> None:
        told = done

        async def write(engine: Engine) -> None:
            nonlocal told
            answer = await work(engine)
            told = done or str(answer)

        refused = await self.cerebelum.write(write)
        if refused:
            self.refuse(refused)
        else:
            self.say(told)
