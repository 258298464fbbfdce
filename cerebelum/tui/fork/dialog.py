"""The fork dialog. Whatever is typed, the dry run says at once what it will do; enter does it.

Typing goes into one of three lines: where, which code, what the marked value is to become; the arrows move the mark in
the list of values from each of them. Errors of the use case are said where the plan would stand, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, Static

from cerebelum.engine.application import query
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.fork_offers import Offer, offers
from cerebelum.engine.domain.editing import Edit, calls_of
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.errors_fork import ForkRefused
from cerebelum.engine.domain.events import FINAL_TYPES, RecordedEvent
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.forking import ForkPlan, fork_point
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.runtime.masking import mask_text
from cerebelum.tui.coalescing import Coalesced
from cerebelum.tui.fork.code_choice import CodeChoice
from cerebelum.tui.fork.doing import Wanted, planned, written
from cerebelum.tui.fork.offer_list import OfferList
from cerebelum.tui.fork.plan_lines import plan_lines
from cerebelum.tui.lines import Line, LineView, Piece, TextPane, wrapped
from cerebelum.tui.replay.event_index import EventIndex
from cerebelum.tui.replay.panes import pieces_of
from cerebelum.tui.text_line import TextLine
from cerebelum.tui.themes import style
from cerebelum.tui.workers import begin

if TYPE_CHECKING:
    from cerebelum.tui.app import CerebelumApp

_PAUSE_S = 0.12  # after the last key, before the dry run


class ForkDialog(ModalScreen[str]):
    """Closes with the id of the fork, "" where there is none.

    Args:
        at: the event one stands at; None: before the step that failed, or that ran last.
    """

    AUTO_FOCUS = "#at"
    DEFAULT_CSS = """
    ForkDialog { align: center middle; background: $background 60%; }
    ForkDialog #box { width: 100%; max-width: 120; height: 100%; max-height: 40; padding: 0 1; background: $surface;
                      border: round $accent; border-title-color: $accent; }
    ForkDialog Horizontal { height: 1; }
    ForkDialog .label { width: 8; height: 1; color: $dim; }
    ForkDialog #at { width: 14; }
    ForkDialog #event { width: 1fr; height: 1; padding: 0 0 0 2; }
    ForkDialog #code { width: 1fr; height: 1; }
    ForkDialog #code:focus { background: $panel; }
    ForkDialog #offers { height: 2fr; border-top: solid $faint; border-title-color: $dim; }
    ForkDialog #plan { height: 3fr; border-top: solid $faint; border-title-color: $dim; }
    ForkDialog #keys { height: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave it"),
        Binding("enter", "fork", "Fork", show=False),
        Binding("up", "walk(-1)", "The value above", priority=True),
        Binding("down", "walk(1)", "The value below", priority=True),
        Binding("pageup", "scroll(-1)", "Scroll what it will do", priority=True),
        Binding("pagedown", "scroll(1)", "Scroll what it will do", priority=True),
    ]

    def __init__(self, row: ExecutionRow, at: int | None) -> None:
        super().__init__()
        self._row, self._begin_at = row, at
        self._history: list[RecordedEvent] = []
        self._index = EventIndex()
        self.changed: dict[str, str] = {}  # target -> JSON text
        self.plan: ForkPlan | None = None
        self.problem = ""
        self.is_forking = False
        self._shown: Offer | None = None
        self._offered_at = -1
        self._dry = Coalesced(self, self._dry_run, name="dry run")
        self._pause: Timer | None = None
        self._is_read = False
        self._lines: list[Line] = []  # of the plan, as long as they are

    @property
    def _cerebelum(self) -> CerebelumApp:
        from cerebelum.tui.app import CerebelumApp

        app = self.app
        assert isinstance(app, CerebelumApp)
        return app

    @property
    def is_still(self) -> bool:
        """Whether what was typed was tried."""
        return self._is_read and self._pause is None and self._dry.is_still and not self.is_forking

    def compose(self) -> ComposeResult:
        """Where, which code, what is taken over, what it becomes; what that will do."""
        theme = self.app.theme
        with Vertical(id="box") as box:
            box.border_title = visible(f"fork {self._row.id}", keep_newlines=False)
            with Horizontal():
                yield Static("at", classes="label")
                yield TextLine(id="at", placeholder="event, or step")
                yield Static(id="event", markup=False)
            with Horizontal():
                yield Static("code", classes="label")
                yield CodeChoice()
            yield OfferList()
            with Horizontal():
                yield Static("value", classes="label")
                yield TextLine(id="value")
            yield TextPane(id="plan")
            yield Static(
                Text.assemble(
                    ("enter", style(theme, "accent")), " forks it   ", ("tab", style(theme, "accent")), " where, code, value   ",
                    ("↑ ↓", style(theme, "accent")), " which value   ", ("esc", style(theme, "accent")), " leaves it",
                ),
                id="keys",
            )  # fmt: skip

    def on_mount(self) -> None:
        """Read the history."""
        self.query_one("#offers").border_title = "what is taken over · a value that you change is marked ~"
        self.query_one("#plan").border_title = "what it will do"
        begin(self, self._read, name="history")

    async def _read(self) -> None:
        try:
            found = await self._cerebelum.read(lambda engine: query.history(engine, self._row.id))
        except CerebelumError as error:
            self._is_read = True
            self._refuse(str(error))
            return
        self._is_read = True
        if found is None or not self.query("#at"):
            return
        self._history = found
        for recorded in found:
            self._index.append(recorded)
        at = self.query_one("#at", Input)
        at.value = self._where_to_begin()
        at.cursor_position = len(at.value)
        self._ask()

    def _where_to_begin(self) -> str:
        at, history = self._begin_at, self._history
        if at is not None and 1 <= at <= len(history) and history[at - 1].type not in FINAL_TYPES:
            return str(at)
        calls = calls_of(history)
        failed = [call for call in calls if call.failed] or calls
        return failed[-1].name if failed and at != 0 else "1"

    # -- what is wanted -----------------------------------------------------------------------------------------------
    @property
    def at(self) -> int | str:
        """Where, as the use case takes it."""
        text = self.query_one("#at", Input).value.strip()
        return int(text[:9]) if text.isascii() and text.isdecimal() else text.removeprefix("step:")

    @property
    def edits(self) -> tuple[Edit, ...]:
        """What is to be changed; of what is not taken over any more, nothing."""
        known = {offer.target for offer in self.query_one(OfferList).offers}
        return tuple(
            Edit(target, text.encode("utf-8", "replace")) for target, text in self.changed.items() if target in known
        )

    @property
    def on_disk(self) -> bool:
        """Whether it is to run on the code on disk."""
        return self.query_one(CodeChoice).on_disk

    def _wanted(self) -> Wanted:
        return Wanted(self._row.id, self.at, self.edits, on_disk=self.on_disk)

    # -- typing -------------------------------------------------------------------------------------------------------
    def on_input_changed(self, event: Input.Changed) -> None:
        """Take what was typed."""
        if event.input.id == "value":
            self._take_value(event.value)
        self._ask()

    def _take_value(self, text: str) -> None:
        offer = self._shown
        if offer is None:
            return
        if text.strip() and text != offer.text:
            self.changed[offer.target] = text.strip()
        else:
            self.changed.pop(offer.target, None)
        self.query_one(OfferList).refresh()

    def _ask(self) -> None:
        self._stop_waiting()
        self._pause = self.set_timer(_PAUSE_S, self._paused)

    def _stop_waiting(self) -> None:
        if self._pause is not None:
            self._pause.stop()
            self._pause = None

    def _paused(self) -> None:
        self._dry.ask()
        self._pause = None

    def action_walk(self, by: int) -> None:
        """Mark another value; typing changes that one."""
        shown = self.query_one(OfferList)
        shown.move_to(max(0, shown.cursor + by))
        self._show_value()

    def action_scroll(self, by: int) -> None:
        """Scroll the plan."""
        self.query_one("#plan", TextPane).scroll_relative(y=by * 3, animate=False, force=True)

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click marks a value."""
        if isinstance(event.view, OfferList):
            event.view.move_to(event.index)
            self._show_value()
            self.query_one("#value", Input).focus()

    def _show_value(self) -> None:
        offer, line = self.query_one(OfferList).selected, self.query_one("#value", Input)
        if offer == self._shown:
            return
        self._shown = offer
        line.disabled = offer is None
        line.placeholder = _placeholder(offer)
        text = "" if offer is None else self.changed.get(offer.target, offer.text)
        with line.prevent(Input.Changed):
            line.value = text
        line.cursor_position = 0

    def on_code_choice_flipped(self) -> None:
        """Other code was chosen."""
        self._ask()

    # -- what it will do ----------------------------------------------------------------------------------------------
    async def _dry_run(self) -> None:
        try:
            point = fork_point(self._row.id, self._history, self.at)
        except ForkRefused:  # the plan says so; what lies before may be looked at
            point = None
        except CerebelumError as error:
            self._show_event(0)
            self._refuse(str(error))
            return
        version = point.version if point is not None else max(0, len(self._history) - 1)
        self._show_event(version, before=point.step if point is not None else "")
        try:
            await self._show_offers(version)
            if self.on_disk:
                self._show_lines(pieces_of("trying the code on disk …"))
            plan = await planned(self._cerebelum, self._wanted())
        except CerebelumError as error:
            self._refuse(str(error))
            return
        if plan is not None:
            self._show_plan(plan)
        else:
            self._refuse(self._cerebelum.trouble)

    async def _show_offers(self, version: int) -> None:
        if version == self._offered_at:
            return
        prefix = self._history[:version]

        async def work(engine: Engine) -> Sequence[Offer]:
            return offers(engine, prefix) if prefix else ()

        found = await self._cerebelum.read(work)
        if found is not None:
            self._offered_at = version
            self.query_one(OfferList).show_offers(found, self.changed)
            self._show_value()

    def _show_event(self, version: int, *, before: str = "") -> None:
        text = ""
        if 1 <= version <= len(self._history):
            what = f"{self._history[version - 1].type}  {self._index.summary(version)}".rstrip()
            text = f"before {before} runs, behind event {version}" if before else what
        self.query_one("#event", Static).update(
            Text(visible(mask_text(text), keep_newlines=False), style(self.app.theme, "dim"), no_wrap=True)
        )

    def _show_plan(self, plan: ForkPlan) -> None:
        self.plan, self.problem = plan, ""
        if self.query("#plan"):
            self._show_lines([*plan_lines(plan, recorded_code=self._row.code), *self._hint(plan)])

    def _hint(self, plan: ForkPlan) -> list[Line]:
        """Say what one most likely wants where a step has failed for good: else the fork fails as the original did."""
        failed = next((offer for offer in self.query_one(OfferList).offers if offer.version == plan.version), None)
        if failed is None or not failed.failed or failed.target in self.changed:
            return []
        step = failed.target.partition("#")[0]
        return [[], [Piece(f"{step} has failed there: give it a result above, or fork before it: at {step}", "accent")]]

    def _refuse(self, text: str) -> None:
        self.plan, self.problem = None, text
        if self.query("#plan"):
            first, _, rest = mask_text(text).partition("\n")
            self._show_lines([*pieces_of(f"✗ {first}", "bad"), *(pieces_of(rest, "text") if rest else [])])

    def _show_lines(self, lines: list[Line]) -> None:
        self._lines = lines
        pane = self.query_one("#plan", TextPane)
        width = max(1, pane.size.width - 1)
        pane.show([part for line in lines for part in wrapped(line, width)])

    def on_resize(self) -> None:
        """Break the lines anew."""
        self.call_after_refresh(lambda: self._show_lines(self._lines) if self.query("#plan") else None)

    # -- doing it -----------------------------------------------------------------------------------------------------
    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a line forks."""
        event.stop()
        self.action_fork()

    def action_fork(self) -> None:
        """Fork, once what was typed last was taken."""
        if not self.is_forking and self._is_read:
            self.is_forking = True
            begin(self, self._fork, name="fork", group="fork")

    async def _fork(self) -> None:
        made: list[str] = []

        async def work(engine: Engine) -> None:
            made.append(await written(self._cerebelum, engine, self._wanted()))

        try:
            self._stop_waiting()
            await self._dry_run()  # of what was typed last; where it is refused, it says more than the write would
            refused = self.problem or await self._cerebelum.write(work)
        finally:
            self.is_forking = False
        if refused:
            self._refuse(refused)
        elif made and self.is_attached:
            self.dismiss(made[0])

    def action_leave(self) -> None:
        """Close; nothing was written."""
        if not self.is_forking:
            self.dismiss("")


def _placeholder(offer: Offer | None) -> str:
    if offer is None:
        return "nothing that could be changed is taken over"
    if offer.is_secret:
        return "it holds a secret and is not shown; a whole value, as JSON, takes its place"
    return "it failed; a result, as JSON, and it is not run" if offer.failed else "as it was; JSON changes it"
