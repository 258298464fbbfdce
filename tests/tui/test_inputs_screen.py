"""What waits for people: the list, the forms by kind of field, and answers that are taken, refused, late."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, Select, TextArea

from cerebelum import wait_for_input, workflow
from cerebelum.engine.application.inputs import provide_input
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.dialogs import Help
from cerebelum.tui.executions.screen import ExecutionsScreen
from cerebelum.tui.inputs.fields import FieldBox
from cerebelum.tui.inputs.form import InputForm
from cerebelum.tui.inputs.screen import InputsScreen
from cerebelum.tui.replay.screen import ReplayScreen
from tests.conftest import urls_of
from tests.engine.world import World
from tests.flows import asking
from tests.flows.travelled import HOSTILE
from tests.tui.walker import Walker, make_app

FIELDS: list[dict[str, Any]] = [
    {
        "name": "item",
        "type": "select",
        "options": [{"value": 1, "label": "[b]one[/b]"}, {"value": True}, [1]],
        "required": True,
    },
    {"name": "why", "label": "Why do you need it?", "type": "text", "required": True, "max_length": 10},
    {"name": "count", "type": "number", "min": 1, "max": 3, "integer": True},
    {"name": "urgent", "type": "boolean"},
    {"name": "by", "type": "date", "min": "2026-01-01"},
]


@workflow
async def asks_for_all_kinds() -> Any:
    return await wait_for_input("all", form=FIELDS, prompt="What do you [b]need[/b]?\nPlease.")


@workflow
async def asks_with_hostile_words(text: str = HOSTILE) -> Any:
    fields: list[dict[str, Any]] = [
        {"name": f"f{text}", "type": "select", "options": [text, f"[red]{text}"]},
        {"name": "t", "label": text},
    ]
    return await wait_for_input(f"in{text}", form=fields, prompt=text)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store of both kinds that processes share."""
    return urls_of(request, tmp_path)()


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    """An empty store in a file."""
    return f"sqlite:///{tmp_path}/asks.db"


def inputs_of(walker: Walker) -> InputsScreen:
    screen = walker.app.screen
    assert isinstance(screen, InputsScreen)
    return screen


def form_of(walker: Walker) -> InputForm:
    screen = walker.app.screen
    assert isinstance(screen, InputForm)
    return screen


def box(walker: Walker, name: str) -> FieldBox:
    return next(each for each in form_of(walker)._boxes if each.field.name == name)


def faults(walker: Walker) -> dict[str, str]:
    return {each.field.name: each.fault for each in form_of(walker)._boxes if each.fault}


def is_listed(walker: Walker) -> Callable[[], bool]:
    return lambda: isinstance(walker.app.screen, InputsScreen)


def put(walker: Walker, **texts: str) -> None:
    """Put texts where they are typed."""
    for name, text in texts.items():
        entry = box(walker, name).entry
        assert isinstance(entry, Input)
        entry.value = text


async def fill_in_wrongly(walker: Walker) -> None:
    """Choose the second item, and type too much, no number and no date."""
    await walker.press("enter")
    assert "[b]one[/b]" in walker.text()
    await walker.press("down", "down", "enter", "tab")
    await type_text(walker, "much too long")
    await walker.press("tab")
    assert faults(walker) == {"why": "it has 13 characters; 10 are allowed"}
    await type_text(walker, "few")
    await walker.press("tab", "tab")
    await type_text(walker, "soon")


async def correct_json(walker: Walker) -> None:
    """Type what is no JSON, then what breaks the schema, then what fits it."""
    await type_text(walker, "{no")
    await walker.press("ctrl+s")
    assert "it is not JSON" in faults(walker)[""]
    entry = box(walker, "").entry
    assert isinstance(entry, TextArea)
    entry.text = '{"n": 0}'
    await walker.press("ctrl+s")
    assert faults(walker)[""].startswith("n: ")
    entry.text = '{"n": 3}'
    await walker.press("ctrl+s")


async def type_text(walker: Walker, text: str) -> None:
    await walker.press(*(" " if sign == " " else sign for sign in text))


async def test_a_form_is_answered_and_the_flow_completes(url: str) -> None:
    """W8: the form's fields are filled in with keys alone, the answer is sent, and the flow ends with it."""
    world = await World.open(url)
    try:
        handle = await world.client.start(asking.asks_for_equipment)
        await world.until_status(handle, "waiting")
        async with Walker.at(make_app(url)) as walker:
            await walker.press("i")
            assert "⇣ 1 waits" in walker.text("#heading")
            assert "What do you need?" in walker.text("#preview")
            await walker.press("enter")
            assert "input equipment" in walker.text()
            await walker.press("enter", "down", "down", "enter")  # opens the choices, and takes the second
            await walker.press("tab")
            await type_text(walker, "mine is broken")
            await walker.press("enter", "enter", "down", "enter", "ctrl+s")
            await walker.until(is_listed(walker))
            await walker.until(lambda: walker.said == f"answered input equipment of {handle.id}")
            assert await handle.result(20) == {
                "equipment_type": "monitor", "justification": "mine is broken", "urgent": True,
            }  # fmt: skip
            await walker.until(lambda: not inputs_of(walker).asked)
            assert "nothing waits for people" in walker.text("#columns")
            await walker.press("enter", "o", "y", "j")
        answered = (await handle.describe()).state.inputs
        assert [bool(one.by) for one in answered.values()] == [True]
    finally:
        await world.close()


