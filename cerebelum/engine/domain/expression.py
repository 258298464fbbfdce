"""Conditions as data: `total > 1000 and country in ["CH", "DE"]`.

Rules of this file:
- The text is parsed with `ast` and rebuilt as a tree of our own from a whitelist; nothing is compiled, nothing is run.
- What an expression can reach is plain data: keys of mappings, items of lists, declared fields of structs, `len`. No
  calls, no attributes of objects, no loops, no names with a leading underscore.
- Text, depth and size of numbers are bounded, so the time it takes is too: there is nothing in it that repeats.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from cerebelum.engine.domain.errors_definition import ExpressionError
from cerebelum.engine.domain.expression_tree import (
    ARITHMETIC,
    COMPARISONS,
    Arithmetic,
    Comparison,
    Constant,
    Failure,
    Field,
    Item,
    Length,
    Listing,
    Logic,
    Name,
    Negative,
    Not,
    Tree,
)

MOST_CHARS = 1_000
MOST_DEPTH = 50
_WORDS = {"true": True, "false": False, "null": None}  # as JSON and YAML spell them
_HINTS: dict[type[ast.AST], str] = {
    ast.Call: "only len(…) can be called",
    ast.Lambda: "functions cannot be made here",
    ast.NamedExpr: "nothing can be assigned; compare with ==",
    ast.JoinedStr: "f-strings are not allowed",
    ast.ListComp: "comprehensions are not allowed",
    ast.SetComp: "comprehensions are not allowed",
    ast.DictComp: "comprehensions are not allowed",
    ast.GeneratorExp: "comprehensions are not allowed",
    ast.IfExp: "if … else is not allowed; use and, or",
    ast.Slice: "slices are not allowed",
    ast.Starred: "* is not allowed here",
    ast.Pow: "** is not allowed",
    ast.MatMult: "@ is not allowed",
    ast.LShift: "<< is not allowed",
    ast.RShift: ">> is not allowed",
    ast.BitAnd: "& is not allowed; use and",
    ast.BitOr: "| is not allowed; use or",
    ast.BitXor: "^ is not allowed",
    ast.Invert: "~ is not allowed; use not",
}


class Expression:
    """A condition that was parsed; `evaluate` it on a state as often as needed."""

    __slots__ = ("_tree", "text")

    def __init__(self, text: str) -> None:
        """Parse and check `text`.

        Raises:
            ExpressionError: it is not an expression, or holds something that is not allowed; with its position.
        """
        self.text = text
        self._tree = parsed(text)

    def evaluate(self, state: Mapping[str, Any]) -> Any:
        """Return its value; a name is a key of `state`.

        Raises:
            ExpressionError: a key or field is not there, or an operation does not fit the values it meets.
        """
        try:
            return self._tree.value(state)
        except Failure as failure:
            raise ExpressionError(self.text, failure.position, failure.reason) from None
        except Exception as error:  # values are users' own: their comparisons may raise, or recurse, as they like
            raise ExpressionError(self.text, 0, f"cannot be evaluated: {type(error).__name__}") from error

    def holds(self, state: Mapping[str, Any]) -> bool:
        """Return whether its value counts as true.

        Raises:
            ExpressionError: as `evaluate`.
        """
        value = self.evaluate(state)
        try:
            return bool(value)
        except Exception as error:
            raise ExpressionError(self.text, 0, f"is neither true nor false: {type(error).__name__}") from error

    def names(self) -> frozenset[str]:
        """Return the keys of the state that it reads."""
        return frozenset(self._tree.names())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def parsed(text: str, *, private_names: bool = False) -> Tree:
    """Return the parts of an expression, to be evaluated in another way than `Expression` does.

    Args:
        private_names: names may begin with an underscore.

    Raises:
        ExpressionError: as `Expression`.
    """
    if not isinstance(text, str):
        raise ExpressionError(str(type(text).__name__), 0, "an expression must be a text")
    if len(text) > MOST_CHARS:
        raise ExpressionError(text, MOST_CHARS, f"the expression has {len(text)} characters, {MOST_CHARS} are allowed")
    for position, character in enumerate(text):
        if not character.isprintable() or 0xD800 <= ord(character) < 0xE000:
            raise ExpressionError(text, position, "an expression is one line of printable characters")
    lead = len(text) - len(text.lstrip())
    return _Builder(text, lead, private_names=private_names).build(_syntax(text, lead))


def _syntax(text: str, lead: int) -> ast.expr:
    if not text.strip():
        raise ExpressionError(text, 0, "the expression is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `1 is 1`, "\d": refused or harmless, and nobody's code
            return ast.parse(text[lead:], mode="eval").body
    except SyntaxError as error:
        position = lead + max(0, (error.offset or 1) - 1)
        raise ExpressionError(text, position, f"not an expression: {error.msg}{_advice(text)}") from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise ExpressionError(text, 0, f"not an expression: {error or 'it is nested too deeply'}") from None


def _advice(text: str) -> str:
    for wrong, right in (("&&", "and"), ("||", "or"), ("<>", "!=")):
        if wrong in text:
            return f" (write {right} for {wrong})"
    return ""


class _Builder:
    """Rebuilds Python's tree as ours; whatever is not listed is refused."""

    def __init__(self, text: str, lead: int, *, private_names: bool) -> None:
        self._text, self._lead, self._depth, self._private_names = text, lead, 0, private_names
        self._bytes = text[lead:].encode()

    def build(self, node: ast.expr) -> Tree:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            self._refuse(node, f"nested deeper than {MOST_DEPTH} levels")
        make = _MAKERS.get(type(node))
        if make is None:
            self._refuse(node, _HINTS.get(type(node), f"{type(node).__name__} is not allowed"))
        tree = make(self, node)
        self._depth -= 1
        return tree

    def _at(self, node: ast.expr) -> int:
        # Python counts bytes, people count characters
        return self._lead + len(self._bytes[: node.col_offset].decode(errors="ignore"))

    def _refuse(self, node: ast.expr, reason: str) -> NoReturn:
        raise ExpressionError(self._text, self._at(node), reason)

    def _constant(self, node: ast.Constant) -> Tree:
        value = node.value
        if value is not None and not isinstance(value, bool | int | float | str):
            self._refuse(node, f"a literal of type {type(value).__name__} is not allowed")
        return Constant(self._at(node), value)

    def _name(self, node: ast.Name) -> Tree:
        if node.id in _WORDS:
            return Constant(self._at(node), _WORDS[node.id])
        self._public(node, node.id)
        return Name(self._at(node), node.id)

    def _public(self, node: ast.expr, name: str) -> None:
        if name.startswith("_") and not self._private_names:
            self._refuse(node, f"names that begin with an underscore are not allowed: {name}")

    def _field(self, node: ast.Attribute) -> Tree:
        self._public(node, node.attr)
        return Field(self._at(node), self.build(node.value), node.attr)

    def _item(self, node: ast.Subscript) -> Tree:
        return Item(self._at(node), self.build(node.value), self.build(node.slice))

    def _call(self, node: ast.Call) -> Tree:
        if not isinstance(node.func, ast.Name) or node.func.id != "len":
            self._refuse(node, _HINTS[ast.Call])
        if len(node.args) != 1 or node.keywords:
            self._refuse(node, "len(…) takes one value")
        return Length(self._at(node), self.build(node.args[0]))

    def _listing(self, node: ast.List | ast.Tuple) -> Tree:
        return Listing(self._at(node), tuple(self.build(item) for item in node.elts))

    def _logic(self, node: ast.BoolOp) -> Tree:
        parts = tuple(self.build(part) for part in node.values)
        return Logic(self._at(node), isinstance(node.op, ast.And), parts)

    def _unary(self, node: ast.UnaryOp) -> Tree:
        if isinstance(node.op, ast.Invert):
            self._refuse(node, _HINTS[ast.Invert])
        operand = self.build(node.operand)
        if isinstance(node.op, ast.Not):
            return Not(self._at(node), operand)
        return Negative(self._at(node), operand, -1 if isinstance(node.op, ast.USub) else 1)

    def _arithmetic(self, node: ast.BinOp) -> Tree:
        sign = ARITHMETIC.get(type(node.op))
        if sign is None:
            self._refuse(node, _HINTS[type(node.op)])
        return Arithmetic(self._at(node), sign, self.build(node.left), self.build(node.right))

    def _comparison(self, node: ast.Compare) -> Tree:
        signs = []
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, ast.Is | ast.IsNot) and not _is_none(right):
                self._refuse(right, "`is` compares with None only; use ==")
            signs.append(COMPARISONS[type(operator)])
        operands = tuple(self.build(operand) for operand in (node.left, *node.comparators))
        return Comparison(self._at(node), tuple(signs), operands)


def _is_none(node: ast.expr) -> bool:
    is_constant = isinstance(node, ast.Constant) and node.value is None
    return is_constant or (isinstance(node, ast.Name) and node.id == "null")


_MAKERS: dict[type[ast.expr], Callable[[_Builder, Any], Tree]] = {
    ast.Constant: _Builder._constant,  # noqa: SLF001 - its own table
    ast.Name: _Builder._name,  # noqa: SLF001
    ast.Attribute: _Builder._field,  # noqa: SLF001
    ast.Subscript: _Builder._item,  # noqa: SLF001
    ast.Call: _Builder._call,  # noqa: SLF001
    ast.List: _Builder._listing,  # noqa: SLF001
    ast.Tuple: _Builder._listing,  # noqa: SLF001
    ast.BoolOp: _Builder._logic,  # noqa: SLF001
    ast.UnaryOp: _Builder._unary,  # noqa: SLF001
    ast.BinOp: _Builder._arithmetic,  # noqa: SLF001
    ast.Compare: _Builder._comparison,  # noqa: SLF001
}
