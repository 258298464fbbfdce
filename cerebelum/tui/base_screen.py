"""What both screens have: the last line, the prompt, the page of keys, commands after `:`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.dialogs import Help
from cerebelum.tui.prompt import Prompt
from cerebelum.tui.status_line import StatusLine

if TYPE_CHECKING:
    from cerebelum.tui.app import CerebelumApp

Keys = Sequence[tuple[str, str]]  # (keys as people read them, what they do)


def first_line(error: Exception) -> str:
    """Return what an error says, without its advice for a command line."""
    return str(error).partition("\n")[0]


class BaseScreen(Screen[None]):
    """A full screen. Its keys are told once, in `KEY_PAGE`: a test presses every one of them."""

    AUTO_FOCUS = ""
    KEY_PAGE: ClassVar[Sequence[tuple[str, Keys]]] = ()
    KEY_PAGE_TITLE: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "show_help", "Show all keys"),
        Binding("colon", "ask_command", "Type a command"),
        Binding("q", "leave", "Leave"),
    ]

    @property
    def cerebelum(self) -> CerebelumApp:
        """The application."""
        from cerebelum.tui.app import CerebelumApp

        app = self.app
        assert isinstance(app, CerebelumApp)
        return app

    @property
    def status(self) -> StatusLine:
        """The last line."""
        return self.query_one(StatusLine)

    @property
    def prompt(self) -> Prompt:
        """The line above it."""
        return self.query_one(Prompt)

    @property
    def is_still(self) -> bool:
        """Whether everything asked for is read and shown."""
        return True

    @property
    def is_there(self) -> bool:
        """Whether its parts are on the screen. What was begun may go on after it was left, and finds none."""
        return bool(self.query(StatusLine))

    def call_after_refresh(self, callback: Callable[..., Any], *args: Any, **options: Any) -> bool:
        """Call back when what is shown now is on the terminal; never where the screen was left by then."""
        return super().call_after_refresh(lambda: callback(*args, **options) if self.is_there else None)

    def news(self) -> None:
        """Somebody may have written to the store."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        """Say a sentence in the last line."""
        if self.is_there:
            self.status.say(text)

    def refuse(self, text: str) -> None:
        """Say why nothing was done."""
        if self.is_there:
            self.status.say(f"✗ {text}", "bad")

    def show_trouble(self, text: str) -> None:
        """Say what the store answered; "" when it is well again."""
        if self.is_there:  # else it will be told when it is composed
            self.status.show_trouble(f"✗ {text}; what is shown may be old, trying again" if text else "")

    def commands(self) -> Iterable[tuple[str, str, str]]:
        """Yield (key, meaning, action) of each binding, for the palette."""
        for binding in self._bindings.key_to_bindings.values():
            for each in binding:
                if each.description and each.action != "leave":
                    yield each.key, each.description, each.action

    def action_show_help(self) -> None:
        """Lay the page of keys over the screen."""
        self.app.push_screen(Help(self.KEY_PAGE_TITLE, self.KEY_PAGE))

    def action_ask_command(self) -> None:
        """Ask for a command."""
        self.prompt.ask("command", ":", "goto ID · filter TEXT · theme light|dark · help · quit")

    async def action_leave(self) -> None:
        """Go back to the screen below; from the first one, end."""
        if len(self.app.screen_stack) > 2:  # Textual's own blank screen lies under all
            await self.app.pop_screen()
        else:
            self.app.exit()

    async def run_command(self, text: str) -> None:
        """Do what was typed after `:`; a screen does its own commands first."""
        from cerebelum.engine.application.query import resolve_id

        name, _, rest = text.partition(" ")
        rest = rest.strip()
        if name in ("q", "quit"):
            self.app.exit()
        elif name == "help":
            self.action_show_help()
        elif name == "theme" and rest in ("light", "dark"):
            self.app.theme = f"cerebelum-{rest}"
        elif name == "goto" and rest:
            try:
                found = await self.cerebelum.read(lambda engine: resolve_id(engine, rest))
            except CerebelumError as error:
                self.refuse(first_line(error))
                return
            if found is not None:
                await self.cerebelum.open_replay(found)
        elif name:
            self.refuse(
                f"no command {visible(text, keep_newlines=False)!r}: goto ID, filter TEXT, theme light, help, quit"
            )
