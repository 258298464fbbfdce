"""The fork dialog: every key of it, what it says before it does anything, and what comes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.widgets import Input

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.fork_offers import offers
from cerebelum.engine.domain.editing import place_of
from cerebelum.engine.domain.projection import reconstruct
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.app import CerebelumApp
from cerebelum.tui.executions.screen import ExecutionsScreen
from cerebelum.tui.fork.dialog import ForkDialog
from cerebelum.tui.replay.screen import ReplayScreen
from cerebelum_cli.composition import opened, reading
from tests.engine.world import World
from tests.flows import travelled
from tests.tui.walker import NAMES, Walker, make_app, make_disk

ORDER = "order-1042"


@pytest.fixture
async def walker(store_url: str) -> AsyncIterator[Walker]:
    """Someone before the replay of a failed order, in a small terminal."""
    async with Walker.at(make_app(store_url, ORDER), (80, 24)) as walker:
        yield walker


def dialog(walker: Walker) -> ForkDialog:
    screen = walker.app.screen
    assert isinstance(screen, ForkDialog)
    return screen


def typed(walker: Walker, name: str) -> str:
    return dialog(walker).query_one(name, Input).value


async def put(walker: Walker, name: str, text: str) -> None:
    """Type a text into one of the lines, in place of what is there."""
    line = dialog(walker).query_one(name, Input)
    line.focus()
    await walker.pilot.press("end", *("backspace",) * len(line.value), *(NAMES.get(each, each) for each in text))
    await walker.still()


async def test_the_dry_run_is_shown_at_once(walker: Walker) -> None:
    """E15, W7: it begins at the event one stands at, in 80 by 24, and says what is reused and what will run again."""
    at = walker.replay.version
    await walker.press("f")
    assert typed(walker, "#at") == str(at)
    shown = walker.text()
    assert "step_failed  ship (attempt 2)" in shown
    assert "nothing that ran before will run again" in shown
    assert "ship has failed there: give it a result above, or fork before it: at ship" in shown
    await put(walker, "#at", "ship")
    shown = walker.text()
    assert "before ship runs" in shown
    assert "reused      4 steps: reserve_stock, charge_card, notify (2)" in shown
    assert "will RUN AGAIN: ship" in shown
    await put(walker, "#at", "2")
    shown = " ".join(walker.text("#plan").split())
    assert "will RUN AGAIN: reserve_stock, charge_card, notify (2 calls), ship" in shown
    await walker.press("escape")
    assert walker.sees(ReplayScreen)


async def test_a_value_is_changed(walker: Walker) -> None:
    """E15: the arrows mark a value, typing changes it and the plan says so, the old text takes the change back."""
    await walker.press("f")
    await put(walker, "#at", "ship")
    await walker.press("down", "down", "down")
    await walker.press("up")
    offer = dialog(walker).query_one("#offers").selected  # type: ignore[attr-defined]
    assert offer.target == "charge_card"
    before = typed(walker, "#value")
    assert before == '{"id":"ch_91","amount":42}'
    await put(walker, "#value", '{"id":"ch_92","amount":5}')
    shown = walker.text("#offers")
    assert '~ 10  charge_card   → {"id":"ch_92","amount":5}' in shown or "~ " in shown
    assert "changes     charge_card:" in walker.text("#plan")
    assert "ch_92" in walker.text("#plan")
    await walker.press("pagedown", "pageup", "up", "down")
    assert typed(walker, "#value") == '{"id":"ch_92","amount":5}'  # it stays with its value
    await put(walker, "#value", before)
    assert dialog(walker).changed == {}
    assert "changes" not in walker.text("#plan")


async def test_what_is_wrong_is_said_and_what_was_typed_stays(walker: Walker) -> None:
    """E15: an unknown place, text that is no JSON, a value that does not fit; enter then writes nothing."""
    await walker.press("f")
    for text, said in (
        ("999", "has no event 999"),
        ("shipp", "no call of a step 'shipp'"),
        ("", "no call of a step ''"),
    ):
        await put(walker, "#at", text)
        assert said in walker.text("#plan")
        assert typed(walker, "#at") == text
        await walker.press("enter")
        assert said in walker.text("#plan")
    last = str(len(dialog(walker)._history))
    await put(walker, "#at", last)
    assert "it has ended there" in walker.text("#plan")
    await put(walker, "#at", "ship")
    await walker.press("down", "down")
    await put(walker, "#value", "five")
    assert "'five' is not JSON" in walker.text("#plan")
    await put(walker, "#value", '{"amount": "dear"}')
    await walker.press("enter")
    assert dialog(walker).problem
    assert typed(walker, "#value") == '{"amount": "dear"}'
    assert len(await ids(walker)) == 5


async def ids(walker: Walker) -> list[str]:
    from cerebelum.engine.application.query import list_executions

    rows = await walker.app.read(list_executions)
    assert rows is not None
    return [row.id for row in rows]


async def test_enter_forks_and_opens_the_fork(store_url: str) -> None:
    """E15, W7: with nobody serving, the fork is written, its replay opens, and it is said that nobody runs it."""
    async with Walker.at(make_app(store_url), (120, 36)) as walker:
        await walker.press("j", "f")
        assert typed(walker, "#at") == "ship"  # of a failed one, from the list: before the step that failed
        await walker.press("enter")
        await walker.until(lambda: walker.sees(ReplayScreen) and bool(walker.said))
        await walker.still()
        fork_id = walker.replay.past.execution_id
        assert fork_id not in (ORDER, "")
        assert "queued; no node has workflow 'process_order'" in walker.said
        assert f"cerebelum run --resume {fork_id}"[:20] in walker.said
        await walker.press("q")
        assert walker.sees(ExecutionsScreen)
        await walker.until(lambda: walker.executions.table.listing.rows[0].id == fork_id)


async def test_a_failed_step_is_given_a_result_and_a_node_runs_the_fork(tmp_path: Path) -> None:
    """E15: the failure at the fork point becomes the typed result, a node goes on from there, the original is untouched."""
    url = f"sqlite:///{tmp_path}/live.db"
    world = await World.open(url)
    try:
        handle = await world.client.start(travelled.process_order, id="order-9")
        await world.until_status(handle, "failed")
        before = await world.store.read_history("order-9")
        async with Walker.at(make_app(url, "order-9"), (80, 24)) as walker:
            await walker.press("f")
            await put(walker, "#value", '"TRACK-1"')
            assert "ship had failed: the fork takes the result that you give" in walker.text("#plan")
            await walker.press("enter")
            await walker.until(lambda: walker.sees(ReplayScreen) and "COMPLETED" in walker.text("#heading"))
            fork_id = walker.replay.past.execution_id
            assert "forked" in walker.said
        fork = world.client.handle(fork_id)
        assert await fork.result(20) == "ch_91 TRACK-1 s3cret"
        assert await world.store.read_history("order-9") == before
    finally:
        await world.close()


async def test_a_refused_write_is_said_in_the_dialog(store_url: str, tmp_path: Path) -> None:
    """W8: where nothing may be written, the dialog says why and keeps what was typed."""
    app = CerebelumApp(
        lambda: reading(store_url), lambda: opened(f"sqlite:///{tmp_path}/elsewhere.db"), execution_id=ORDER
    )
    async with Walker.at(app, (80, 24)) as walker:
        await walker.press("f")
        await put(walker, "#at", "ship")
        await walker.press("enter")
        assert "there is no store" in walker.text("#plan")
        assert typed(walker, "#at") == "ship"
        await walker.press("escape")
        assert len(await ids(walker)) == 5


def place_value(walker: Walker) -> str:
    """Return what is in the line of the result, as the code would get it."""
    import json

    offer = dialog(walker)._shown
    assert offer is not None
    value: str = json.loads(offer.text)["name"] if offer.target == "input" else json.loads(offer.text)
    return value.removeprefix("hello ").removeprefix("\u202e")


async def test_hostile_text_and_secrets(store_url: str, tmp_path: Path) -> None:
    """W6, J6: values act on nothing, also while they are changed; secrets are neither shown nor put into the line."""
    url = f"sqlite:///{tmp_path}/hostile.db"
    world = await World.open(url)
    try:
        handle = await world.client.start(travelled.greet, f"\u202e{travelled.HOSTILE}", id="hostile")
        await world.until_status(handle, "completed")
        async with Walker.at(make_app(url, "hostile"), (80, 24)) as walker:
            await walker.press("f")
            await put(walker, "#at", "3")
            shown = [walker.text()]
            for key in ("down", "up", "\u202e"):
                await walker.press(key)
                shown.append(walker.text())
            await put(walker, "#at", "\x9b\u202e")
            shown.append(walker.text("#plan"))
            for text in shown[:3]:
                assert visible(text) == text
            assert visible(shown[-1].replace("\n", "")) == shown[-1].replace("\n", "")
            assert "\\u202e" in shown[0]
            assert place_value(walker) == travelled.HOSTILE
    finally:
        await world.close()
    async with Walker.at(make_app(store_url, ORDER), (120, 36)) as walker:
        await walker.press("f")
        await put(walker, "#at", "reserve_stock")
        assert dialog(walker).query_one("#offers").selected is not None  # type: ignore[attr-defined]
        await put(walker, "#value", '{"token": "0ther"}')
        assert "0ther" not in walker.text("#plan")


async def test_the_mouse(walker: Walker) -> None:
    """W7: a click marks a value, one on the code takes the other code, which cannot be had here, and says so."""
    await walker.press("f")
    await put(walker, "#at", "ship")
    await walker.pilot.click("#offers", offset=(5, 3))
    await walker.still()
    assert typed(walker, "#value").startswith("{")
    await walker.pilot.click("#code")
    await walker.still()
    assert "[on disk]" in walker.text("#code")
    assert "cannot be used from here" in walker.text("#plan")


async def test_the_code_on_disk(project: Path) -> None:
    """E15, E16: with the arrows on the line of the code; it runs in a process of its own, and where it diverges, it says where."""
    url = f"sqlite:///{project}/.cerebelum/dev.db"
    async with Walker.at(make_app(url, "order-1", disk=make_disk(url)), (80, 24)) as walker:
        await walker.press("f")
        await put(walker, "#at", "ship")
        await walker.press("tab", "right")
        assert "[on disk]" in walker.text("#code")
        await walker.until(lambda: "will RUN AGAIN: ship" in walker.text("#plan"))
        flow = project / "order.py"
        flow.write_text(flow.read_text(encoding="utf-8").replace("await charge(", "await ship("), encoding="utf-8")
        await walker.press("left", "space")
        await walker.until(lambda: "does not fit event 2" in walker.text("#plan"))
        flow.write_text("x = (\n", encoding="utf-8")
        await walker.press("space", "space")
        await walker.until(lambda: "order.py:1 is not valid Python" in walker.text("#plan"))
        await walker.press("enter")
        assert walker.sees(ForkDialog)
        flow.write_text(FLOW.replace("total > 100", "total > 1000"), encoding="utf-8")
        await walker.press("enter")
        await walker.until(lambda: walker.sees(ReplayScreen) and walker.replay.past.execution_id != "order-1")
        await walker.still()
        fork_id = walker.replay.past.execution_id
    store = open_store(url, read_only=True)
    await store.open()
    try:
        state = reconstruct(fork_id, await store.read_history(fork_id))
        code = await store.get_code("order", digest=state.code)
        assert (state.forked_from, state.forked_at) == ("order-1", 3)
        assert code is not None
        assert b"total > 1000" in (code.source or b"")
    finally:
        await store.close()


FLOW = (Path(__file__).parents[1] / "flows" / "saved_order.py").read_text(encoding="utf-8")


async def test_every_offer_is_a_place_that_an_edit_finds(store_url: str) -> None:
    """E15: what the list calls a value, an edit finds, at the event that the list names, for every prefix of a history."""
    store = open_store(store_url, read_only=True)
    await store.open()
    try:
        engine = Engine(store, make_codec())
        for execution_id in ("order-1042", "order-1041", "refund-7"):
            history = await store.read_history(execution_id)
            for version in range(1, len(history) + 1):
                found = offers(engine, history[:version])
                assert found[-1].target == "input"
                for offer in found:
                    assert place_of(offer.target, history[:version]).version == offer.version
    finally:
        await store.close()
