from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict, UserDict, deque, namedtuple
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from types import SimpleNamespace
from typing import Any, NoReturn

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebelum.engine.runtime.masking import is_secret_name, mask_text
from cerebelum.engine.runtime.rendering import Change, changes, mask_json, render, render_named

Pair = namedtuple("Pair", "left right")  # noqa: PYI024 - the plain kind is what is tested


class Colour(Enum):
    RED = 1


@dataclass
class Card:
    holder: str
    card_number: int
    hidden: str = field(default="never shown", repr=False)


class Order(msgspec.Struct):
    id: int
    api_key: str


class Account(pydantic.BaseModel):
    name: str
    password: str


class Plain:
    def __init__(self) -> None:
        self.size, self.token = 3, "abc"


class Slotted:
    __slots__ = ("here", "unset")

    def __init__(self) -> None:
        self.here = 1


class Broken:
    def __repr__(self) -> str:
        raise SystemExit("from __repr__")


class Proxy:
    @property
    def __class__(self) -> type:
        raise RuntimeError("unbound proxy")

    @__class__.setter
    def __class__(self, value: type) -> None: ...


class Guarded:
    def __init__(self) -> None:
        self.visible = 1

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"asked for {name}")

    @property
    def lazy(self) -> NoReturn:
        raise AssertionError("a property was run")


@pytest.mark.parametrize(
    "value, text",
    [
        (None, "None"),
        (True, "True"),
        (1.5, "1.5"),
        ("it's", '"it\'s"'),
        (b"ab", "b'ab'"),
        ([1, "a", (2,)], "[1, 'a', (2,)]"),
        ({"a": {"b": []}}, "{'a': {'b': []}}"),
        ({3, 1, 2}, "{1, 2, 3}"),
        (set(), "set()"),
        (frozenset({"b", "a"}), "frozenset({'a', 'b'})"),
        (deque([1]), "deque([1])"),
        (OrderedDict(a=1), "OrderedDict({'a': 1})"),
        (Counter("aa"), "Counter({'a': 2})"),
        (UserDict(a=1), "UserDict({'a': 1})"),
        ({"a": 1}.keys(), "dict_keys(['a'])"),
        (Colour.RED, "Colour.RED"),
        (Pair(1, 2), "Pair(left=1, right=2)"),
        (SimpleNamespace(a=1), "SimpleNamespace(a=1)"),
        (Slotted(), "Slotted(here=1)"),
        (ValueError("no", 3), "ValueError('no', 3)"),
        (logging, "<module logging>"),
        (Card, "<class Card>"),
        (len, "<builtin_function_or_method len>"),
        (partial(len, [1]), "partial(<builtin_function_or_method len>, [1])"),
        (10**400, "<int of 1,329 bits>"),
    ],
)
def test_values_are_shown_as_a_reader_would_write_them(value: Any, text: str) -> None:
    """Each kind of value has one short form without addresses."""
    assert render(value) == text


def test_objects_are_shown_without_running_their_properties() -> None:
    """E13: looking at a value has no effect: neither properties nor `__getattr__` are run."""
    assert render(Guarded()) == "Guarded(visible=1)"


@pytest.mark.parametrize(
    "value, text",
    [
        (Card("Ann", 4111), "Card(holder='Ann', card_number='•••')"),
        (Order(id=1, api_key="k"), "Order(id=1, api_key='•••')"),
        (Account(name="Ann", password="pw"), "Account(name='Ann', password='•••')"),
        (Plain(), "Plain(size=3, token='•••')"),
        ({"db_password": "x", b"secret": 1, "user": "ann"}, "{'db_password': '•••', b'secret': '•••', 'user': 'ann'}"),
        ({"token": None, "max_tokens": 500}, "{'token': None, 'max_tokens': 500}"),
        ("postgres://app:hunter2@db/x", "'postgres://app:•••@db/x'"),
    ],
)
def test_secrets_are_masked_in_keys_attributes_and_urls(value: Any, text: str) -> None:
    """A value under a secret's name, and a password inside a URL, is never shown."""
    assert render(value) == text


@pytest.mark.parametrize(
    "name",
    [
        "password", "PASSWD", "client_secret", "access_token", "accessToken", "api_key", "apiKey", "x-api-key", "apikey",
        "Authorization", "credentials", "privateKey", "private_key", "cookie", "Set-Cookie", "dsn", "DATABASE_DSN",
        "card_number", "cardNumber", "pwd", "cvv", "passphrase",
    ],
)  # fmt: skip
def test_names_of_secrets_are_known_in_every_spelling(name: str) -> None:
    """Locals named like a secret read as the mask."""
    assert is_secret_name(name)
    assert render_named(name, "hunter2") == "•••"


