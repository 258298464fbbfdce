"""Bundles that are damaged or made up: each is refused with what is wrong, and nothing of it is kept."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerebelum.engine.application.importing import import_bundle
from cerebelum.engine.domain import bundles as b
from cerebelum.engine.domain.errors_bundle import BundleRefused
from cerebelum.engine.ports.store import ExecutionFilter
from tests.engine.application.exports import CARD, bundle_of, ended, new_engine, take_in
from tests.engine.world import World
from tests.flows import exported


@pytest.fixture(scope="module")
def sample() -> bytes:
    """A bundle with code, a blob-free history and log lines."""

    async def make() -> bytes:
        world = await World.open("memory://")
        execution_id = await ended(world, exported.shop, CARD)
        await world.engine.stop_node(5.0)
        data = await bundle_of(world.engine, execution_id)
        await world.close()
        return data

    return asyncio.run(make())


async def refused(data: bytes) -> str:
    """Return what an import of `data` is refused with; nothing may be left of it."""
    engine = await new_engine()
    try:
        with pytest.raises(BundleRefused) as error:
            await take_in(engine, data)
        assert await engine.store.list_executions(ExecutionFilter()) == []
        assert await engine.store.list_workflows() == []
        return str(error.value)
    finally:
        await engine.store.close()


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_damage_anywhere_is_noticed(sample: bytes, data: st.DataObject) -> None:
    """A bundle with a byte changed, taken out or put in, or cut off anywhere, is refused; nothing else ever happens."""
    at = data.draw(st.integers(0, len(sample) - 1))
    kind = data.draw(st.sampled_from(["change", "remove", "insert", "cut"]))
    byte = bytes([data.draw(st.integers(0, 255))])
    hurt = {
        "change": sample[:at] + byte + sample[at + 1 :],
        "remove": sample[:at] + sample[at + 1 :],
        "insert": sample[:at] + byte + sample[at:],
        "cut": sample[:at],
    }[kind]
    if hurt != sample and not (kind in ("cut", "remove") and at == len(sample) - 1):
        last = sample.rstrip().rfind(b"\n")
        if at > last and kind in ("insert", "change") and byte in b" \n\t\r":
            return  # white space around the last object says the same
        asyncio.run(refused(hurt))


def resealed(parts: list[dict[str, Any]]) -> bytes:
    """Return a bundle of these parts with an end that fits them: what an attacker would send."""
    digests, lines = b.Digests(), []
    for part in parts[:-1]:
        line = json.dumps(part).encode() + b"\n"
        try:
            digests.add(b.decode_part(line), line)
        except ValueError:
            digests.add(b.BundlePart(root="x"), line)
        lines.append(line)
    return b"".join([*lines, b.line_of(digests.end())])


def parts_of(sample: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in sample.splitlines()]


def at(parts: list[dict[str, Any]], kind: str, number: int = 0) -> dict[str, Any]:
    return [part for part in parts if part["part"] == kind][number]


HOSTILE: dict[str, tuple[Callable[[list[dict[str, Any]]], object], str]] = {
    "another format": (lambda p: at(p, "bundle").update(format="cerebelum.bundle/9"), "cerebelum.bundle/1"),
    "an id with a way out": (lambda p: at(p, "execution").update(id="../../etc/passwd"), "cannot be an execution's id"),
    "a root that is not in it": (lambda p: at(p, "bundle").update(root="other"), "is not in it"),
    "a gap": (lambda p: at(p, "event", 1).update(version=3), "follows event 1"),
    "an event that is none": (lambda p: at(p, "event", 1).update(data="[]"), "is no event"),
    "a type with a way out": (lambda p: at(p, "event", 1).update(type="../x"), "is no event"),
    "an unknown step": (lambda p: at(p, "event", 2).update(data='{"number":99,"result":1}'), "cannot be"),
    "a second beginning": (lambda p: p.insert(1, dict(p[0])), "second beginning"),
    "an end before the end": (
        lambda p: at(p, "event", 1).update(type="execution_completed", data='{"number":1}'), "comes after its end",
    ),
    "an instant beyond time": (lambda p: at(p, "event", 1).update(at_us=10**18), "out of range"),
    "a negative instant": (lambda p: at(p, "event", 1).update(at_us=-1), "out of range"),
    "a number that is a text": (lambda p: at(p, "event", 1).update(version="1"), "cannot be read"),
    "a part of an unknown kind": (lambda p: p.insert(2, {"part": "pickle", "data": "gASV"}), "cannot be read"),
    "too many events": (lambda p: at(p, "execution").update(events=10**9), "can be"),
    "fewer events than it says": (lambda p: at(p, "execution").update(events=50), "has not all"),
    "NUL in a name": (lambda p: at(p, "log").update(step="a\0b"), "NUL"),
    "half a character": (lambda p: at(p, "log").update(message="\ud800"), "half a character|cannot be read"),
    "a log line of an unknown level": (lambda p: at(p, "log").update(level="shout"), "unknown kind"),
    "other code": (
        lambda p: at(p, "code").update(source=at(p, "code")["source"].replace("random.random()", "__import__('os')")),
        "is not what its digest says",
    ),
    "code outside its project": (
        lambda p: at(p, "code").update(source='{"m":{"path":"../../m.py","source":"x = 1"}}', module="m"),
        "not a path inside a project",
    ),
    "code that is nested too deep": (
        lambda p: at(p, "code").update(source=json.dumps({"m": {"path": "m.py", "source": "(" * 5000}}), module="m"),
        "is not what its digest says",
    ),
    "a blob that is missing": (
        lambda p: at(p, "event", 2).update(data='{"$blob":"' + "0" * 64 + '"}'), "in a blob that is missing",
    ),
    "a priority that no store holds": (
        lambda p: at(p, "event").update(data=at(p, "event")["data"].replace("{", '{"priority":99999999999,', 1)),
        "out of range|cannot be",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change, says", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_bundle_that_was_made_up_is_refused(
    sample: bytes, change: Callable[[list[dict[str, Any]]], object], says: str
) -> None:
    """Digests fit, content does not: each is refused with what is wrong, and nothing is written."""
    parts = parts_of(sample)
    change(parts)
    assert re.search(says, told := await refused(resealed(parts))), told


async def test_a_line_without_an_end_is_not_read_whole() -> None:
    """No line is read further than a line may be long, however large the file is."""
    asked: list[int] = []

    def endless(most: int) -> bytes:
        asked.append(most)
        return b"x" * most

    engine = await new_engine()
    with pytest.raises(BundleRefused, match="larger than any bundle"):
        await import_bundle(engine, "endless", endless)
    assert len(asked) == 1
    await engine.store.close()
