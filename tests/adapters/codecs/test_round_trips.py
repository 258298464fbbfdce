"""Every type of the contract comes back equal, with the same types, and encodes to the same text again."""

from __future__ import annotations

import collections
import enum
import math
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebelum.adapters.codecs.json_codec import JsonCodec

CODEC = JsonCodec()
WHAT = "result of step 'work'"


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Point(NamedTuple):
    x: int
    label: str = ""


class Options(TypedDict):
    depth: int
    tags: NotRequired[set[str]]


class Line(msgspec.Struct, frozen=True, rename="camel"):
    unit_price: Decimal
    item_count: int = 1


class Circle(msgspec.Struct, tag=True):
    radius: float


class Square(msgspec.Struct, tag=True):
    side: float


@dataclass(frozen=True)
class Everything:
    flag: bool
    count: int
    ratio: float
    text: str
    at: datetime
    day: date
    clock: time
    lasts: timedelta
    key: UUID
    price: Decimal
    raw: bytes
    color: Color
    level: Level
    kind: Literal["a", "b", 3]
    shape: Circle | Square
    point: Point
    options: Options
    lines: list[Line]
    pair: tuple[int, str]
    many: tuple[float, ...]
    tags: frozenset[str]
    by_number: dict[int, list[str]]
    by_day: dict[date, UUID]
    maybe: datetime | None
    limited: Annotated[int, msgspec.Meta(ge=0)]
    rest: dict[str, Any] = field(default_factory=dict)
    inner: Everything | None = None


@dataclass(eq=False)
class ByIdentity:
    ratio: float
    pair: tuple[int, ...]
    inner: ByIdentity | None = None


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
ZONES = st.one_of(
    st.none(), st.just(UTC), st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
)
SCALARS = st.none() | st.booleans() | st.integers() | FLOATS | TEXTS
PLAIN = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20)
DECIMALS = st.decimals(allow_nan=False)
INSTANTS = st.datetimes(timezones=ZONES)

EVERYTHING = st.builds(
    Everything,
    flag=st.booleans(),
    count=st.integers(),
    ratio=FLOATS,
    text=TEXTS,
    at=INSTANTS,
    day=st.dates(),
    clock=st.times(),
    lasts=st.timedeltas(),
    key=st.uuids(),
    price=DECIMALS,
    raw=st.binary(max_size=20),
    color=st.sampled_from(Color),
    level=st.sampled_from(Level),
    kind=st.sampled_from(["a", "b", 3]),
    shape=st.builds(Circle, FLOATS) | st.builds(Square, FLOATS),
    point=st.builds(Point, st.integers(), TEXTS),
    options=st.fixed_dictionaries({"depth": st.integers()}, optional={"tags": st.sets(TEXTS, max_size=4)}),
    lines=st.lists(st.builds(Line, DECIMALS, st.integers()), max_size=3),
    pair=st.tuples(st.integers(), TEXTS),
    many=st.lists(FLOATS, max_size=3).map(tuple),
    tags=st.frozensets(TEXTS, max_size=4),
    by_number=st.dictionaries(st.integers(-(2**63), 2**63), st.lists(TEXTS, max_size=2), max_size=3),
    by_day=st.dictionaries(st.dates(), st.uuids(), max_size=3),
    maybe=st.none() | INSTANTS,
    limited=st.integers(min_value=0, max_value=2**62),
    rest=st.dictionaries(TEXTS, PLAIN, max_size=3),
)


