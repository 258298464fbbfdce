"""Repeatable randomness: one generator for each execution, seeded from its id and the seed in its history.

One generator is enough for concurrent branches too, as long as the branches take their turns in the order of the
history, one event at a time: the draws then interleave in the same order on every replay. Steps run outside and draw
real randomness, so how they are scheduled changes nothing.

A generator takes 10 us and 2.5 KB to make: make it when it is first asked for, and most workflows never pay.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from typing import overload

from cerebelum.engine.authoring.activation import slot

_SEED_BYTES = 16


def seed_of(execution_id: str, seed: int = 0) -> int:
    """Return the number in [0, 2**128) that an execution's randomness begins with.

    A cryptographic hash, so that neighbouring ids are unlike, and the same in every process; never change it:
    histories were recorded under it.
    """
    text = f"{seed}/{execution_id}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=_SEED_BYTES, person=b"cerebelum-seed").digest(), "big")


def rng_for(execution_id: str, seed: int = 0) -> random.Random:
    """Return a new generator at the beginning of the execution's sequence.

    Args:
        execution_id: the execution's id.
        seed: the one recorded in its history; 0 where there is none.
    """
    return random.Random(seed_of(execution_id, seed))  # noqa: S311  # repeatable on purpose


class ExecutionRandomness:
    """`RandomProvider`: plain randomness, and a sequence for each execution, made when first drawn from."""

    def __init__(self) -> None:
        self._plain = random.SystemRandom()
        self._generators: dict[str, random.Random] = {}

    @overload
    def uniform(self, /) -> float: ...
    @overload
    def uniform(self, most: int, /) -> int: ...
    @overload
    def uniform(self, execution_id: str, /) -> float: ...
    @overload
    def uniform(self, execution_id: str, most: int, /) -> int: ...
    def uniform(self, first: str | int | None = None, second: int | None = None, /) -> float | int:
        """Return a float in [0, 1), or, with `most`, an integer in 1..most.

        `uniform()` and `uniform(most)` are plain: no replay repeats them. `uniform(execution_id)` and
        `uniform(execution_id, most)` are the execution's own.

        Raises:
            ValueError: `most` is below 1.
        """
        if isinstance(first, str):
            return _draw(self._of(first), second)
        return _draw(self._plain, first)

    def seed(self, execution_id: str, seed: int) -> None:
        """Begin the execution's sequence anew, as that of `seed`."""
        self._of(execution_id).seed(seed_of(execution_id, seed))

    def generate_uuid(self, execution_id: str) -> uuid.UUID:
        """Return the next version-4 UUID of the execution's sequence."""
        return uuid.UUID(bytes=self._of(execution_id).randbytes(16), version=4)

    def forget(self, execution_id: str) -> None:
        """Drop the execution's generator; its sequence begins anew if it is asked again."""
        self._generators.pop(execution_id, None)

    def _of(self, execution_id: str) -> random.Random:
        activation = slot.activation
        if activation is not None and (activation.execution_id == execution_id or _is_known_as(execution_id)):
            return activation.rng  # what `random` itself answers from there: one sequence, not two
        generator = self._generators.get(execution_id)
        if generator is None:
            generator = self._generators[execution_id] = rng_for(execution_id)
        return generator


def _is_known_as(execution_id: str) -> bool:
    """Whether `info()` gives the running code this id: that of the original, in what a fork copied."""
    info = getattr(slot.activation, "info", None)
    return info is not None and bool(info().execution_id == execution_id)


def _draw(generator: random.Random, most: int | None) -> float | int:
    return generator.random() if most is None else generator.randint(1, most)
