"""Payload transforms under the whole engine: a cipher that gives other bytes each time, and replay all the same."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cerebelum import Retry, continue_as_new, heartbeat, info, map_steps, sleep, step, wait_for_signal, workflow
from cerebelum.adapters.codecs.compression import ZlibTransform
from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.client import Client
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.replay import replay_execution
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import HistoryMismatch
from cerebelum.engine.runtime.replay import Replay
from cerebelum.engine.runtime.run import WorkflowRun
from cerebelum.engine.testing.crashes import crash_everywhere
from tests.engine.world import PATIENCE_S, World, whole_history

SECRET = "plain text"[::-1]  # turned round here: the store holds this file, too, as code that ran


class Cipher:
    """A stream cipher with a random nonce and a tag, to try the hook; not for real secrets.

    It does what a key service does, too: it opens a socket, which workflow code may not.
    """

    name = "test-cipher"

    def __init__(self, key: bytes = b"key") -> None:
        self._key = key
        self.fails = False
        self.sealed: list[bytes] = []

    def encode(self, data: bytes) -> bytes:
        if self.fails:
            raise ConnectionError("no key service")
        socket.socket().close()
        nonce = os.urandom(16)
        body = nonce + self._mix(nonce, data)
        self.sealed.append(data)
        return body + self._tag(body)

    def decode(self, data: bytes) -> bytes:
        socket.socket().close()
        body, tag = data[:-32], data[-32:]
        if not hmac.compare_digest(tag, self._tag(body)):
            raise ValueError("wrong key, or the data was changed")
        return self._mix(body[:16], body[16:])

    def _tag(self, body: bytes) -> bytes:
        return hmac.digest(self._key, b"tag" + body, hashlib.sha256)

    def _mix(self, nonce: bytes, data: bytes) -> bytes:
        blocks = (hmac.digest(self._key, nonce + n.to_bytes(8), hashlib.sha256) for n in range(len(data) // 32 + 1))
        return bytes(a ^ b for a, b in zip(data, b"".join(blocks), strict=False))


@step
async def exclaim(text: str) -> str:
    return f"{text}!"


@step
def drawn(text: str) -> str:
    heartbeat(f"{text} at work")
    return text


@workflow
async def inner(text: str) -> str:
    return await exclaim(text)


@workflow
async def everything(text: str) -> list[str]:
    random_part = os.urandom(4).hex()  # the workflow's own randomness: no transform may draw from it
    mapped = await map_steps(exclaim, [f"{text} {number}" for number in range(3)])
    heard = str(await wait_for_signal("word"))
    nested, beside = await asyncio.gather(inner(heard), exclaim(random_part + text))
    await sleep(0.001)
    return [*mapped, nested, beside, await drawn(os.urandom(4).hex() + text)]


@workflow
async def again(text: str, left: int = 1) -> str:
    text = await exclaim(text)
    if left:
        continue_as_new(text, left=left - 1)
    return text


@workflow(max_retries=1)
async def at_the_second_try(text: str) -> str:
    text = await exclaim(text)
    if info().run == 1:
        raise ValueError("not yet")
    return text


@step(retry=Retry(max_attempts=2, backoff="constant", backoff_base=0.001))
async def tells_progress(text: str) -> str:
    if info().progress is None:
        heartbeat({"at": text})
        raise ConnectionError
    return str(info().progress["at"])


@workflow
async def with_progress(text: str) -> str:
    return str(await tells_progress(text))


@workflow
async def resumed(text: str) -> str:
    await sleep(3600)
    return f"{text} {info().resume_data}"


@workflow
async def naps(text: str) -> str:
    await sleep(3600)
    return await exclaim(text)


@workflow
async def waits(text: str) -> str:
    await exclaim(text)
    return str(await wait_for_signal("word"))


async def say(client: Client, execution_id: str) -> None:
    await client.handle(execution_id).signal("word", f"{SECRET} heard")


async def new_engine() -> Engine:
    store = open_store("memory://")
    await store.open()
    return Engine(store, make_codec((ZlibTransform(smallest_bytes=1), Cipher())))


def whole_folder(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


@pytest.fixture
def cipher() -> Cipher:
    return Cipher()


@pytest.fixture
async def sealed(cipher: Cipher, tmp_path: Path) -> AsyncIterator[World]:
    """A world on a file of its own whose payloads are enciphered."""
    world = await World.open(f"sqlite:///{tmp_path}/sealed.db", codec=make_codec((cipher,)))
    yield world
    await world.close()


async def test_a_crash_at_each_event_of_an_enciphered_history_changes_nothing() -> None:
    """R9, I8: commands are compared in clear, so a nonce that differs each time is no difference on replay."""
    outcome = await crash_everywhere(new_engine, everything, (SECRET,), drive=say, others=(inner,))
    assert outcome.final_type == "execution_completed"
    assert f'"{SECRET} heard!"'.encode() in outcome.content
    assert not any(SECRET.encode() in recorded.data for recorded in outcome.history)


async def test_the_next_run_finds_what_an_earlier_one_left_enciphered() -> None:
    """R9, B7: a completed step is not repeated by the next run of its workflow: arguments are compared in clear."""
    outcome = await crash_everywhere(new_engine, at_the_second_try, (SECRET,))
    completed = [event for recorded in outcome.history if isinstance(event := recorded.event(), ev.StepCompleted)]
    assert [event.reused for event in completed] == [False, True]
    assert not any(SECRET.encode() in recorded.data for recorded in outcome.history)


async def test_the_plain_text_is_nowhere_in_the_database_file(sealed: World, tmp_path: Path) -> None:
    """R9: inputs, arguments, results, signals, progress, data of resume: none of it lies in the file in clear."""
    handle = await sealed.client.start(everything, SECRET)
    await say(sealed.client, handle.id)
    assert len(await handle.result(PATIENCE_S)) == 6
    assert await sealed.run(again, SECRET) == f"{SECRET}!!"
    sleeper = await sealed.client.start(resumed, SECRET)
    await sealed.until_status(sleeper, "waiting")
    await sleeper.resume(data=f"{SECRET} resumed")
    assert await sleeper.result(PATIENCE_S) == f"{SECRET} {SECRET} resumed"
    assert await sealed.run(with_progress, SECRET) == SECRET
    await sealed.close()
    stored = whole_folder(tmp_path)
    assert b"test-cipher" in stored
    assert SECRET.encode() not in stored


async def test_replay_of_an_enciphered_execution_fits_and_seals_nothing(sealed: World, cipher: Cipher) -> None:
    """R9, M4: `replay --check` reads the history with the key, compares results too, and draws no nonce."""
    handle = await sealed.client.start(everything, SECRET)
    await say(sealed.client, handle.id)
    await handle.result(PATIENCE_S)
    count = len(cipher.sealed)
    replay = await replay_execution(sealed.engine, handle.id, definition=everything, frames=False)
    assert (await replay.check()).outcome == "same"
    assert len(cipher.sealed) == count


async def test_a_mismatch_shows_nothing_that_is_stored_sealed(sealed: World) -> None:
    """R9, S: the message of a mismatch may be stored as the reason of a pause; it says that arguments differ, not which."""
    handle = await sealed.client.start(inner, SECRET)
    await handle.result(PATIENCE_S)
    history = await whole_history(sealed.store, handle.id)

    async def other(text: str) -> str:
        return await exclaim(f"{text} changed")

    run = WorkflowRun(handle.id, workflow("inner")(other), sealed.engine.codec)
    try:
        with pytest.raises(HistoryMismatch) as caught:
            Replay(run, history).to_end()
    finally:
        run.close()
    assert "(sealed)" in str(caught.value)
    assert SECRET not in str(caught.value)


async def test_a_history_in_clear_goes_on_once_payloads_are_enciphered(tmp_path: Path) -> None:
    """R9: transforms may be added while executions are open: what was written before is read and compared as it is."""
    url = f"sqlite:///{tmp_path}/both.db"
    world = await World.open(url)
    handle = await world.client.start(waits, SECRET)
    await world.until(handle, lambda view: view.row.current_step == "signal word")
    await world.close()
    world = await World.open(url, codec=make_codec((Cipher(),)))
    try:
        await world.client.register(waits)
        await world.client.handle(handle.id).signal("word", "heard")
        assert await world.client.handle(handle.id).result(PATIENCE_S) == "heard"
        replay = await replay_execution(world.engine, handle.id, definition=waits, frames=False)
        assert (await replay.check()).outcome == "same"
    finally:
        await world.close()


async def test_a_node_without_the_key_pauses_the_execution_and_one_with_it_goes_on(
    sealed: World, cipher: Cipher
) -> None:
    """R9: the workflow never learns that a node could not read its history; it is paused with the reason, and resumed."""
    handle = await sealed.client.start(waits, SECRET)
    await sealed.until(handle, lambda view: view.row.current_step == "signal word")
    await sealed.crash()
    sealed.codec = make_codec((Cipher(b"another key"),))
    await sealed.come_back(waits)
    view = await sealed.until_status(handle, "paused")
    assert "test-cipher" in (view.state.reason or "")
    await sealed.crash()
    sealed.codec = make_codec((cipher,))
    handle = (await sealed.come_back(waits)).handle(handle.id)
    await handle.resume()
    await handle.signal("word", "heard")
    assert await handle.result(PATIENCE_S) == "heard"


async def test_a_transform_that_fails_pauses_the_execution_and_the_code_never_knows(
    sealed: World, cipher: Cipher
) -> None:
    """R9: what cannot be sealed is not recorded, least of all in clear; resumed, the execution asks for the same again."""
    handle = await sealed.client.start(naps, SECRET)
    await sealed.until_status(handle, "waiting")
    cipher.fails = True
    await handle.resume()
    view = await sealed.until_status(handle, "paused")
    assert "no key service" in (view.state.reason or "")
    cipher.fails = False
    await handle.resume()
    assert await handle.result(PATIENCE_S) == f"{SECRET}!"
    assert not any(SECRET.encode() in recorded.data for recorded in await handle.history())
