"""What a payload costs: printed, never asserted."""

from __future__ import annotations

import sys
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from cerebelum.adapters.codecs.json_codec import JsonCodec
from cerebelum.engine.authoring.signature import CallSignature

CODEC = JsonCodec()
WHAT = "result of step 'work'"


@dataclass
class Small:
    id: int
    name: str
    tags: list[str]


def work(order: Small, count: int = 1) -> None: ...


def untyped(a: Any, b: Any = 2) -> Any: ...


SIGNATURE, UNTYPED = CallSignature.of(work), CallSignature.of(untyped)
SMALL = Small(1, "a", ["b"])
BOUND = SIGNATURE.bind((SMALL, 2), {})
LARGE = {"items": [{"id": i, "name": f"item {i}", "price": i * 1.5, "tags": ["a", "b"]} for i in range(500)]}
STORED = CODEC.encode(BOUND, SIGNATURE.arguments_type, what=WHAT)[0]

CASES: dict[str, Callable[[], Any]] = {
    "encode {'a': 1}": lambda: CODEC.encode({"a": 1}, what=WHAT),
    "encode a dataclass of 3 fields": lambda: CODEC.encode(SMALL, Small, what=WHAT),
    "encode a set of 2": lambda: CODEC.encode({"x", "y"}, set[str], what=WHAT),
    "encode 30 KB of plain data": lambda: CODEC.encode(LARGE, what=WHAT),
    "bind 2 arguments": lambda: SIGNATURE.bind((SMALL, 2), {}),
    "encode 2 typed arguments": lambda: CODEC.encode(BOUND, SIGNATURE.arguments_type, what=WHAT),
    "decode 2 typed arguments": lambda: CODEC.decode(STORED, SIGNATURE.arguments_type, what=WHAT),
    "call_arguments": lambda: SIGNATURE.call_arguments(BOUND),
}


@pytest.mark.benchmark
@pytest.mark.parametrize("name", CASES)
def test_cost_of_one_payload(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A round is one call; the best of five series is printed in microseconds."""
    number = 300 if "KB" in name else 50_000
    best_s = min(timeit.repeat(CASES[name], number=number, repeat=5)) / number
    with capsys.disabled():
        sys.stdout.write(f"\n{name}: {best_s * 1e6:.2f} us")
