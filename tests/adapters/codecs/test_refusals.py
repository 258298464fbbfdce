"""What JSON cannot hold exactly is refused when it is produced, naming the place, the reason and the remedy."""

from __future__ import annotations

import collections
import enum
import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, NamedTuple
from uuid import uuid4

import pytest

from cerebelum.adapters.codecs.json_codec import JsonCodec
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_payload import PayloadNotEncodable

CODEC = JsonCodec()
RESULT = "result of step 'charge'"


class Color(enum.IntEnum):
    RED = 1


class Word(enum.StrEnum):
    A = "a"


class Pair(NamedTuple):
    a: int
    b: float | None


class Opaque:
    def __repr__(self) -> str:
        raise RuntimeError("no text for you")


class Text(str):
    __slots__ = ()


@dataclass
class Item:
    price: float | None
    note: Any = None


@dataclass
class Order:
    items: list[Item]


@dataclass
class Gift(Order):
    to: str = ""


@dataclass(eq=False)
class Hidden:
    ratio: float | None = None
    more: list[Any] = field(default_factory=list)


@dataclass
class Uncompared:
    name: str
    ratio: float | None = field(compare=False)


@dataclass
class Liar:
    ratio: float | None

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def refusal(value: Any, annotation: Any = Any, what: str = RESULT) -> PayloadNotEncodable:
    with pytest.raises(PayloadNotEncodable) as caught:
        CODEC.encode(value, annotation, what=what)
    return caught.value


NAN = math.nan


@pytest.mark.parametrize(
    "value,annotation,path,shown",
    [
        (NAN, Any, "result", "NaN"),
        ([0, {"a": [NAN]}], Any, "result[1].a[0]", "NaN"),
        ({"a b": -math.inf}, Any, "result['a b']", "-Infinity"),
        (math.inf, float, "result", "Infinity"),
        (Order([Item(1), Item(2), Item(3), Item(NAN)]), Order, "result.items[3].price", "NaN"),
        (Item(1, {"x": [NAN]}), Item, "result.note.x[0]", "NaN"),
        (Hidden(NAN), Hidden, "result.ratio", "NaN"),
        (Hidden(1.0, [[NAN]]), Hidden, "result.more[0][0]", "NaN"),
        ([Uncompared("a", NAN)], list[Uncompared], "result[0].ratio", "NaN"),
        (Liar(NAN), Liar, "result.ratio", "NaN"),
        (Pair(1, NAN), Pair, "result.b", "NaN"),
        ({1.0, NAN}, set[float | None], "result{*}", "NaN"),
        ([Decimal("NaN")], list[Decimal], "result[0]", "Decimal('NaN')"),
        ([Decimal("sNaN")], list[Decimal], "result[0]", "Decimal('sNaN')"),
        (["ok", "a\ud800"], Any, "result[1]", "'a\\ud800'"),
        ({"a\udfff": 1}, Any, "result", "key 'a\\udfff'"),
        ({"x": {NAN: 1}}, dict[str, dict[float, int]], "result.x", "key NaN"),
        ({"x": {1: 2}}, Any, "result.x", "key 1"),
        ({"x": {(1, 2): 2}}, Any, "result.x", "key (1, 2)"),
        ({None: 2}, Any, "result", "key None"),
        ({"x": [Opaque()]}, Any, "result.x[0]", "<Opaque>"),
    ],
)
def test_the_first_bad_place_is_named(value: Any, annotation: Any, path: str, shown: str) -> None:
    """R9: NaN, infinities, half surrogates, keys and foreign objects are refused with their path, wherever they hide."""
    error = refusal(value, annotation)
    assert (error.path, error.shown) == (path, shown)
    assert f"{path}: {shown}" in str(error)
    assert (error.code, error.exit_code, error.what) == ("CB601", 1, RESULT)


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1, 2},
        frozenset({1}),
        datetime(2024, 1, 1, tzinfo=UTC),
        date(2024, 1, 1),
        time(1),
        timedelta(1),
        uuid4(),
        Decimal(1),
        b"x",
        bytearray(b"x"),
        Color.RED,
        Word.A,
        Pair(1, 2),
        Item(1),
        Text("x"),
        collections.defaultdict(int, a=1),
        collections.OrderedDict(a=1),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("nested", [False, True], ids=["alone", "nested"])
def test_types_that_json_has_not_need_an_annotation(value: Any, nested: bool) -> None:
    """R9: without an annotation a value that would come back as another type is refused, with the remedy."""
    error = refusal({"deep": [value]} if nested else value, dict[str, Any] if nested else Any)
    assert error.path == ("result.deep[0]" if nested else "result")
    assert f"JSON has no {type(value).__name__}" in error.why
    assert error.remedy == "annotate the return type of step 'charge'"