async def test_every_kind_of_field_and_what_is_wrong_with_each(file_url: str) -> None:
    """W8, C13: each fault stands beside its field in the engine's words, what was typed stays, and is then corrected."""
    world = await World.open(file_url)
    try:
        handle = await world.client.start(asks_for_all_kinds)
        await world.until_status(handle, "waiting")
        async with Walker.at(make_app(file_url), (80, 24)) as walker:
            await walker.press("i", "enter")
            assert "What do you [b]need[/b]?" in walker.text()
            await walker.press("ctrl+s")
            assert faults(walker) == {"item": "it is required", "why": "it is required"}
            await fill_in_wrongly(walker)
            await walker.press("ctrl+s")
            assert faults(walker) == {
                "why": "it has 13 characters; 10 are allowed", "count": "it must be a number",
                "by": "it must be a date such as 2026-01-31, not 'soon'",
            }  # fmt: skip
            assert "✗ it has 13 characters" in walker.text()
            assert walker.app.focused is box(walker, "why").entry
            await walker.press("backspace")
            assert "why" not in faults(walker)
            entries = [box(walker, name).entry for name in ("why", "count", "by")]
            assert [entry.value for entry in entries if isinstance(entry, Input)] == ["much too lon", "few", "soon"]
            put(walker, why="broken", count="4", by="2025-12-31")
            await walker.press("ctrl+s")
            assert faults(walker) == {
                "count": "it is 4; the most is 3",
                "by": "it is 2025-12-31; the earliest is 2026-01-01",
            }
            put(walker, count="2", by="2026-12-01")
            await walker.press("ctrl+s")
            await walker.until(is_listed(walker))
        answer = await handle.result(20)
        assert answer == {"item": True, "why": "broken", "count": 2, "urgent": None, "by": "2026-12-01"}
        assert answer["item"] is True  # and not the choice 1, which Python holds to be equal
    finally:
        await world.close()


async def test_choices_and_json(file_url: str) -> None:
    """W8: one choice, several, and JSON where there is no form; an answer that breaks the schema is told where."""
    world = await World.open(file_url)
    try:
        flows = (asking.asks_for_a_choice, asking.asks_for_choices, asking.asks_by_schema, asking.asks_anything)
        handles = [await world.client.start(flow) for flow in flows]
        for handle in handles:
            await world.until_status(handle, "waiting")
        async with Walker.at(make_app(file_url)) as walker:
            await walker.press("i")
            assert [one.name for one in inputs_of(walker).asked.values()] == ["rating", "tags", "number", "approval"]
            await walker.press("home", "enter", "ctrl+s")
            assert faults(walker) == {"": "it is required"}
            await walker.press("enter", "down", "down", "enter", "ctrl+s")
            await walker.until(is_listed(walker))
            assert await handles[0].result(20) == 5

            await walker.until(lambda: len(inputs_of(walker).asked) == 3)
            await walker.press("home", "enter")
            assert "X" not in walker.text("SelectionList")
            await walker.press("space", "down", "down", "space")
            assert walker.text("SelectionList").count("X") == 2
            await walker.press("ctrl+s")
            await walker.until(is_listed(walker))
            assert await handles[1].result(20) == ["red", "blue"]

            await walker.until(lambda: len(inputs_of(walker).asked) == 2)
            await walker.press("home", "enter")
            assert '"minimum": 1' in walker.text("#schema")
            await correct_json(walker)
            await walker.until(is_listed(walker))
            assert await handles[2].result(20) == {"n": 3}

            await walker.until(lambda: len(inputs_of(walker).asked) == 1)
            await walker.press("home", "enter", "ctrl+s")
            assert faults(walker) == {"": "it is required"}
            await type_text(walker, "null")
            await walker.press("tab", "enter")  # the button
            await walker.until(is_listed(walker))
            assert await handles[3].result(20) is None
    finally:
        await world.close()


async def test_a_second_and_a_late_answer_are_refused(file_url: str) -> None:
    """W8, C17: who was slower is told so while the form is open, and again when it is sent; nothing is changed."""
    world = await World.open(file_url)
    try:
        first = await world.client.start(asking.asks_anything)
        await world.until_status(first, "waiting")
        async with Walker.at(make_app(file_url)) as walker:
            await walker.press("i", "enter", *"5")
            await provide_input(world.engine, first.id, "approval", "theirs", by="ana")
            assert await first.result(20) == "theirs"
            await walker.until(lambda: "no longer open" in form_of(walker).told)
            await walker.press("ctrl+s")
            await walker.until(lambda: "answered already by ana" in form_of(walker).told)
            await walker.press("escape")
            assert isinstance(walker.app.screen, InputsScreen)
    finally:
        await world.close()


