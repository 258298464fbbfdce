"""Unions that the JSON text does not tell apart by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NotRequired, TypedDict
from uuid import UUID

import msgspec
import pytest

from cerebelum.adapters.codecs.json_codec import JsonCodec
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_payload import PayloadMismatch, PayloadNotEncodable

CODEC = JsonCodec()
WHAT = "result of step 'pay'"
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Card:
    number: str
    tags: frozenset[str] = frozenset()


@dataclass
class Cash:
    amount: int
    note: str = ""


@dataclass
class Debit:
    number: str
    tags: frozenset[str] = frozenset()


@dataclass
class Approved:
    kind: Literal["approved"] = "approved"


@dataclass
class Rejected:
    kind: Literal["rejected"] = "rejected"


@dataclass
class Order:
    pay: Card | Cash | None
    at: datetime | str
    parts: list[Order] = field(default_factory=list)
    checked: int = 0

    def __post_init__(self) -> None:
        self.checked += 1


class Draft(TypedDict):
    pay: NotRequired[Card | Cash]
    name: str


class Loose(msgspec.Struct):
    pay: int


class Looser(msgspec.Struct):
    pay: str


@pytest.mark.parametrize(
    "value,annotation",
    [
        (Card("4", frozenset({"a", "b", "c"})), Card | Cash),
        (Cash(3), Card | Cash),
        ([Cash(1), None, Card("x")], list[Card | Cash | None]),
        ({"a": (Card("x"), Cash(2))}, dict[str, tuple[Card | Cash, ...]]),
        (Approved(), Approved | Rejected),
        (Rejected(), Approved | Rejected),
        (NOON, datetime | str),
        ("noon", datetime | str),
        (NOON, str | datetime),
        ("noon", str | datetime),
        (UUID(int=1), int | UUID | str),
        (7, int | UUID | str),
        ({"free": 1}, Card | dict[str, Any]),
        (Card("1"), dict[str, Any] | Card),
        ({"name": "x", "pay": Cash(1)}, Draft),
        ({"name": "x"}, Draft),
    ],
)
def test_the_member_that_was_stored_comes_back(value: Any, annotation: Any) -> None:
    """R9: a union is decoded to the member that encodes to the same data again."""
    text, copy = CODEC.encode(value, annotation, what=WHAT)
    assert (copy, type(copy)) == (value, type(value))
    assert CODEC.decode(text, annotation, what=WHAT) == value
    CODEC.check(annotation, what=WHAT)


def test_unions_inside_dataclasses_and_recursion_work() -> None:
    """R9: a field `Card | Cash`, even in a class that contains itself, comes back as it was; `__post_init__` runs."""
    value = Order(Card("4"), NOON, [Order(Cash(1, "n"), "later"), Order(None, "x", [Order(Card("5"), NOON)])])
    value.checked = value.parts[0].checked = value.parts[1].checked = value.parts[1].parts[0].checked = 0
    text = msgspec.json.encode(value)
    copy = CODEC.decode(text, Order, what=WHAT)
    assert (copy.pay, copy.at, copy.checked) == (Card("4"), NOON, 1)
    assert (copy.parts[0].pay, copy.parts[1].pay, copy.parts[1].parts[0].pay) == (Cash(1, "n"), None, Card("5"))


@dataclass
class Shop:
    pay: Card | Cash
    branches: list[Shop] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)


def test_a_value_with_unions_inside_is_proved_like_any_other() -> None:
    """R9: a shadowed class comes back equal, and a fault inside it is found with its path."""
    value = Shop(Card("1", frozenset({"b", "a"})), [Shop(Cash(2)), Shop(Card("3"), meta={"k": [1]})])
    assert CODEC.encode(value, Shop, what=WHAT)[1] == value
    value.branches[1].meta["k"][0] = (1,)
    with pytest.raises(PayloadNotEncodable) as caught:
        CODEC.encode(value, Shop, what=WHAT)
    assert caught.value.path == "result.branches[1].meta.k[0]"


def test_classes_with_the_same_fields_are_refused_with_a_remedy() -> None:
    """R9: where the text cannot tell two classes apart, the value is refused rather than changed."""
    CODEC.encode(Card("4"), Card | Debit, what=WHAT)
    with pytest.raises(PayloadNotEncodable, match="does not tell them apart") as caught:
        CODEC.encode([Debit("4")], list[Card | Debit], what=WHAT)
    assert caught.value.path == "result[0]"
    assert "a Literal as its kind" in caught.value.remedy


def test_a_misfit_in_a_union_says_why_each_member_was_refused() -> None:
    """R9: the message names the field with the union, and each member's reason."""
    text = b'{"pay":{"number":4},"at":"x","parts":[]}'
    with pytest.raises(PayloadMismatch, match=r"fits none of Card [|] Cash .Card: Expected `str`, got `int`") as caught:
        CODEC.decode(b'{"pay":null,"at":"x","parts":[' + text + b"]}", Order, what="input of workflow 'w'")
    assert caught.value.path == "input.parts[0].pay"


def test_untagged_structs_are_a_definition_error_that_says_to_tag_them() -> None:
    """R9: what cannot work is refused by `check` with the way out."""

    class Holder(msgspec.Struct):
        it: Loose | Looser

    with pytest.raises(DefinitionError, match="tag=True"):
        CODEC.check(Holder, what=WHAT)
