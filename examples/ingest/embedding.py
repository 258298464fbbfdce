"""Texts as vectors. The pipeline knows the Protocol only; put a model behind it, and nothing else changes."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from .documents import WORD

_EVERYWHERE = """
a all also an and any are as at be been but by can do does for from has have if in into is it its may more must no not of
on one only or other same should so such than that the their then there these they this to two used uses using was what
when where which will with you your
"""
COMMON = frozenset(_EVERYWHERE.split())  # what nearly every text has says nothing about one of them


class Embedder(Protocol):
    """Makes vectors of texts: near each other where the texts are about the same."""

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has."""
        ...

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 per text, in order; zeros for a text without words."""
        ...


class HashingEmbedder:
    """A vectorizer without a model: each word, and each piece of five letters, adds to one place that its hash chooses.

    The same text gives the same vector in every process and on every machine. It knows words, not meanings.

    Source: K. Weinberger and others, "Feature Hashing for Large Scale Multitask Learning", 2009.
    """

    def __init__(self, dimensions: int = 512) -> None:
        self._dimensions = dimensions

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has."""
        return self._dimensions

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 per text, in order; zeros for a text without words."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        vector = [0.0] * self._dimensions
        for feature, count in Counter(_features(text)).items():
            number = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "big")
            weight = (1 + math.log(count)) * (1.0 if feature.startswith("word ") else 0.25)
            # the sign lets two features that share a place cancel out on average, instead of adding up
            vector[(number >> 1) % self._dimensions] += weight if number & 1 else -weight
        length = math.hypot(*vector)
        return [value / length for value in vector] if length else vector


def words_of(text: str) -> list[str]:
    """Return the words that say something, in order."""
    return [word for word in WORD.findall(text.lower()) if word not in COMMON and len(word) > 1]


def _features(text: str) -> Iterator[str]:
    for word in words_of(text):
        yield f"word {word}"
        padded = f"<{word}>"
        for start in range(len(padded) - 4):  # "queue" and "queues" have most of their pieces in common
            yield f"part {padded[start : start + 5]}"
