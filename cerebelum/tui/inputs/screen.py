"""Inputs: what waits for people, in all open executions, the longest wait first; enter opens the form."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from cerebelum.engine.application import inputs
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.errors_inputs import InputRefused
from cerebelum.engine.domain.form import Choice, Fault, Form
from cerebelum.engine.domain.projection_inputs import OpenInput
from cerebelum.engine.domain.typed_answers import hint_of
from cerebelum.engine.domain.words import clock
from cerebelum.engine.runtime.masking import mask_text
from cerebelum.tui.base_screen import Keys
from cerebelum.tui.inputs.form import Draft, InputForm
from cerebelum.tui.lines import Line, Piece
from cerebelum.tui.list_screen import EVERYWHERE_KEYS, WALK_KEYS, ListScreen
from cerebelum.tui.tables import Column, Row
from cerebelum.tui.themes import Ink
from cerebelum.tui.wrapping import wrapped

_YEAR = len("2026-")
_CHOICES_SHOWN = 20
_DRAFTS_MOST = 50

Key = tuple[str, int]  # execution, number


class InputsScreen(ListScreen):
    """What waits for people."""

    KEY_PAGE_TITLE = "Inputs"
    KEY_PAGE: ClassVar[Sequence[tuple[str, Keys]]] = (
        ("Walk", (*WALK_KEYS, ("enter", "open the form"), ("o", "open the replay of the execution"))),
        ("In the form", (("tab shift+tab", "next field, previous"), ("enter", "next field; opens choices"),
                         ("space", "chooses"), ("^s", "send the answer"), ("esc", "back; what was typed stays"))),
        ("Act", (("y", "copy the id of the execution"),)),
        ("Everywhere", EVERYWHERE_KEYS),
    )  # fmt: skip
    COLUMNS: ClassVar[Sequence[Column]] = (
        Column("INPUT", most=24),
        Column("PROMPT", most=60, takes_rest=True),
        Column("WORKFLOW", most=24, rank=2),
        Column("ID", most=41, rank=4),
        Column("ASKED", rank=1),
        Column("UNTIL", rank=3),
    )
    STATUS_KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("enter", "answer"), ("o", "replay"), ("y", "copy id"), ("?", "help"), ("q", "back"), (":", "command"),
    )  # fmt: skip
    NOTHING = "nothing waits for people"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "open_replay", "Open the replay of the execution"),
        Binding("y", "copy", "Copy the id of the execution"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[Key, OpenInput] = {}
        self.drafts: dict[Key, Draft] = {}

    @property
    def selected(self) -> OpenInput | None:
        """The input under the cursor."""
        key = self.table.selected
        return self.asked.get(key) if isinstance(key, tuple) else None

    async def read_rows(self) -> bool:
        """Read what waits."""
        found = await self.cerebelum.read(inputs.pending_inputs)
        if found is None:
            return False
        self.asked = {(one.execution_id, one.number): one for one in found}
        self.table.show_rows(Row(key, _cells(one)) for key, one in self.asked.items())
        form = self.app.screen
        if isinstance(form, InputForm) and form.key not in self.asked:
            form.say_gone()
        return True

    def heading(self) -> Sequence[tuple[str, Ink]]:
        """Return how many wait."""
        parts: list[tuple[str, Ink]] = [("inputs", "strong"), (f"  {self.cerebelum.store_name}", "dim")]
        if self.has_read:
            parts.append((f"  ⇣ {len(self.asked):,} {'waits' if len(self.asked) == 1 else 'wait'}", "wait"))
        return parts

    def preview(self) -> Sequence[Line]:
        """Return the prompt and the form."""
        one = self.selected
        if one is None:
            return []
        width = self.query_one("#preview").scrollable_content_region.width
        lines: list[Line] = [[Piece(one.name, "strong"), Piece(f"  {_kind(one.form)}", "dim")]]
        lines += wrapped(mask_text(one.prompt), width) if one.prompt else []
        until = f", until {clock(one.due_us)}" if one.due_us is not None else ""
        step = f", step {one.step}" if one.step else ""
        lines += [
            [Piece(one.execution_id), Piece(f"  {one.workflow}{step}", "dim")],
            [Piece(f"asked {clock(one.since_us)}{until}", "dim")],
            [],
        ]
        return lines + _form_lines(one.form)

    # -- answering ----------------------------------------------------------------------------------------------------
    async def open_selected(self) -> None:
        """Open the form."""
        one = self.selected
        if one is not None:
            key = (one.execution_id, one.number)
            form = InputForm(one, lambda answer: self._send(one, answer), self.drafts.get(key))
            await self.app.push_screen(form, lambda sent: self._form_closed(key, form, sent))

    def _form_closed(self, key: Key, form: InputForm, sent: str | None) -> None:
        if sent is None:
            while len(self.drafts) >= _DRAFTS_MOST:
                del self.drafts[next(iter(self.drafts))]
            self.drafts[key] = form.draft()
            return
        self.drafts.pop(key, None)
        self.say(sent)
        self.news()

    async def _send(self, one: OpenInput, answer: Any) -> tuple[str, Sequence[Fault], str]:
        """Return why the answer was refused with the faults, or what became of it."""
        faults: list[Fault] = []
        told = ""

        async def work(engine: Engine) -> None:
            nonlocal told
            try:
                told = await inputs.provide_input(
                    engine, one.execution_id, one.name, answer, by=_me(), number=one.number
                )
            except InputRefused as refused:
                faults.extend(refused.faults)
                raise

        refused = await self.cerebelum.write(work)
        if refused:
            return refused, faults, ""
        what = "answered" if told == "accepted" else "stored, no node has taken it yet: the answer to"
        return "", (), f"{what} input {one.name} of {one.execution_id}"

    # -- keys ---------------------------------------------------------------------------------------------------------
    async def action_open_replay(self) -> None:
        """Open the replay of the execution that asks."""
        if (one := self.selected) is not None:
            await self.cerebelum.open_replay(one.execution_id)

    def action_copy(self) -> None:
        """Copy the id of the execution."""
        if (one := self.selected) is not None:
            self.app.copy_to_clipboard(one.execution_id)
            self.say(f"copied {one.execution_id}")


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "tui"


def _cells(one: OpenInput) -> Sequence[tuple[str, Ink]]:
    return (
        (one.name, "strong"),
        (" ".join(mask_text(one.prompt).split()), "text"),
        (one.workflow, "dim"),
        (one.execution_id, "text"),
        (clock(one.since_us)[_YEAR:], "dim"),
        (clock(one.due_us)[_YEAR:], "wait"),
    )


def _kind(form: Form) -> str:
    return {"single_choice": "one choice", "multi_choice": "several choices"}.get(
        form.type, "form" if form.fields else "any JSON" if form.schema is None else "JSON by a schema"
    )


def _form_lines(form: Form) -> list[Line]:
    lines: list[Line] = [_choice(choice) for choice in form.choices[:_CHOICES_SHOWN]]
    for one in form.fields:
        lines.append(
            [Piece("* " if one.required else "  ", "wait"), Piece(one.label or one.name), Piece(f"  {one.type}", "busy"),
             Piece(f"  {hint_of(one)}", "dim")]
        )  # fmt: skip
        lines += [_choice(choice) for choice in one.options[:_CHOICES_SHOWN]]
    return lines


def _choice(choice: Choice) -> Line:
    return [Piece("    · ", "dim"), Piece(choice.shown)]