def test_an_argument_is_named_by_its_parameter() -> None:
    """R9: the path into arguments begins with the parameter, and the remedy names it."""
    error = refusal({"order": {"items": (1,)}}, what="arguments of step 'charge'")
    assert error.path == "order.items"
    assert error.remedy == "annotate parameter 'order' of step 'charge'"


@pytest.mark.parametrize(
    "value,annotation,path",
    [
        ((1, 2), list[int], "result"),
        ({"price": 1.0, "note": None}, Item, "result"),
        (Gift([], "ana"), Order, "result"),
        (Item(1.0, (1,)), Item, "result.note"),
        ("x", int, "result"),
        (True, int, "result"),
        (2**53 + 1, float, "result"),
        ({"a": [1, "x"]}, dict[str, list[int]], "result.a[1]"),
        ("2024-01-01T00:00:00", datetime, "result"),
        (datetime(1800, 1, 1, tzinfo=timezone(timedelta(minutes=9, seconds=21))), datetime, "result"),
    ],
)
def test_a_value_of_another_type_than_annotated_is_refused(value: Any, annotation: Any, path: str) -> None:
    """R9: the decoded copy must be the value; an annotation that does not fit is an error at the source."""
    assert refusal(value, annotation).path == path


class Spiteful(dict[str, int]):
    def items(self) -> Any:
        raise RuntimeError("spite")


@dataclass
class Trap:
    a: int

    def __getattribute__(self, name: str) -> Any:
        if name == "a":
            raise RuntimeError("sprung")
        return object.__getattribute__(self, name)


@pytest.mark.parametrize("value,annotation", [(Spiteful(a=1), Any), (Trap(1), Any), (Trap(1), Trap)])
def test_values_whose_own_code_raises_are_refused(value: Any, annotation: Any) -> None:
    """R9: nothing a value does while it is looked into gets past the codec but a refusal."""
    refusal(value, annotation)


def test_an_int_beyond_pythons_own_limit_of_digits_is_refused() -> None:
    """R9: Python turns no int of more than 4,300 digits into text; the refusal says so."""
    assert CODEC.encode(10**4299, what=RESULT)[1] == 10**4299
    error = refusal({"n": 10**4300})
    assert (error.path, "digits" in error.why) == ("result.n", True)


def test_nesting_up_to_100_levels_is_stored_and_101_refused() -> None:
    """R10: JSON depth is bounded at 100, under every kind of annotation."""
    deep: Any = "x"
    for _ in range(100):
        deep = [deep]
    assert CODEC.encode(deep, what=RESULT)[1] == deep
    assert "deeper than 100" in refusal([deep]).why
    assert "deeper than 100" in refusal(Item(1.0, deep), Item).why
    assert CODEC.encode([["x"]] * 500, what=RESULT)[1] == [["x"]] * 500


@pytest.mark.parametrize("levels", [500, 5_000, 200_000])
def test_absurd_nesting_is_refused_without_a_crash(levels: int) -> None:
    """R10: a value nested beyond the interpreter's own limits is an ordinary refusal."""
    deep: Any = []
    for _ in range(levels):
        deep = [deep]
    assert "deeper than 100" in refusal(deep).why
    while deep:  # take it apart, so that freeing it does not recurse
        deep = deep[0]


def test_a_value_that_contains_itself_is_refused() -> None:
    """R9: a cycle is named as such."""
    ring: dict[str, Any] = {}
    ring["again"] = {"x": ring}
    error = refusal(ring)
    assert (error.path, error.why) == ("result.again.x", "it contains itself")


def test_messages_hold_no_control_characters() -> None:
    """R9: a hostile value cannot write to the terminal through an error: escapes are visible, and the text is short."""
    error = refusal({"\x1b[31m\u202e": ["\x9b" * 10_000 + "\ud800"]})
    assert all(c.isprintable() or c == "\n" for c in str(error))
    assert len(str(error)) < 1000


def test_an_annotation_that_nothing_can_decode_is_an_error_at_definition_time() -> None:
    """R9: `check` refuses what could never be stored, naming it."""

    class Fraction(enum.Enum):
        HALF = 0.5

    for annotation in (Opaque, list[Opaque], Fraction):
        with pytest.raises(DefinitionError, match=r"Opaque|Fraction"):
            CODEC.check(annotation, what="parameter 'x' of step 'charge'")
    for fine in (Order, Annotated[int, {"a": 1}], Annotated[list[Item], {"a": 1}]):
        CODEC.check(fine, what="parameter 'x' of step 'charge'")
    CODEC.check(None, what="result of step 'charge'")
