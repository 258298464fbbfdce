"""Watches: what they can say, what they refuse, and that no code of the user ever runs for them."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebelum.engine.application.watching import WatchFailed, parse_watch

Pair = namedtuple("Pair", "left right")  # noqa: PYI024 - the plain kind is what is tested


class Colour(StrEnum):
    RED = "red"


class Size(Enum):
    LARGE = 3


@dataclass
class Order:
    total: int = 7
    items: list[str] = field(default_factory=lambda: ["book", "pen"])
    _note: str = "gift"
    api_key: str = "k-123"
    prices: dict[str, Decimal] = field(default_factory=lambda: {"pen": Decimal("1.50")})


def refuse(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("code of the user was run")


class Hostile(dict[str, int]):
    """Says no to whatever is asked of it."""

    __getitem__ = __contains__ = __iter__ = __len__ = __bool__ = __eq__ = __missing__ = refuse
    __getattr__ = __lt__ = items = keys = get = refuse
    __hash__ = refuse  # type: ignore[assignment]

    @property
    def total(self) -> NoReturn:
        refuse()


class HostileKey:
    def __hash__(self) -> int:
        return hash("total")

    def __eq__(self, other: object) -> bool:
        return refuse() if is_armed else False


is_armed: list[bool] = []  # once the dict is made
LOCALS: dict[str, Any] = {
    "order": Order(), "n": 3, "name": "Ann", "password": "hunter2", "pair": Pair(1, 2), "colour": Colour.RED,
    "size": Size.LARGE, "nothing": None, "many": list(range(100_000)), "plain": object(), "_private": 1,
    "hostile": Hostile(total=1), "keyed": {HostileKey(): 1, "total": 2},
}  # fmt: skip
is_armed.append(True)


def look(text: str, *scopes: dict[str, Any]) -> str:
    return parse_watch(text).find(scopes or [LOCALS])


def value_or_reason(text: str, *scopes: dict[str, Any]) -> str:
    try:
        return look(text, *scopes)
    except WatchFailed as failure:
        return str(failure)


@pytest.mark.parametrize(
    "text, value",
    [
        ("n", "3"),
        ("order.total", "7"),
        ("order.items[1]", "'pen'"),
        ("order.items[-1]", "'pen'"),
        ("order.prices['pen']", "Decimal('1.50')"),
        ("order.prices[pen]", "Decimal('1.50')"),
        ("order.prices.pen", "Decimal('1.50')"),
        ("order._note", "'gift'"),
        ("_private + 1", "2"),
        ("pair.right", "2"),
        ("order.total > 5 and n < 4", "True"),
        ("order.total + n * 2", "13"),
        ("n in [1, 2, 3]", "True"),
        ("'oo' in order.items[0]", "True"),
        ("len(many)", "100000"),
        ("len(hostile)", "1"),
        ("many[99999]", "99999"),
        ("not nothing", "True"),
        ("nothing is None", "True"),
        ("order is not None", "True"),
        ("order and order.total", "7"),
        ("colour == 'red'", "True"),
        ("size == 3", "True"),
        ("hostile.total", "1"),
        ("keyed.total", "2"),
        ("password", "•••"),
        ("order.api_key", "•••"),
        ("1 < n < 4", "True"),
        ("many[n]", "3"),
    ],
)
def test_an_expression_has_the_value_that_python_would_give(text: str, value: str) -> None:
    """W5: paths, items, len, comparisons, arithmetic and logic, over whatever the locals hold; secrets are masked."""
    assert look(text) == value


@pytest.mark.parametrize(
    "text, reason",
    [
        ("nobody", "there is no variable 'nobody' here"),
        ("order.nothing", "a value of type Order has no 'nothing'"),
        ("order.items[5]", "a value of type list has no item 5"),
        ("n + name", "+ does not fit int and str"),
        ("n / 0", "division by zero"),
        ("order > 3", "a value of type Order is not compared or computed with; name one of its fields"),
        ("order == order", "a value of type Order is not compared or computed with; name one of its fields"),
        ("many == many", "a value with more than 10,000 parts is not compared or computed with"),
        ("password == 'hunter2'", "it is a secret, which is not computed with"),
        ("len(n)", "a value of type int has no length"),
        ("n.total", "a value of type int has no 'total'"),
    ],
)
def test_what_has_no_value_says_why(text: str, reason: str) -> None:
    """W5: each watch that cannot be evaluated tells its own reason, and raises nothing else."""
    with pytest.raises(WatchFailed) as caught:
        look(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize("text", ["hostile == 1", "hostile > n", "not hostile", "hostile.total == 1", "keyed == 1",
                                  "hostile in [1]", "plain == 1", "hostile and n", "hostile.missing"])  # fmt: skip
def test_no_code_of_the_user_runs(text: str) -> None:
    """E13, W5: neither dunder methods nor properties are called, whatever an expression asks for."""
    assert "AssertionError" not in value_or_reason(text)


def test_inner_scopes_come_first() -> None:
    """W5: a name means the innermost variable of that name."""
    assert look("n", {"n": 1}, {"n": 2, "m": 3}) == "1"
    assert look("n + m", {"n": 1}, {"n": 2, "m": 3}) == "4"


@pytest.mark.parametrize("text", ["", "order.", "order()", "a = 1", "[x for x in y]", "lambda: 1", "f'{n}'", "a if b else c",
                                  "__import__('os')", "order.items[0:1]", "n\nm", "x" * 2_000, "2 ** 9"])  # fmt: skip
def test_everything_else_is_refused_when_it_is_typed(text: str) -> None:
    """W5: what is not on the whitelist is no watch, and the refusal shows an example of one."""
    with pytest.raises(ValueError, match=r"cannot watch[\s\S]*order\.total"):
        parse_watch(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(Order()) | st.just(LOCALS["plain"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=20,
)


@given(value=VALUES, other=VALUES, sign=st.sampled_from(["==", "<", "+", "in", "and", "*", "%", "is not"]))
def test_any_values_give_a_text_or_a_reason(value: Any, other: Any, sign: str) -> None:
    """W5: no value makes a watch raise anything but its reason."""
    text = "a is not None" if sign == "is not" else f"a {sign} b"
    assert value_or_reason(text, {"a": value, "b": other})
