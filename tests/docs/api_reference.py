"""Writes `docs/reference.md` from the docstrings of everything that `from cerebelum import …` gives.

`python -m tests.docs.api_reference` writes it; with `--check`, exit code 1 says that it is not as the docstrings are.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cerebelum
from cerebelum.engine.application.client import Client, Handle

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"
_HEAD = """# API reference

What `from cerebelum import …` gives, and what `connect` gives: `Client` and `Handle`. Written from the docstrings by `python -m tests.docs.api_reference`; edit those.
"""


def reference() -> str:
    """Return the page."""
    things = {name: getattr(cerebelum, name) for name in cerebelum.__all__} | {"Client": Client, "Handle": Handle}
    names = sorted(things, key=lambda name: (name.lower(), name))
    index = " · ".join(f"[`{name}`](#{_anchor(name, names)})" for name in names)
    entries = "\n".join(_entry(name, things[name]) for name in names)
    return f"{_HEAD}\n{index}\n\n{entries}"


def _anchor(name: str, names: list[str]) -> str:
    """Return where Markdown puts the heading: of two that differ in case only, the second gets a number."""
    twins = [other for other in names if other.lower() == name.lower()]
    return name.lower() if twins[0] == name else f"{name.lower()}-{twins.index(name)}"


class _Bare:
    """An annotation, shown as it is written."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _entry(name: str, thing: Any) -> str:
    parts = [f"## {name}\n", _code(f"{name}{_signature(thing)}"), _doc(thing)]
    if inspect.isclass(thing) and not issubclass(thing, BaseException):
        parts += [f"### {name}.{method}\n\n{_code(text)}\n{doc}" for method, text, doc in _methods(thing)]
    return "\n".join(part for part in parts if part)


def _methods(thing: type) -> Iterator[tuple[str, str, str]]:
    for name, member in vars(thing).items():
        function = getattr(member, "__func__", member)
        if name.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        prefix = "async " if inspect.iscoroutinefunction(function) else ""
        yield name, f"{prefix}{name}{_signature(function)}", _doc(function)


def _signature(thing: Any) -> str:
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        return ""
    try:
        return str(_shown(inspect.signature(thing)))
    except (TypeError, ValueError):
        return ""


def _shown(signature: inspect.Signature) -> inspect.Signature:
    bare = [
        parameter.replace(
            annotation=_Bare(parameter.annotation) if isinstance(parameter.annotation, str) else parameter.annotation,
            default=_Bare("…") if type(parameter.default) is object else parameter.default,  # "not given"
        )
        for parameter in signature.parameters.values()
    ]
    result = signature.return_annotation
    return signature.replace(parameters=bare, return_annotation=_Bare(result) if isinstance(result, str) else result)


def _code(text: str) -> str:
    return f"```\n{text}\n```\n"


def _doc(thing: Any) -> str:
    """Return the docstring; its indented parts (`Args:`, `Raises:`) become lists that Markdown can show."""
    lines = (inspect.getdoc(thing) or "").splitlines()
    written = []
    in_list = False
    for line in lines:
        if line.rstrip(":") in ("Args", "Raises", "Returns", "Attributes", "Yields") and line.endswith(":"):
            written.append(f"**{line}**\n")
            in_list = True
        elif in_list and line.startswith("    ") and not line.startswith("     "):
            written.append(f"- {line.strip()}")
        elif in_list and line and not line.startswith(" "):
            in_list = False
            written.append(line)
        else:
            written.append(line)
    return "\n".join(written) + "\n"


def main(arguments: list[str]) -> int:
    """Write the page, or compare it."""
    text = reference()
    if "--check" in arguments:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
