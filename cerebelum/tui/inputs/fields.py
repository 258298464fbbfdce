"""One field of a form: its label, where it is filled in, and below it what is wrong with that.

What a field holds is read as text or as the number of a choice, never as the choice's value: values of JSON such as 1 and
true are equal to Python, and lists have no hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.segment import Segment
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, Label, Select, SelectionList, TextArea
from textual.widgets.selection_list import Selection

from cerebelum.engine.domain.form import Choice, Field, Form
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.domain.typed_answers import hint_of, json_value, parsed

LEFT_OUT = object()
_PLACEHOLDERS = {"date": "YYYY-MM-DD", "number": "a number"}
_LABEL_CHARS = 60
_SHOWN_MOST = 10  # lines of a list of choices; it scrolls
Raw = str | int | tuple[int, ...] | None


def safe(text: str) -> Content:
    """Return a user's text for a widget: no markup, no control."""
    return Content(visible(text, keep_newlines=False))


def _one_line(choice: Choice) -> Content:
    text = choice.shown
    return safe(text if len(text) <= _LABEL_CHARS else f"{text[: _LABEL_CHARS - 1]}…")


class Ticks(SelectionList[int]):
    """A list of choices in which a tick is a sign: Textual's own has one at each, and tells them apart by colour."""

    def render_line(self, y: int) -> Strip:
        """Return a line, without the sign where it is not chosen."""
        segments = list(super().render_line(y))
        index = y + round(self.scroll_offset.y)
        if index < self.option_count and self.get_option_at_index(index).value not in self.selected:
            left, (_, look, _), *rest = segments
            segments = [left, Segment(" ", look), *rest]
        return Strip(segments)


class FieldBox(Vertical):
    """One field. `name` "" stands for the whole answer, where the form has no fields."""

    DEFAULT_CSS = """
    FieldBox { height: auto; margin-bottom: 1; }
    FieldBox .label { color: $foreground; width: 1fr; height: auto; text-style: bold; }
    FieldBox .fault { color: $error; width: 1fr; height: auto; display: none; }
    FieldBox.wrong .fault { display: block; }
    FieldBox Input { background: $panel; border: none; border-left: thick $faint; height: 1; padding: 0 1; }
    FieldBox Input:focus { border: none; border-left: thick $accent; }
    FieldBox TextArea { height: 6; background: $panel; border: none; border-left: thick $faint; padding: 0 1; }
    FieldBox TextArea:focus { border: none; border-left: thick $accent; }
    FieldBox SelectionList { height: auto; background: $panel; border: none; border-left: thick $faint; padding: 0 1; }
    FieldBox SelectionList:focus { border: none; border-left: thick $accent; }
    FieldBox Select > SelectCurrent { background: $panel; border: none; border-left: thick $faint; padding: 0 1; }
    FieldBox Select { height: auto; }
    FieldBox Select > SelectCurrent { height: 1; }
    FieldBox Select:focus > SelectCurrent { border: none; border-left: thick $accent; }
    FieldBox Select > SelectOverlay { border: round $accent; background: $surface; }
    FieldBox.wrong Input, FieldBox.wrong TextArea, FieldBox.wrong SelectCurrent, FieldBox.wrong SelectionList {
        border-left: thick $error;
    }
    """

    def __init__(self, one: Field, *, choices: Sequence[Choice] = (), is_many: bool = False, raw: Raw = None) -> None:
        super().__init__()
        self.field, self._is_many, self._raw = one, is_many, raw
        self._choices = tuple(choices)
        if one.type == "boolean":
            self._choices = (Choice(True, "yes"), Choice(False, "no"))
        self.fault = ""
        self._wrong: Raw = None  # what the fault is about

    def compose(self) -> ComposeResult:
        """Label, where it is filled in, and what is wrong."""
        hint = hint_of(self.field) if self.field.name and not self._choices else ""
        if self._choices and not self.field.required and self.field.name:
            hint = "may be left out"
        label = self.field.label or self.field.name
        star = "* " if self.field.required else ""
        yield Label(Content.assemble(f"{star}{visible(label, keep_newlines=False)}",
                                     (f"  {visible(hint, keep_newlines=False)}" if hint else "", "$dim not bold")),
                    classes="label")  # fmt: skip
        yield self._entry()
        yield Label("", classes="fault", markup=False)

    def _entry(self) -> Widget:
        raw = self._raw
        if self._is_many:
            ticked = raw if isinstance(raw, tuple) else ()
            many = Ticks(
                *(Selection(_one_line(choice), index, index in ticked) for index, choice in enumerate(self._choices)),
            )
            many.styles.max_height = _SHOWN_MOST
            return many
        if self._choices:
            options = [(_one_line(choice), index) for index, choice in enumerate(self._choices)]
            begin = {"value": raw} if isinstance(raw, int) and raw < len(options) else {}
            return Select(options, prompt="choose", **begin)  # type: ignore[arg-type]
        text = raw if isinstance(raw, str) else ""
        if self.field.type == "json":
            return TextArea(text, show_line_numbers=False, placeholder="JSON")
        return Input(text, placeholder=_PLACEHOLDERS.get(self.field.type, ""), select_on_focus=False)

    @property
    def entry(self) -> Widget:
        """What takes the keys."""
        return self.query_one("Input, TextArea, Select, SelectionList")

    def raw(self) -> Raw:
        """Return what was typed or chosen, so that it can be put there again."""
        match self.entry:
            case Input() as entry:
                return entry.value
            case TextArea() as entry:
                return entry.text
            case SelectionList() as entry:
                return tuple(sorted(entry.selected))
            case Select() as entry:
                return entry.value if isinstance(entry.value, int) and not isinstance(entry.value, bool) else None
        return None

    def value(self) -> Any:
        """Return the answer that it stands for; `LEFT_OUT` for none.

        Raises:
            ValueError: it cannot be understood; says what would be.
        """
        raw = self.raw()
        if isinstance(raw, tuple):
            return [self._choices[index].value for index in raw]
        if isinstance(raw, int):
            return self._choices[raw].value
        text = (raw or "").strip()
        if not text:
            return LEFT_OUT
        return json_value(text) if self.field.type == "json" else parsed(self.field, text)

    def forget_fault(self) -> None:
        """Take back what was said, once something else stands there."""
        if self.fault and self.raw() != self._wrong:
            self.show_fault("")

    def show_fault(self, text: str) -> None:
        """Say what is wrong; "" for nothing."""
        self.fault, self._wrong = visible(text, keep_newlines=False), self.raw()
        self.set_class(bool(text), "wrong")
        self.query_one(".fault", Label).update(f"✗ {self.fault}" if text else "")


def boxes_of(form: Form, draft: dict[str, Raw]) -> list[FieldBox]:
    """Return the fields of a form."""
    if form.type in ("single_choice", "multi_choice"):
        is_many = form.type == "multi_choice"
        one = Field(
            name="", type="select", label="choose any number" if is_many else "choose one", required=not is_many
        )
        return [FieldBox(one, choices=form.choices, is_many=is_many, raw=draft.get(""))]
    if form.fields:
        return [FieldBox(one, choices=one.options, raw=draft.get(one.name)) for one in form.fields]
    label = "answer (JSON)" if form.schema is None else "answer (JSON that fits the schema)"
    return [FieldBox(Field(name="", type="json", label=label, required=True), raw=draft.get(""))]
