"""What is offered for a change in a fork: every payload of the copied part, by the name that an edit has for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from cerebelum.connect import make_codec
from cerebelum.engine.application.fork_offers import Offer, offers
from cerebelum.engine.application.forking import ForkRequest, prepare_fork
from cerebelum.engine.application.inputs import provide_input
from cerebelum.engine.domain.editing import Edit, place_of
from cerebelum.engine.domain.terminal_text import visible
from tests.engine.forking.test_fork_edits import Backwards
from tests.engine.forking.world_of_forks import ended
from tests.engine.world import World
from tests.flows import forked


async def offered(world: World, execution_id: str, version: int | None = None) -> Sequence[Offer]:
    history = await world.store.read_history(execution_id)
    return offers(world.engine, history[:version])


def named(found: Sequence[Offer]) -> dict[str, str]:
    return {offer.target: offer.text for offer in found}


@pytest.fixture
async def world() -> Any:
    """A world in memory."""
    world = await World.open("memory://")
    yield world
    await world.close()


async def test_results_and_the_input(world: World) -> None:
    """E15: newest first, a failed step without a text, calls of one name told apart by their count, the input last."""
    failed = await ended(world, forked.order, 500.0)
    found = await offered(world, failed.id)
    assert [offer.target for offer in found] == ["refund", "ship", "charge", "reserve", "input"]
    assert (found[1].failed, found[1].text, found[1].shown) == (True, "", "failed: ValueError")
    assert found[2].text == '{"total":500.0,"currency":"EUR"}'
    napped = await ended(world, forked.together)
    assert {offer.target for offer in await offered(world, napped.id)} >= {"reserve", "charge", "ship", "input"}


async def test_signals_answers_and_the_context(world: World) -> None:
    """E15: what was received is offered by its count, the context of a flow by its keys."""
    signalled = await world.client.start(forked.signalled)
    await signalled.signal("go", {"by": "ann"})
    await world.until(signalled, lambda view: view.row.status == "waiting" and len(view.steps) == 1)
    assert named(await offered(world, signalled.id))["signal:go#1"] == '{"by":"ann"}'
    asking = await world.client.start(forked.asking)
    await world.until_status(asking, "waiting")
    await provide_input(world.engine, asking.id, "sign_off", True)
    await world.until(asking, lambda view: view.row.ended)
    assert named(await offered(world, asking.id))["answer:sign_off#1"] == "true"
    counted = await ended(world, forked.counting)
    assert named(await offered(world, counted.id))["context.total"] == "1"


@pytest.mark.parametrize("flow", [forked.order, forked.together, forked.counting, forked.tries_twice])
async def test_each_is_found_and_an_unchanged_text_changes_nothing(world: World, flow: Any) -> None:
    """E15: at every event of a history each offer names a place, and giving back its own text is accepted."""
    original = await ended(world, flow)
    history = await original.history()
    for version in range(1, len(history)):
        if history[version].type == "execution_retried":
            break
        for offer in await offered(world, original.id, version):
            assert place_of(offer.target, history[:version]).version == offer.version
            if offer.text and version == offer.version:
                edit = Edit(offer.target, offer.text.encode())
                await prepare_fork(world.engine, original.id, ForkRequest(at=version, edits=[edit]))


async def test_hostile_and_secret_values() -> None:
    """J6, W6: a text that would act is the same value in harmless letters; a secret is withheld; sealed ones are opened."""
    world = await World.open("memory://", codec=make_codec((Backwards(),)))
    try:
        hostile = "\x1b[2J\u202e\x9b31m\U000e0041 end"
        waiting = await world.client.start(forked.signalled)
        await waiting.signal("go", {"text": hostile, "token": "s3cret"})
        await world.until(waiting, lambda view: len(view.steps) == 1)
        [secret] = [offer for offer in await offered(world, waiting.id) if offer.target == "signal:go#1"]
        assert secret.is_secret
        assert "s3cret" not in secret.text + secret.shown
        assert visible(secret.shown, keep_newlines=False) == secret.shown
        other = await world.client.start(forked.signalled)
        await other.signal("go", hostile)
        await world.until(other, lambda view: len(view.steps) == 1)
        [open_] = [offer for offer in await offered(world, other.id) if offer.target == "signal:go#1"]
        assert visible(open_.text, keep_newlines=False) == open_.text
        assert msgspec.json.decode(open_.text) == hostile
    finally:
        await world.close()
