"""JSON that does not fit the annotations says which field, for people who type it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebelum.adapters.codecs.json_codec import JsonCodec
from cerebelum.engine.domain.errors_payload import PayloadMismatch

CODEC = JsonCodec()
INPUT = "input of workflow 'shop'"


@dataclass
class Item:
    price: float


@dataclass
class Order:
    items: list[Item]
    by_name: dict[str, dict[str, Item]]


@pytest.mark.parametrize(
    "text,annotation,path,why",
    [
        (b'{"items":[{"price":1},{"price":"x"}],"by_name":{}}', Order, "input.items[1].price", "expected `float`"),
        (b'{"items":[]}', Order, "input", "missing required field `by_name`"),
        (
            b'{"items":[],"by_name":{"a":{},"b c":{"x":{"price":1},"y":{"price":null}}}}',
            Order,
            "input.by_name['b c'].y.price",
            "expected `float`, got `null`",
        ),
        (b'[1,{"a":"x"}]', tuple[int, dict[str, int]], "input[1].a", "expected `int`, got `str`"),
        (b'{"x":1}', dict[int, int], "input", "a key: expected `int`"),
        (b'{"a":', Any, "input", "not JSON"),
        (b"", Any, "input", "not JSON"),
        (b'"\xff"', Any, "input", "not JSON"),
        (b"[1e400]", Any, "input[0]", "number out of range"),
        (b"[" * 100_000, Any, "input", "nested too deep"),
    ],
)
def test_the_field_that_does_not_fit_is_named(text: bytes, annotation: Any, path: str, why: str) -> None:
    """R9: a misfit names the exact place, keys of dicts included, and what was expected there."""
    with pytest.raises(PayloadMismatch) as caught:
        CODEC.decode(text, annotation, what=INPUT)
    error = caught.value
    assert error.path == path
    assert why in error.why
    assert (error.code, error.exit_code) == ("CB603", 2)
    assert str(error).startswith("input of workflow 'shop' does not fit the annotations: ")


@given(st.binary(max_size=60) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_decode_or_are_a_mismatch(data: bytes) -> None:
    """R9: hostile text never raises anything but `PayloadMismatch`, with a printable message."""
    messages: list[str] = []
    for annotation in (Any, Order, list[Item]):
        try:
            CODEC.decode(data, annotation, what=INPUT)
        except PayloadMismatch as error:
            messages.append(str(error))
    assert all(message.isprintable() for message in messages)
