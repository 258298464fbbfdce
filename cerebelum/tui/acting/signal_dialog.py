"""Asks for a signal's name and value. What is refused is said in the dialog, and what was typed stays."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

import msgspec
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from cerebelum.engine.application import control, query
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.base_screen import first_line
from cerebelum.tui.dialogs import BOX
from cerebelum.tui.text_line import TextLine
from cerebelum.tui.themes import style
from cerebelum.tui.workers import begin

if TYPE_CHECKING:
    from cerebelum.tui.app import CerebelumApp

_NAMED = 5  # signals that are waited for, in the dialog


class SignalDialog(ModalScreen[str]):
    """Closes with what was done, as a sentence; with "" where nothing was."""

    AUTO_FOCUS = "#name"
    DEFAULT_CSS = f"""
    SignalDialog {{ {BOX} }}
    SignalDialog Vertical {{ width: 72; max-width: 100%; height: auto; padding: 1 2; background: $surface;
                            border: round $accent; border-title-color: $accent; }}
    SignalDialog Horizontal {{ height: 1; }}
    SignalDialog .label {{ width: 8; color: $dim; }}
    SignalDialog Static {{ height: auto; }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave it")]

    def __init__(self, row: ExecutionRow) -> None:
        super().__init__()
        self._row = row
        self.said = ""  # why it was refused

    @property
    def _cerebelum(self) -> CerebelumApp:
        from cerebelum.tui.app import CerebelumApp

        app = self.app
        assert isinstance(app, CerebelumApp)
        return app

    def compose(self) -> ComposeResult:
        """Two lines to type into, and what there is to say."""
        theme = self.app.theme
        with Vertical() as box:
            box.border_title = "signal"
            yield Static(Text(visible(self._row.id, keep_newlines=False), style=style(theme, "strong")))
            yield Static(id="waits", markup=False)
            yield Static()
            with Horizontal():
                yield Static("name", classes="label")
                yield TextLine(id="name", placeholder="approve")
            with Horizontal():
                yield Static("value", classes="label")
                yield TextLine(id="value", placeholder='JSON: true, 5, "text", {"by": "ann"}')
            yield Static()
            yield Static(id="said", markup=False)
            yield Static(
                Text.assemble(
                    ("enter", style(theme, "accent")), " sends it    ", ("tab", style(theme, "accent")),
                    " the other line    ", ("esc", style(theme, "accent")), " leaves it",
                )
            )  # fmt: skip

    def on_mount(self) -> None:
        """Look what it waits for."""
        begin(self, self._look, name="waits")

    async def _look(self) -> None:
        try:
            view = await self._cerebelum.read(lambda engine: query.get_execution(engine, self._row.id))
        except CerebelumError as error:
            self._refuse(first_line(error))
            return
        names = [] if view is None else [wait.name for wait in view.state.open.values() if wait.kind == "signal"]
        if not names or not self.query("#waits"):
            return
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        waits = visible(f"it waits for {', '.join(names[:_NAMED])}{more}", keep_newlines=False)
        self.query_one("#waits", Static).update(Text(waits, style=style(self.app.theme, "wait")))
        name = self.query_one("#name", Input)
        if not name.value and visible(names[0], keep_newlines=False) == names[0]:
            name.value = names[0]
            self.query_one("#value", Input).focus()

    def _refuse(self, text: str) -> None:
        self.said = visible(text, keep_newlines=False)
        if self.query("#said"):
            self.query_one("#said", Static).update(
                Text(f"✗ {self.said}\n" if text else "", style=style(self.app.theme, "bad"))
            )

    def on_input_changed(self) -> None:
        """What was wrong is being mended."""
        self._refuse("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Send it."""
        event.stop()
        name, text = self.query_one("#name", Input).value.strip(), self.query_one("#value", Input).value.strip()
        if not name:
            self._refuse("a signal has a name")
            return
        try:
            value = msgspec.json.decode(text) if text else None
        except (msgspec.DecodeError, UnicodeEncodeError):
            self._refuse(f'{text!r} is not JSON: text has its quotes, "{text}"')
            return
        begin(self, partial(self._send, name, value), name="send", group="send", only=True)

    async def _send(self, name: str, value: object) -> None:
        async def work(engine: Engine) -> None:
            await control.signal(engine, self._row.id, name, value, sender="tui")

        refused = await self._cerebelum.write(work)
        if refused:
            self._refuse(refused)
        elif self.is_attached:
            self.dismiss(f"sent signal {name!r} to {self._row.id}")

    def action_leave(self) -> None:
        """Close; nothing was sent."""
        self.dismiss("")