async def test_a_late_answer_never_reaches_the_next_question_of_the_same_name(file_url: str) -> None:
    """C17, W8: two inputs of one name, one after the other: what was typed for the first is not taken for the second."""
    world = await World.open(file_url)
    try:
        handle = await world.client.start(asking.asks_twice)
        await world.until_status(handle, "waiting")
        async with Walker.at(make_app(file_url)) as walker:
            await walker.press("i", "enter", *"5")
            await provide_input(world.engine, handle.id, "same", "first", by="ana")
            await world.until(handle, lambda view: len(view.state.inputs) == 2)
            await walker.press("ctrl+s")
            await walker.until(lambda: "answered already by ana" in form_of(walker).told)
            await walker.press("escape")
            assert await provide_input(world.engine, handle.id, "same", "second") == "accepted"
            assert await handle.result(20) == ["first", "second"]
    finally:
        await world.close()


async def test_an_answer_while_nobody_runs_is_stored(file_url: str) -> None:
    """W8: without a node the answer is kept, and that is said."""
    world = await World.open(file_url)
    handle = await world.client.start(asking.asks_anything)
    await world.until_status(handle, "waiting")
    await world.close()
    async with Walker.at(make_app(file_url)) as walker:
        await walker.press("i", "enter", *"7", "ctrl+s")
        await walker.until(is_listed(walker))
        await walker.until(lambda: bool(walker.said))
        assert "stored, no node has taken it yet" in walker.said


async def test_what_was_typed_stays_when_one_goes_back(file_url: str) -> None:
    """W8: escape closes the list of choices first, then the form; opened again, it holds what was typed and chosen."""
    world = await World.open(file_url)
    try:
        handle = await world.client.start(asks_for_all_kinds)
        await world.until_status(handle, "waiting")
        async with Walker.at(make_app(file_url)) as walker:
            await walker.press("i", "enter", "enter", "down", "down", "enter", "tab", *"abc")
            await walker.press("shift+tab", "enter", "escape")
            assert walker.sees(InputForm)
            await walker.press("escape")
            assert walker.sees(InputsScreen)
            await walker.press("enter")
            item, why = box(walker, "item").entry, box(walker, "why").entry
            assert isinstance(item, Select)
            assert isinstance(why, Input)
            assert (item.value, why.value) == (1, "abc")
            await walker.pilot.click("#back")
            await walker.until(is_listed(walker))
    finally:
        await world.close()


async def test_the_keys_of_the_list(file_url: str) -> None:
    """W8: every key of the list, the commands after a colon, the mouse."""
    world = await World.open(file_url)
    try:
        ids = []
        for flow in (asking.asks_anything, asking.asks_for_a_choice, asks_for_all_kinds):
            handle = await world.client.start(flow)
            ids.append(handle.id)
            await world.until_status(handle, "waiting")
        app = make_app(file_url)
        async with Walker.at(app, (80, 24)) as walker:
            await walker.press(":")
            await walker.enter("inputs")
            table = inputs_of(walker).table
            for key, cursor in (
                ("j", 1), ("down", 2), ("down", 2), ("k", 1), ("up", 0), ("pagedown", 2), ("pageup", 0), ("end", 2),
                ("home", 0),
            ):  # fmt: skip
                await walker.press(key)
                assert (key, table.cursor) == (key, cursor)
            await walker.press("end", "J", "shift+down")
            assert "asked" not in walker.text("#preview").splitlines()[1]
            await walker.press("K", "shift+up", "y")
            assert (walker.said, app.clipboard) == (f"copied {ids[2]}", ids[2])
            await walker.press("o")
            assert walker.sees(ReplayScreen)
            assert walker.replay.past.execution_id == ids[2]
            await walker.press("q", "?")
            assert walker.sees(Help)
            assert "send the answer" in walker.text()
            await walker.press("escape", "T", ":")
            await walker.enter("theme dark")
            await walker.pilot.click("#table", offset=(4, 1))
            await walker.still()
            assert table.cursor == 1
            await walker.pilot.click("#table", offset=(4, 1))
            await walker.until(lambda: walker.sees(InputForm))
            await walker.press("escape")
            for size in ((30, 8), (200, 50), (1, 1)):
                await walker.pilot.resize_terminal(*size)
                await walker.still()
            await walker.press("escape")
            assert walker.sees(ExecutionsScreen)
    finally:
        await world.close()


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_hostile_words_cannot_act(file_url: str, size: tuple[int, int]) -> None:
    """W8: names, labels, choices and prompts with controls and markup are shown as what they are."""
    world = await World.open(file_url)
    try:
        handle = await world.client.start(asks_with_hostile_words)
        await world.until_status(handle, "waiting")
        shown = []
        async with Walker.at(make_app(file_url), size) as walker:
            await walker.press("i")
            shown.append(walker.text())
            await walker.press("enter")
            shown.append(walker.text())
            await walker.press("enter")
            shown.append(walker.text())
            await walker.press("down", "enter", "ctrl+s")
            await walker.until(is_listed(walker))
            await walker.until(lambda: bool(walker.said))
            shown.append(walker.said)
        assert "[red]" in shown[2]
        for text in shown:
            assert "\\x1b[2J" in text
            assert visible(text) == text
    finally:
        await world.close()
