"""The parts of an expression, and what each means. A part knows its position, so that a failure can show it."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from typing import Any, NoReturn, Protocol

import msgspec

_MOST_BITS = 1_024  # of a whole number that arithmetic gives: as much as a float reaches
_MOST_TEXT_CHARS = 100_000  # of a text that + gives
_SHOWN_KEYS = 8


class Failure(Exception):
    """Evaluation ended at `position`."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(reason)
        self.position, self.reason = position, reason


class Tree(Protocol):
    """One part."""

    def value(self, state: Mapping[str, Any]) -> Any: ...

    def names(self) -> Iterator[str]: ...


@dataclass(frozen=True, slots=True)
class Part:
    """What all parts have in common."""

    at: int  # counts characters of the text from 0

    def names(self) -> Iterator[str]:
        for field in fields(self):
            below = getattr(self, field.name)
            for part in below if isinstance(below, tuple) else (below,):
                if isinstance(part, Part):
                    yield from part.names()

    def fail(self, reason: str) -> NoReturn:
        raise Failure(self.at, reason)


@dataclass(frozen=True, slots=True)
class Constant(Part):
    """A literal."""

    literal: Any

    def value(self, state: Mapping[str, Any]) -> Any:  # noqa: ARG002 - as its kin
        return self.literal


@dataclass(frozen=True, slots=True)
class Name(Part):
    """A key of the state."""

    key: str

    def names(self) -> Iterator[str]:
        yield self.key

    def value(self, state: Mapping[str, Any]) -> Any:
        if self.key not in state:
            self.fail(f"the state has no {self.key!r}{_shown_keys(state)}")
        return state[self.key]


@dataclass(frozen=True, slots=True)
class Field(Part):
    """`of.key`: a key of a mapping, or a declared field of a struct; never any other attribute."""

    of: Tree
    key: str

    def value(self, state: Mapping[str, Any]) -> Any:
        whole = self.of.value(state)
        if isinstance(whole, Mapping):
            if self.key not in whole:
                self.fail(f"there is no {self.key!r}{_shown_keys(whole)}")
            return whole[self.key]
        if self.key not in _declared_fields(whole):
            self.fail(f"a value of type {type(whole).__name__} has no field {self.key!r}")
        return getattr(whole, self.key)


@dataclass(frozen=True, slots=True)
class Item(Part):
    """`of[index]`: an item of a list or text, or a key of a mapping."""

    of: Tree
    index: Tree

    def value(self, state: Mapping[str, Any]) -> Any:
        whole, index = self.of.value(state), self.index.value(state)
        if isinstance(whole, Mapping):
            try:
                if index in whole:
                    return whole[index]
            except TypeError:
                self.fail(f"a value of type {type(index).__name__} cannot be a key")
            self.fail(f"there is no {_shown(index)}{_shown_keys(whole)}")
        if not isinstance(whole, list | tuple | str):
            self.fail(f"a value of type {type(whole).__name__} has no items")
        if type(index) is not int:
            self.fail(f"the index of a {type(whole).__name__} must be a whole number, not {type(index).__name__}")
        if not -len(whole) <= index < len(whole):
            self.fail(f"there is no item {_shown(index)}: it has {len(whole)}")
        return whole[index]


@dataclass(frozen=True, slots=True)
class Length(Part):
    """`len(of)`."""

    of: Tree

    def value(self, state: Mapping[str, Any]) -> Any:
        whole = self.of.value(state)
        if not isinstance(whole, str | bytes | list | tuple | set | frozenset | Mapping):
            self.fail(f"a value of type {type(whole).__name__} has no length")
        return len(whole)


@dataclass(frozen=True, slots=True)
class Listing(Part):
    """`[a, b]`."""

    items: tuple[Tree, ...]

    def value(self, state: Mapping[str, Any]) -> Any:
        return [item.value(state) for item in self.items]


@dataclass(frozen=True, slots=True)
class Logic(Part):
    """`and`, `or`: as in Python, the first value that decides."""

    is_and: bool
    parts: tuple[Tree, ...]

    def value(self, state: Mapping[str, Any]) -> Any:
        value: Any = None
        for part in self.parts:
            value = part.value(state)
            if bool(value) is not self.is_and:
                return value
        return value