def same(left: Any, right: Any) -> bool:
    """Equality that also compares types, and the signs of zeros."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


@given(PLAIN)
def test_plain_values_without_annotation_keep_value_type_and_order(value: Any) -> None:
    """R9: what JSON holds comes back with the same types, signs and key order, and is stable when encoded again."""
    text, copy = CODEC.encode(value, what=WHAT)
    assert same(copy, value)
    assert same(CODEC.decode(text, what=WHAT), value)
    assert CODEC.encode(copy, what=WHAT) == (text, copy)


@given(EVERYTHING, st.booleans())
def test_annotated_values_of_every_type_come_back_equal(value: Everything, nested: bool) -> None:
    """R9: each type of the contract, nested in dataclasses, comes back equal and stable."""
    if nested:
        value = msgspec.structs.replace(value) if isinstance(value, msgspec.Struct) else value
        value = Everything(**{**value.__dict__, "inner": value})
    text, copy = CODEC.encode(value, Everything, what=WHAT)
    assert copy == value
    assert type(copy.pair) is tuple
    assert type(copy.tags) is frozenset
    assert CODEC.decode(text, Everything, what=WHAT) == value
    assert CODEC.encode(copy, Everything, what=WHAT)[0] == text


@pytest.mark.parametrize(
    "value,annotation",
    [
        (True, Any),
        (1, Any),
        (1.0, Any),
        (-0.0, Any),
        (10**400, Any),
        (-(2**70), int),
        (None, None),
        (5, object),
        ({1, 2}, set[int]),
        (Decimal("-0.00"), Decimal),
        (Decimal("1E+1000"), Decimal),
        (timedelta.max, timedelta),
        (timedelta.min, timedelta),
        (b"\x00\xff", bytes),
        ((1, "a"), tuple[int, str]),
        ((), tuple[()]),
        ([Color.RED], list[Color]),
        (Level.HIGH, Level),
        (Point(1), Point),
        ({"depth": 1, "tags": {"x"}}, Options),
        ({1.5: "a"}, dict[float, str]),
        ("\x00\u2028\U0001f600", Any),
        ([1, None], collections.abc.Sequence[int | None]),
        ([date(2024, 1, 1)], collections.abc.Iterable[date]),
    ],
)
def test_a_value_comes_back_with_its_type(value: Any, annotation: Any) -> None:
    """R9: one value of each type comes back equal, and of the same class."""
    text, copy = CODEC.encode(value, annotation, what=WHAT)
    assert (copy, type(copy)) == (value, type(value))
    assert CODEC.decode(text, annotation, what=WHAT) == value


def test_an_int_under_float_comes_back_as_a_float() -> None:
    """R9: an annotation of float wins over the int that was given."""
    assert type(CODEC.encode(1, float, what=WHAT)[1]) is float


def test_objects_that_compare_by_identity_are_accepted_when_their_fields_are_the_same() -> None:
    """R9: `eq=False` does not make a value unstorable."""
    value = ByIdentity(1.5, (1, 2), ByIdentity(-0.0, ()))
    _, copy = CODEC.encode(value, ByIdentity, what=WHAT)
    assert copy is not value
    assert (copy.ratio, copy.pair, copy.inner.pair) == (1.5, (1, 2), ())


def test_a_time_in_a_named_zone_comes_back_as_the_same_instant_and_offset() -> None:
    """R9: an instant in a clock change's repeated hour keeps its offset, though Python's `==` denies it."""
    value = datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Madrid"), fold=1)
    _, copy = CODEC.encode(value, datetime, what=WHAT)
    assert copy.isoformat() == value.isoformat()


def test_subclasses_of_plain_types_become_what_the_annotation_says() -> None:
    """R9: an annotation decides the type: a Counter under `dict[str, int]` is a dict, an IntEnum under `int` an int."""
    assert type(CODEC.encode(collections.Counter("aab"), dict[str, int], what=WHAT)[1]) is dict
    assert type(CODEC.encode(Level.LOW, int, what=WHAT)[1]) is int


SETS_PROGRAM = """
from cerebelum.adapters.codecs.json_codec import JsonCodec
value = {"b": {"pear", "apple", "fig", "10", "9"}, "a": set()}
print(JsonCodec().encode(value, dict[str, set[str]], what="result")[0].decode())
value = {frozenset({"x", "y", "z"}), frozenset({"a", "b"})}
print(JsonCodec().encode(value, set[frozenset[str]], what="result")[0].decode())
"""


def test_sets_have_one_text_whatever_the_hash_seed() -> None:
    """R9: equal sets have equal texts in every process, and dicts keep their order."""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SETS_PROGRAM],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert outputs == {
        '{"b":["10","9","apple","fig","pear"],"a":[]}\n[["a","b"],["x","y","z"]]\n',
    }
