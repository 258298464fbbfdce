"""The keys that act on one execution, the same wherever one is looked at. Each asks before anything is written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType

from cerebelum.engine.application import control
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.tui.acting.signal_dialog import SignalDialog
from cerebelum.tui.dialogs import Confirm
from cerebelum.tui.places import LeadingScreen
from cerebelum.tui.refusals import why_read_only
from cerebelum.tui.workers import begin

CONSEQUENCES = {
    "pause": "Steps under way finish; no further one begins until it is resumed.",
    "resume": "A paused execution goes on with its next step, one that sleeps wakes up.",
    "cancel": "Its running steps are stopped, what was done is undone where the flow says how.",
}
_VERBS: dict[str, Callable[[Engine, str], Awaitable[None]]] = {
    "pause": lambda engine, execution_id: control.pause(engine, execution_id, by="tui"),
    "resume": lambda engine, execution_id: control.resume(engine, execution_id, by="tui"),
    "cancel": lambda engine, execution_id: control.cancel(engine, execution_id, by="tui"),
}
ACTING_KEYS: Sequence[tuple[str, str]] = (
    ("f", "fork: a new execution from here, with a changed result or other code"),
    ("s", "send a signal"), ("x", "cancel"),
)  # fmt: skip


class ActingScreen(LeadingScreen):
    """A screen that looks at one execution. A subclass says which, and where in it one stands."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "fork", "Fork here"),
        Binding("s", "ask_signal", "Send a signal"),
        Binding("x", "act('cancel')", "Cancel"),
    ]

    def acted_on(self) -> ExecutionRow | None:
        """Return the execution as it was last read; None where there is none."""
        raise NotImplementedError

    def action_act(self, verb: str) -> None:
        """Pause, resume or cancel it, once that is confirmed."""
        row = self.acted_on()
        if row is None or self._is_read_only():
            return
        if row.ended or (verb == "pause" and row.status == "paused"):
            self.refuse(f"{row.id} is {row.status}: there is nothing to {verb}")
            return
        question = f"{verb.capitalize()} {row.id} ({row.workflow}, {row.status})?"
        self.app.push_screen(Confirm(question, CONSEQUENCES[verb]), lambda yes: self._confirmed(verb, row.id, yes))

    def _is_read_only(self) -> bool:
        """Whether nothing may be done here; says so before one is asked whether one is sure."""
        if self.cerebelum.read_only:
            self.refuse(why_read_only(is_web=self.app.is_web))
        return self.cerebelum.read_only

    def _confirmed(self, verb: str, execution_id: str, yes: bool | None) -> None:
        if yes:
            begin(self, partial(self._act, verb, execution_id), name=verb, group="act")
        else:
            self.say(f"{execution_id} was left as it is")

    async def _act(self, verb: str, execution_id: str) -> None:
        refused = await self.cerebelum.write(lambda engine: _VERBS[verb](engine, execution_id))
        if refused:
            self.refuse(refused)
        else:
            self.say(f"asked {execution_id} to {verb}")

    def action_ask_signal(self) -> None:
        """Ask for a signal's name and value."""
        row = self.acted_on()
        if row is None or self._is_read_only():
            return
        if row.ended:
            self.refuse(f"{row.id} is {row.status}: a signal would reach nobody")
            return
        self.app.push_screen(SignalDialog(row), self._told)

    def _told(self, said: str | None) -> None:
        if said:
            self.say(said)

    def action_fork(self) -> None:
        """Ask how to fork it."""
        from cerebelum.tui.fork.dialog import ForkDialog

        row, standing = self.acted_on(), self.standing_at()
        if row is not None and standing is not None and not self._is_read_only():
            self.app.push_screen(ForkDialog(row, standing[1]), self._forked)

    def _forked(self, fork_id: str | None) -> None:
        if fork_id:
            begin(self, partial(self._show_fork, fork_id), name="forked", group="act")

    async def _show_fork(self, fork_id: str) -> None:
        from cerebelum.engine.application.cluster import who_runs
        from cerebelum.tui.replay.screen import ReplayScreen

        await self.cerebelum.open_replay(fork_id)
        screen = self.app.screen
        if isinstance(screen, ReplayScreen):
            screen.is_tailing = True  # it begins to run just now
        row = await self.cerebelum.read(lambda engine: engine.store.get_execution(fork_id))
        problem = None if row is None else await self.cerebelum.read(lambda engine: who_runs(engine, row.workflow))
        if isinstance(screen, ReplayScreen):
            again = f"queued; {problem}; run it here: cerebelum run --resume {fork_id}" if problem else ""
            screen.say(again or f"forked: {fork_id}")
