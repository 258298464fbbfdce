"""What of a module's text makes it another version: its syntax tree, without comments, layout and docstrings.

The tree is written by our own rules instead of `ast.dump`, whose form differs between releases of Python: a rolling
upgrade of the interpreter must not turn every open execution's code into a new version. Fields that are empty are left
out, because newer grammars add such fields to old nodes.
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from msgspec import Struct


class ImportStatement(Struct, frozen=True):
    """`from <level dots><module> import <names>`; `import a.b` is (0, "a.b", ())."""

    level: int
    module: str
    names: tuple[str, ...] = ()


class Analysis(Struct, frozen=True):
    """What we keep of a parsed text."""

    digest: str  # lower-case hex SHA-256 of the normal form
    imports: tuple[ImportStatement, ...]
    parses: bool = True


@lru_cache(maxsize=512)  # keyed by the text itself: an edit within the clock's grain cannot be missed, as mtimes do
def analyse(source: str) -> Analysis:
    """Return digest and imports of a module's text; a text that does not parse counts as it stands, without imports."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # compiling the text to run it gives them, once and at the right place
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Analysis(digest=_sha256("unparsable:" + source), imports=(), parses=False)
    return Analysis(digest=_sha256(normal_form(tree)), imports=tuple(_imports(tree)))


def statements(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    """Yield every block of statements, outer before inner; a block may be edited in place before the next is asked for.

    Not recursive, and blind to expressions: an import is always a statement, and expressions are most of a tree.
    """
    blocks: list[list[ast.stmt]] = [tree.body]
    while blocks:
        block = blocks.pop()
        yield block
        for statement in block:
            for holder in (statement, *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                for field in ("body", "orelse", "finalbody"):
                    inner = getattr(holder, field, None)
                    if inner:
                        blocks.append(inner)


def normal_form(tree: ast.Module) -> str:
    """Write the tree as text. Equal texts mean equal programs but for docstrings, positions and layout."""
    out: list[str] = []
    waiting: list[Any] = [tree]  # a stack of our own: deep expressions must not meet the recursion limit
    while waiting:
        item = waiting.pop()
        if isinstance(item, ast.Constant):
            out.append(_constant(item.value))
        elif isinstance(item, ast.AST):
            out.append("(" + type(item).__name__)
            waiting.append(_CLOSE)
            for field in reversed(item._fields):
                value = _value(item, field)
                if value is None or value == [] or field in _IMPLIED:
                    continue
                waiting += (value, _Mark(f" {field}="))
        elif isinstance(item, list):
            out.append("[")
            waiting.append(_END)
            waiting.extend(reversed(item))
        elif isinstance(item, _Mark):
            out.append(item)
        else:  # an identifier, a level, a flag
            out.append(_constant(item))
    return "".join(out)


class _Mark(str):
    """Text of ours on the stack, as against a value of the tree."""

    __slots__ = ()


_CLOSE, _END = _Mark(")"), _Mark("]")
_IMPLIED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})  # position, spelling and comments say these
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _value(node: ast.AST, field: str) -> Any:
    value = getattr(node, field, None)
    if field == "body" and isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        return value[1:] if value else value
    if field == "values" and isinstance(node, ast.JoinedStr):
        return _joined(node.values)
    return value


def _joined(values: list[ast.expr]) -> list[ast.expr]:
    # releases of Python differ in how they cut the literal parts of an f-string
    merged: list[ast.expr] = []
    for value in values:
        last = merged[-1] if merged else None
        if isinstance(value, ast.Constant) and isinstance(last, ast.Constant):
            merged[-1] = ast.Constant(f"{last.value!s}{value.value!s}")
        elif not (isinstance(value, ast.Constant) and value.value == ""):
            merged.append(value)
    return merged


def _constant(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"<{value:#x}>"  # decimal digits are limited in length
    return f"<{value!a}>"  # not repr: which characters it escapes changes with the Unicode tables


def _imports(tree: ast.Module) -> Iterator[ImportStatement]:
    for block in statements(tree):
        for statement in block:
            if isinstance(statement, ast.Import):
                for alias in statement.names:
                    yield ImportStatement(0, alias.name)
            elif isinstance(statement, ast.ImportFrom):
                names = tuple(alias.name for alias in statement.names if alias.name != "*")
                yield ImportStatement(statement.level, statement.module or "", names)


def _sha256(text: str) -> str:
    # surrogatepass: a lone surrogate cannot come from a file, but a text may have been handed to us
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
