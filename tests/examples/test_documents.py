from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.examples.command_line import EXAMPLES, ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)[^)]*\)")


def snippets() -> Iterator[tuple[str, str]]:
    """Yield (name, code) for each piece of Python in the documentation."""
    for page in PAGES:
        for number, code in enumerate(SNIPPET.findall(page.read_text(encoding="utf-8")), start=1):
            yield f"{page.stem}-{number}", code


def function(code: str, name: str) -> ast.AsyncFunctionDef:
    """Return a function of `code` without its docstring."""
    found = next(node for node in ast.parse(code).body if isinstance(node, ast.AsyncFunctionDef) and node.name == name)
    if ast.get_docstring(found):
        del found.body[0]
    return found


@pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, code in snippets()])
def test_each_snippet_of_the_documentation_can_be_pasted(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """W16: what begins with its imports loads as a module; the rest is at least Python."""
    program = compile(code, "snippet", "exec")
    if code.startswith(("import ", "from ")):
        module = ModuleType("snippet")
        monkeypatch.setitem(sys.modules, "snippet", module)  # dataclasses look their module up
        exec(program, module.__dict__)


def test_the_readme_shows_the_example_as_it_is() -> None:
    """W16: the workflow that the tutorial explains is the one that the reader runs."""
    shown = next(code for _, code in snippets() if "async def process_order" in code)
    example = (EXAMPLES / "order.py").read_text(encoding="utf-8")
    assert ast.dump(function(shown, "process_order")) == ast.dump(function(example, "process_order"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_link_of_the_documentation_leads_somewhere(page: Path) -> None:
    """W16: a page that is named is there."""
    links = LINK.findall(page.read_text(encoding="utf-8"))
    targets = [page.parent / link for link in links if link not in ("http", "https")]  # the web may change any day
    assert [target for target in targets if not target.exists()] == []
