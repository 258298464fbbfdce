"""The parts that a session is made of: framing, and texts taken apart."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebelum.engine.runtime.rendering import render
from cerebelum_cli.dap.framing import BODY_BYTES, FrameReader, NotTheProtocol, framed
from cerebelum_cli.dap.outline import parts_of


@dataclass
class Order:
    id: int
    tags: list[str]


@given(st.lists(st.binary(max_size=50)), st.lists(st.integers(1, 20)))
def test_messages_are_put_together_from_any_pieces(bodies: list[bytes], sizes: list[int]) -> None:
    """W5: however a stream is cut, the same messages come out of it."""
    stream, reader, found = b"".join(map(framed, bodies)), FrameReader(), list[bytes]()
    for size in [*sizes, len(stream)]:
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert found == bodies
    assert reader.is_between


@given(st.binary(min_size=1, max_size=200))
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    """W5: whatever comes, it is waited for, or refused with `NotTheProtocol`; nothing else is raised."""
    reader = FrameReader()
    for begin in (b"", b"Content-Length: "):
        try:
            assert all(isinstance(body, bytes) for body in reader.feed(begin + data))
        except NotTheProtocol:
            reader = FrameReader()


def test_a_message_may_not_be_larger_than_allowed() -> None:
    """W5: a length is believed up to a bound, before anything of the body is kept."""
    assert list(FrameReader().feed(b"content-length: 2\r\nContent-Type: x\r\n\r\n{}")) == [b"{}"]
    with pytest.raises(NotTheProtocol, match="are allowed"):
        list(FrameReader().feed(b"Content-Length: %d\r\n\r\n" % (BODY_BYTES + 1)))


@pytest.mark.parametrize(
    "value, names",
    [
        ([1, "a, b", [2]], ["0", "1", "2"]),
        ((), []),
        ((1,), ["0"]),
        ({"a": 1, 2: {"b": (3, 4)}, "c: d": 5}, ["'a'", "2", "'c: d'"]),
        ({3, 1, 2}, ["0", "1", "2"]),
        (Order(7, ["it's", "a=b"]), ["id", "tags"]),
        (deque([1, 2]), ["0", "1"]),
        (ValueError("no", 3), ["0", "1"]),
        (list(range(30)), [*map(str, range(20)), "…"]),
        ("text, with (brackets]", []),
        (7, []),
        (None, []),
        (Order, []),
    ],
)
def test_what_is_inside_a_rendered_value(value: Any, names: list[str]) -> None:
    """W5: entries of collections and fields of objects, as the text that was captured has them; of texts and numbers none."""
    assert [part.name for part in parts_of(render(value))] == names


def test_what_leads_to_a_part() -> None:
    """W5: each part of a value comes with the expression for it."""
    inside = parts_of(render({"order": Order(7, ["x"])}))
    assert [(part.reach, part.text) for part in inside] == [("['order']", "Order(id=7, tags=['x'])")]
    fields = parts_of(inside[0].text)
    assert [(part.reach, part.text) for part in fields] == [(".id", "7"), (".tags", "['x']")]
    assert [(part.reach, part.text) for part in parts_of(fields[1].text)] == [("[0]", "'x'")]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(VALUES)
def test_the_parts_of_any_value_are_what_it_holds(value: Any) -> None:
    """W5: of any nested data the parts are its entries, rendered as they would be alone, as long as nothing was cut."""
    text = render(value)
    if "…" in text or not isinstance(value, list | tuple | dict):
        return
    entries = value.values() if isinstance(value, dict) else value
    assert [part.text for part in parts_of(text)] == [render(entry, depth=3) for entry in entries]


@given(st.text(alphabet="(){}[]<>'\"\\,: =…ab1", max_size=60))
def test_any_text_is_taken_apart_or_left_alone(text: str) -> None:
    """W5: a `__repr__` of the user's may say anything; nothing is raised."""
    assert all(isinstance(part.text, str) for part in parts_of(text))
