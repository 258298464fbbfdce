"""A form, filled in on the screen: every field by its kind, what is wrong beside it, what was typed kept."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Select, SelectionList, Static, TextArea

from cerebelum.engine.domain.form import Fault, check, check_field
from cerebelum.engine.domain.projection_inputs import OpenInput
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.domain.words import clock
from cerebelum.engine.runtime.masking import mask_text
from cerebelum.tui.inputs.fields import LEFT_OUT, Raw, boxes_of, safe
from cerebelum.tui.workers import begin

Draft = dict[str, Raw]
Send = Callable[[Any], Awaitable[tuple[str, Sequence[Fault], str]]]
_SCHEMA_CHARS = 2_000


class InputForm(ModalScreen[str | None]):
    """Asks for one input's answer; closes with what became of it, None where it was left.

    Args:
        send: gives the answer; returns why it was refused, the faults, and what became of it.
        draft: what was typed before.
    """

    DEFAULT_CSS = """
    InputForm { align: center middle; background: $background 60%; }
    InputForm #box { width: 84; max-width: 100%; height: auto; max-height: 100%; padding: 0 2; background: $surface;
                     border: round $accent; border-title-color: $accent; border-subtitle-color: $dim; }
    InputForm #fields { height: auto; max-height: 1fr; scrollbar-size-vertical: 1; padding-right: 1; }
    InputForm #prompt-text { margin: 1 0 0 0; height: auto; }
    InputForm #about { color: $dim; height: auto; margin-bottom: 1; }
    InputForm #schema { color: $dim; height: auto; margin-bottom: 1; }
    InputForm #buttons { height: 1; margin-bottom: 1; }
    InputForm Button { margin-right: 2; min-width: 10; }
    InputForm #told { height: auto; color: $error; display: none; margin-bottom: 1; }
    InputForm #told.has-text { display: block; }
    InputForm #told.is-good { color: $accent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back; what was typed stays"),
        Binding("ctrl+s", "submit", "Send the answer", priority=True),
    ]

    def __init__(self, asked: OpenInput, send: Send, draft: Draft | None = None) -> None:
        super().__init__()
        self.asked, self._send = asked, send
        self.key = (asked.execution_id, asked.number)
        self._boxes = boxes_of(asked.form, draft or {})
        self.is_sending = False
        self.told = ""

    def compose(self) -> ComposeResult:
        """The question, its fields, and two buttons."""
        asked = self.asked
        with Vertical(id="box") as box:
            box.border_title = safe(f"input {asked.name}").markup
            box.border_subtitle = "tab next field · ^s send · esc back"
            with VerticalScroll(id="fields", can_focus=False):
                if asked.prompt:
                    yield Static(visible(mask_text(asked.prompt)), id="prompt-text", markup=False)
                until = f" · until {clock(asked.due_us)}" if asked.due_us is not None else ""
                yield Static(
                    safe(f"{asked.workflow} · {asked.execution_id} · asked {clock(asked.since_us)}{until}"), id="about"
                )
                if asked.form.schema is not None and not asked.form.fields:
                    schema = json.dumps(asked.form.schema, ensure_ascii=False)[:_SCHEMA_CHARS]
                    yield Static(safe(schema), id="schema")
                yield from self._boxes
            yield Label("", id="told", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Send", id="send", variant="primary", compact=True)
                yield Button("Back", id="back", compact=True)

    def on_mount(self) -> None:
        """Begin with the first field."""
        if self._boxes:
            self._boxes[0].entry.focus()

    def draft(self) -> Draft:
        """Return what was typed and chosen so far, by field."""
        return {box.field.name: box.raw() for box in self._boxes}

    # -- checking -----------------------------------------------------------------------------------------------------
    def _answer(self) -> tuple[Any, list[Fault]]:
        """Return the answer, or what cannot be understood of it."""
        values, faults = dict[str, Any](), list[Fault]()
        for box in self._boxes:
            try:
                values[box.field.name] = box.value()
            except ValueError as error:
                faults.append(Fault(box.field.name, str(error)))
        if not self.asked.form.fields:
            whole = values.get("")
            if whole is LEFT_OUT or (whole is None and not faults and self.asked.form.choices):
                faults.append(Fault("", "it is required"))
            return whole, faults
        return {name: value for name, value in values.items() if value is not LEFT_OUT}, faults

    def show_faults(self, faults: Sequence[Fault]) -> None:
        """Say each beside its field, others below; go to the first field that is wrong."""
        by_field: dict[str, list[str]] = {}
        for fault in faults:
            by_field.setdefault(self._field_of(fault.field), []).append(
                fault.message if fault.field in self._names else str(fault)
            )
        for box in self._boxes:
            box.show_fault("; ".join(by_field.pop(box.field.name, [])))
        self.tell("\n".join(message for messages in by_field.values() for message in messages))
        wrong = next((box for box in self._boxes if box.fault), None)
        if wrong is not None:
            wrong.entry.focus()
            wrong.scroll_visible(animate=False)

    @property
    def _names(self) -> set[str]:
        return {box.field.name for box in self._boxes}

    def _field_of(self, path: str) -> str:
        """Return the field that a fault's path lies in: `items[0].name` belongs to `items`."""
        if not self.asked.form.fields:
            return ""
        head = path.partition(".")[0].partition("[")[0]
        return path if path in self._names else head

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """What is wrong with a field is said, or taken back, as one leaves it."""
        box = next((box for box in self._boxes if any(event.widget is each for each in box.query("*"))), None)
        if box is None or not box.field.name:
            return
        try:
            value = box.value()
        except ValueError as error:
            box.show_fault(str(error))
            return
        if value is LEFT_OUT:
            if box.fault and not box.field.required:
                box.show_fault("")
            return
        found = check_field(self.asked.form, box.field.name, value)
        box.show_fault("; ".join(fault.message for fault in found))

    def tell(self, text: str, *, is_good: bool = False) -> None:
        """Say something below the fields."""
        self.told = visible(text)
        told = self.query_one("#told", Label)
        told.update(self.told)
        told.set_class(bool(text), "has-text")
        told.set_class(is_good, "is-good")

    def say_gone(self) -> None:
        """Say that nobody waits for this answer any more."""
        if not self.is_sending and not self.told:
            self.tell("✗ it is no longer open: somebody answered it, it timed out, or the execution ended")

    # -- keys ---------------------------------------------------------------------------------------------------------
    def action_leave(self) -> None:
        """Go back."""
        if not self.is_sending:
            self.dismiss(None)

    def action_submit(self) -> None:
        """Send the answer, where it fits the form."""
        if self.is_sending:
            return
        answer, faults = self._answer()
        unclear = {fault.field for fault in faults}
        if not unclear or self.asked.form.fields:
            faults += [fault for fault in check(self.asked.form, answer).faults if fault.field not in unclear]
        if faults:
            self.show_faults(faults)
            return
        self.show_faults(())
        self.is_sending = True
        self.tell("sending …", is_good=True)
        begin(self, partial(self._submit, answer), name="send", group="act")

    async def _submit(self, answer: Any) -> None:
        try:
            refused, faults, told = await self._send(answer)
        finally:
            self.is_sending = False
        if not refused:
            self.dismiss(told)
        elif faults:
            self.show_faults(faults)
        else:
            self.tell(f"✗ {refused}")

    @on(Input.Changed)
    @on(TextArea.Changed)
    @on(Select.Changed)
    @on(SelectionList.SelectedChanged)
    def _changed(self, event: Message) -> None:
        """What was wrong may be right now: it is looked at again when one leaves the field."""
        box = next((box for box in self._boxes if any(event.control is each for each in box.query("*"))), None)
        if box is not None:
            box.forget_fault()

    @on(Button.Pressed, "#send")
    def _send_pressed(self) -> None:
        self.action_submit()

    @on(Button.Pressed, "#back")
    def _back_pressed(self) -> None:
        self.action_leave()

    @on(Input.Submitted)
    def _next_field(self) -> None:
        self.focus_next()
