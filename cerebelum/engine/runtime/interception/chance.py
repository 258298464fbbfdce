"""Randomness inside workflow code: drawn from the execution's own generator, so that a replay draws the same.

Three roots carry everything: the functions of `random`, `os.urandom` (`uuid.uuid4` asks it), and the name under
which `random.SystemRandom` knows `os.urandom` (all of `secrets` asks that one). Only `Random()` without a seed and
the UUIDs that hold a time need more. Secrets drawn in a workflow follow from its history: draw real ones in a step.
"""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Callable
from types import ModuleType
from typing import Any

from cerebelum.engine.authoring.activation import slot
from cerebelum.engine.runtime.interception import real
from cerebelum.engine.runtime.interception.replacement import Replacements

chance = Replacements(__name__, "chance")

_GREGORIAN_TO_UNIX = 0x01B21DD213814000  # 100 ns ticks from 1582-10-15 to 1970-01-01
_UUID_VARIANT = 0b10 << 62


def _drawing(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def draw(_: Replacements, /, *args: Any, **kwargs: Any) -> Any:
        activation = slot.activation
        return original(*args, **kwargs) if activation is None else getattr(activation.rng, name)(*args, **kwargs)

    return draw


def _random_float(original: Callable[[], float]) -> Callable[..., float]:
    def draw(_: Replacements) -> float:
        activation = slot.activation
        return original() if activation is None else activation.rng.random()

    return draw


for _name in random.__all__:
    _original = getattr(random, _name)
    if getattr(_original, "__self__", None).__class__ is random.Random:  # a method of the hidden generator
        chance.add(random, _name, _random_float(_original) if _name == "random" else _drawing(_name, _original))


@chance.replaces(os, "urandom")
def _urandom(_: Replacements, size: int, /) -> bytes:
    activation = slot.activation
    return real.urandom(size) if activation is None else activation.rng.randbytes(size)


def _getrandom(original: Callable[..., bytes]) -> Callable[..., bytes]:
    def getrandom(_: Replacements, size: int, flags: int = 0) -> bytes:
        activation = slot.activation
        return original(size, flags) if activation is None else activation.rng.randbytes(size)

    return getrandom


if hasattr(os, "getrandom"):  # Linux only
    chance.add(os, "getrandom", _getrandom(os.getrandom))


def _seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    if a is None:
        activation = slot.activation
        if activation is not None:
            a = activation.rng.getrandbits(256)
    real.random_seed(self, a, version)


_seed.__name__, _seed.__qualname__, _seed.__doc__ = "seed", "Random.seed", real.random_seed.__doc__


def _ticks(now_us: int, rng: random.Random) -> int:
    """Return the time of a UUID in 100 ns; the last digit is drawn, so that two of one instant differ."""
    return now_us * 10 + rng.randrange(10) + _GREGORIAN_TO_UNIX


def _low_half(rng: random.Random, node: int | None, clock_seq: int | None) -> int:
    sequence = rng.getrandbits(14) if clock_seq is None else clock_seq & 0x3FFF
    # A node that is no network card's address has the multicast bit set (RFC 9562, 6.10).
    address = rng.getrandbits(48) | 1 << 40 if node is None else node & 0xFFFF_FFFF_FFFF
    return _UUID_VARIANT | sequence << 48 | address


def uuid1_of(now_us: int, rng: random.Random, node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
    """Return a version-1 UUID of the instant `now_us`, the rest drawn from `rng`."""
    ticks = _ticks(now_us, rng)
    high = (ticks & 0xFFFF_FFFF) << 32 | (ticks >> 32 & 0xFFFF) << 16 | 1 << 12 | ticks >> 48 & 0x0FFF
    return uuid.UUID(int=high << 64 | _low_half(rng, node, clock_seq))


def uuid6_of(now_us: int, rng: random.Random, node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
    """Return a version-6 UUID of the instant `now_us`, the rest drawn from `rng`."""
    ticks = _ticks(now_us, rng)
    high = (ticks >> 12 & 0xFFFF_FFFF_FFFF) << 16 | 6 << 12 | ticks & 0x0FFF
    return uuid.UUID(int=high << 64 | _low_half(rng, node, clock_seq))


def uuid7_of(now_us: int, rng: random.Random) -> uuid.UUID:
    """Return a version-7 UUID of the instant `now_us`, the rest drawn from `rng`."""
    high = (now_us // 1000 & 0xFFFF_FFFF_FFFF) << 16 | 7 << 12 | rng.getrandbits(12)
    return uuid.UUID(int=high << 64 | _UUID_VARIANT | rng.getrandbits(62))


def _identifier(original: Callable[..., uuid.UUID], make: Callable[..., uuid.UUID]) -> Callable[..., uuid.UUID]:
    def identifier(_: Replacements, /, *args: Any, **kwargs: Any) -> uuid.UUID:
        activation = slot.activation
        if activation is None:
            return original(*args, **kwargs)
        return make(activation.now_us(), activation.rng, *args, **kwargs)

    return identifier


# The originals of these remember the last time they gave, process-wide: no replay would find it the same.
_OF_TIME: dict[str, Callable[..., uuid.UUID]] = {"uuid1": uuid1_of, "uuid6": uuid6_of, "uuid7": uuid7_of}
for _name, _make in _OF_TIME.items():
    if hasattr(uuid, _name):  # 6 and 7 came with Python 3.14
        chance.add(uuid, _name, _identifier(getattr(uuid, _name), _make))


def apply() -> None:
    """Put the execution's randomness in place. Doing it again changes nothing."""
    chance.apply()
    module: ModuleType = random
    if not hasattr(module, "_urandom"):
        raise TypeError("random.SystemRandom is out of reach")
    setattr(module, "_urandom", os.urandom)  # noqa: B010  # no public name, and none that type checkers know
    random.Random.seed = _seed  # type: ignore[method-assign]
