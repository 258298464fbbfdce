"""Updates and queries under a cipher: nothing of them is stored in clear, and replay fits all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from cerebelum import UpdateRefused, on_query, on_update, step, wait_until, workflow
from cerebelum.connect import make_codec
from cerebelum.engine.application.replay import replay_execution
from tests.engine.behaviour.test_sealed_payloads import SECRET, Cipher
from tests.engine.world import PATIENCE_S, World


def all_bytes(folder: Path, pattern: str) -> bytes:
    """Return what the files hold, one after the other."""
    return b"".join(path.read_bytes() for path in folder.rglob(pattern))


@step
async def turn_round(text: str) -> str:
    return text[::-1]


@workflow
async def keeper() -> int:
    kept: list[str] = []

    async def keep(text: str) -> str:
        kept.append(await turn_round(text))
        return f"{text} kept"

    def short(text: str) -> None:
        if len(text) > 30:
            raise ValueError(f"too long: {text}")

    on_update("keep", keep, validate=short)
    on_query("kept", lambda: kept)
    await wait_until(lambda: len(kept) == 2)
    return len(kept)


async def test_updates_and_replies_lie_in_the_store_sealed(tmp_path: Path) -> None:
    """R9: arguments, results and refusals; a query's answer is not stored at all."""
    world = await World.open(f"sqlite:///{tmp_path}/sealed.db", codec=make_codec((Cipher(),)))
    try:
        handle = await world.client.start(keeper)
        assert await handle.update("keep", SECRET, timeout_s=PATIENCE_S) == f"{SECRET} kept"
        with pytest.raises(UpdateRefused, match=f"too long: {SECRET * 4}"):
            await handle.update("keep", SECRET * 4, timeout_s=PATIENCE_S)
        assert await handle.query("kept") == [SECRET[::-1]]
        await world.crash_and_come_back(handle, keeper)
        handle = world.client.handle(handle.id)
        assert await handle.query("kept") == [SECRET[::-1]]
        stored = all_bytes(tmp_path, "sealed.db*")
        assert b"test-cipher" in stored
        assert SECRET.encode() not in stored
        await handle.update("keep", SECRET, timeout_s=PATIENCE_S)
        assert await handle.result(PATIENCE_S) == 2
        replay = await replay_execution(world.engine, handle.id, definition=keeper, frames=False)
        assert (await replay.check()).outcome == "same"
    finally:
        await world.close()