@pytest.mark.parametrize(
    "name", ["key", "author", "max_tokens", "token_count", "tokenizer", "discard", "card", "wednesday"]
)
def test_names_that_only_resemble_a_secret_are_shown(name: str) -> None:
    """Masking leaves a reader the values that flows are full of."""
    assert render_named(name, 5) == "5"


@pytest.mark.parametrize(
    "text, masked",
    [
        ("connect to redis://:pa:ss@host:6379/0", "connect to redis://:•••@host:6379/0"),
        ("postgres://u:p@ss@db and amqp://a:b@mq", "postgres://u:•••@db and amqp://a:•••@mq"),
        ("{'password': 'hunter2', 'user': 'ann'}", "{'password': '•••', 'user': 'ann'}"),
        ('{"api_key": "a\\"b", "n": 1}', '{"api_key": "•••", "n": 1}'),
        ("GET /x?token=abc&page=2", "GET /x?token=•••&page=2"),
        ("Authorization: Bearer eyJhbGciOi.x-y", "Authorization: •••"),
        ("sent Bearer eyJhbGciOi.x-y", "sent Bearer •••"),
        ("http://host:8080/a@b and me@example.org", "http://host:8080/a@b and me@example.org"),
        ("used tokens: 512, key: value", "used tokens: 512, key: value"),
    ],
)
def test_running_text_loses_its_secrets_and_nothing_else(text: str, masked: str) -> None:
    """Log lines and messages keep their meaning without passwords, keys and bearer tokens; masking twice is as once."""
    assert mask_text(text) == masked
    assert mask_text(masked) == masked


def test_a_repr_that_raises_is_named_and_its_neighbours_are_shown() -> None:
    """Whatever a user's `__repr__` raises ends in the text."""
    assert render([1, Broken(), 2]) == "[1, <Broken instance (repr failed: SystemExit)>, 2]"
    assert render(Proxy()) == "Proxy()"


def test_addresses_are_left_out() -> None:
    """E13: two replays of one history render alike."""
    assert render(object()) == "<object object>"
    assert " at 0x" not in render(asyncio.Lock())


def test_recursive_structures_end() -> None:
    """A structure that holds itself is shown once."""
    value: dict[str, Any] = {"n": 1}
    value["self"] = [value]
    assert render(value) == "{'n': 1, 'self': […]}"


def test_depth_items_and_length_are_bounded() -> None:
    """The text says what was left out, and is never longer than asked but for its mark."""
    assert render([[[[1]]]]) == "[[[[1]]]]"
    assert render([[[[[1]]]]]) == "[[[[[…]]]]]"
    assert render(list(range(1_000_000)), items=3) == "[0, 1, 2, … 999,997 more]"
    assert render("x" * 10_000_000, chars=10) == "'xxxxxxxxx…"
    assert render({1: "é" * 300, 2: 3}, chars=20) == "{1: '" + "é" * 15 + "…"


def test_no_password_survives_by_being_cut_in_two() -> None:
    """A URL whose host lies beyond the cut is masked all the same."""
    text = "x" * 80 + " postgres://app:" + "hunter2" * 10 + "@db" + "y" * 10_000
    assert "hunter2" not in render(text, chars=110)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.sets(st.integers()),
    max_leaves=50,
)


@given(value=JSON, chars=st.integers(1, 200))
def test_any_value_renders_within_its_length(value: Any, chars: int) -> None:
    """`render` never raises and keeps to its bound."""
    assert len(render(value, chars=chars)) <= chars + 1


def test_json_is_masked_at_every_level_and_otherwise_unchanged() -> None:
    """Payloads keep their shape and types; secrets are replaced, foreign values become text."""
    value = {"user": "ann", "auth": [{"Password": 1234, "n": 1.5}], "url": "a://u:p@h", "token": None, "x": Colour.RED}
    assert mask_json(value) == {
        "user": "ann",
        "auth": [{"Password": "•••", "n": 1.5}],
        "url": "a://u:•••@h",
        "token": None,
        "x": "Colour.RED",
    }


def test_json_that_holds_itself_and_json_without_end_are_cut() -> None:
    """The copy is bounded in depth and in entries."""
    loop: list[Any] = []
    loop += [loop, loop]
    assert mask_json(loop, nodes=1_000) is not None
    assert mask_json(list(range(100)), nodes=3) == [0, 1, 2]


def test_changes_name_what_was_added_changed_and_removed() -> None:
    """Between two frames a reader sees what differs, and only that."""
    assert changes({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "4", "d": "5"}) == [
        Change(name="b", kind="changed", before="2", after="4"),
        Change(name="d", kind="added", after="5"),
        Change(name="c", kind="removed", before="3"),
    ]