@dataclass(frozen=True, slots=True)
class Not(Part):
    of: Tree

    def value(self, state: Mapping[str, Any]) -> Any:
        return not self.of.value(state)


@dataclass(frozen=True, slots=True)
class Negative(Part):
    """`-of` and `+of`."""

    of: Tree
    sign: int

    def value(self, state: Mapping[str, Any]) -> Any:
        number = self.of.value(state)
        if not isinstance(number, int | float | Decimal):
            self.fail(f"a value of type {type(number).__name__} has no sign")
        return -number if self.sign < 0 else +number


@dataclass(frozen=True, slots=True)
class Arithmetic(Part):
    """`+ - * / // %` of numbers, `+` of texts."""

    sign: str
    left: Tree
    right: Tree

    def value(self, state: Mapping[str, Any]) -> Any:
        left, right = self.left.value(state), self.right.value(state)
        if self.sign == "+" and isinstance(left, str) and isinstance(right, str):
            if len(left) + len(right) > _MOST_TEXT_CHARS:
                self.fail(f"the text would be longer than {_MOST_TEXT_CHARS} characters")
            return left + right
        if not isinstance(left, int | float | Decimal) or not isinstance(right, int | float | Decimal):
            self.fail(f"{self.sign} does not fit {type(left).__name__} and {type(right).__name__}")
        for number in (left, right):
            self._bounded(number)
        try:
            result = _OPERATIONS[self.sign](left, right)
        except ZeroDivisionError:
            self.fail("division by zero")
        except (ArithmeticError, TypeError, ValueError) as error:
            self.fail(f"{self.sign} is not possible: {str(error) or type(error).__name__}")
        self._bounded(result)
        return result

    def _bounded(self, number: Any) -> None:
        if isinstance(number, int) and number.bit_length() > _MOST_BITS:
            self.fail("the number is too large")


@dataclass(frozen=True, slots=True)
class Comparison(Part):
    """`a < b <= c`, `a in b`, `a is None`: true when each pair fits."""

    signs: tuple[str, ...]
    operands: tuple[Tree, ...]

    def value(self, state: Mapping[str, Any]) -> Any:
        left = self.operands[0].value(state)
        for sign, operand in zip(self.signs, self.operands[1:], strict=True):
            right = operand.value(state)
            if not self._fits(sign, left, right):
                return False
            left = right
        return True

    def _fits(self, sign: str, left: Any, right: Any) -> bool:
        if sign in ("in", "not in"):
            if not isinstance(right, str | list | tuple | set | frozenset | Mapping):
                self.fail(f"`{sign}` needs a list, a text or a mapping, not {type(right).__name__}")
            if isinstance(right, str) and not isinstance(left, str):
                self.fail(f"only a text can be in a text, not {type(left).__name__}")
        try:
            return bool(_RELATIONS[sign](left, right))
        except TypeError:
            self.fail(f"{type(left).__name__} and {type(right).__name__} cannot be compared with {sign}")


def _declared_fields(value: Any) -> Sequence[str]:
    if isinstance(value, type):
        return ()
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    if is_dataclass(value):
        return [field.name for field in fields(value)]
    # pydantic's models say the same without being imported here
    declared = getattr(type(value), "model_fields", None)
    return list(declared) if isinstance(declared, dict) else ()


def _shown(value: Any) -> str:
    return repr(value)[:60] if isinstance(value, str | int | float) else "such key"


def _shown_keys(mapping: Mapping[Any, Any]) -> str:
    keys = [key for key in mapping if isinstance(key, str)]
    if not keys:
        return ""
    more = ", …" if len(keys) > _SHOWN_KEYS else ""
    return f" (there is: {', '.join(key[:40] for key in keys[:_SHOWN_KEYS])}{more})"


def _is_in(left: Any, right: Any) -> bool:
    return left in right


def _is_not_in(left: Any, right: Any) -> bool:
    return left not in right


ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in",
    ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip
_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod,
}  # fmt: skip
_RELATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "in": _is_in, "not in": _is_not_in, "is": operator.is_, "is not": operator.is_not,
}  # fmt: skip
