"""The guides say what is so: each snippet runs, and the reference is the docstrings'."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PAGES = (
    "check.md",
    "dev-loop.md",
    "export.md",
    "fork.md",
    "replay.md",
    "schedules.md",
    "time-control.md",
    "versions.md",
    "why.md",
)


def snippets() -> Iterator[tuple[str, str]]:
    """Yield (where, source) of the snippets of the guides."""
    for page in (*sorted((ROOT / "docs" / "authoring").glob("*.md")), *(ROOT / "docs" / name for name in _PAGES)):
        text = page.read_text(encoding="utf-8")
        for fence in _FENCE.finditer(text):
            line = text[: fence.start()].count("\n") + 2
            yield f"{page.name}:{line}", fence[1]


SNIPPETS = list(snippets())


@pytest.mark.parametrize("source", [source for _, source in SNIPPETS], ids=[where for where, _ in SNIPPETS])
def test_a_snippet_of_the_guide_runs(source: str, tmp_path: Path) -> None:
    """A27: a reader who types what the guide shows gets a file that runs; where it has an `async def main`, that, too."""
    file = tmp_path / "snippet.py"
    file.write_text(source, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(file)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_the_reference_is_written_from_the_docstrings() -> None:
    """U10: `docs/reference.md` is what `python -m tests.docs.api_reference` writes now."""
    command = [sys.executable, "-m", "tests.docs.api_reference", "--check"]
    ran = subprocess.run(command, cwd=ROOT, check=False)
    assert ran.returncode == 0, "run: python -m tests.docs.api_reference"
