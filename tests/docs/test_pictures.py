"""The README's picture is drawn by a program of the repository, from a real execution."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.architecture.repository import ROOT

SHIPPED = ROOT / "docs" / "pictures" / "replay.svg"
SHOWN = (
    "order-1042 · process_order@", "event 6/19", "charge_card (attempt 2)", "timer_started", "bad zip 'ABC'",
    "▶125", "order.py:125 @", "locals · 2 changed", "+ charge: Charge(id='charge-order-1042/2', amount=30.0)",
)  # fmt: skip


def text_of(file: Path) -> str:
    return "".join(ET.parse(file).getroot().itertext()).replace("\N{NO-BREAK SPACE}", " ")


def fetched_by(svg: str) -> list[str]:
    """Return the addresses in a picture that a viewer would fetch: all but the names of XML."""
    return re.findall(r"url\(\s*[\"']?(?!#)[^)]*\)|(?:href|src)\s*=\s*[\"'][^#][^\"']*", svg)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The picture as it is drawn now."""
    folder = tmp_path_factory.mktemp("pictures")
    command = [sys.executable, str(ROOT / "docs" / "pictures.py"), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder / "replay.svg"


def test_it_shows_time_travel(drawn: Path) -> None:
    """W7: a real failed order at the event where its card is charged: source, locals with what changed, the future."""
    shown = text_of(drawn)
    assert [words for words in SHOWN if words not in shown] == []


def test_the_one_of_the_readme_is_such_a_one(drawn: Path) -> None:
    """W7: README opens with it; the file is there, shows the same, and holds no name of the machine that drew it."""
    opening = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## ")[0]
    assert "](docs/pictures/replay.svg)" in opening
    shown = text_of(SHIPPED)
    assert [words for words in SHOWN if words not in shown] == []
    assert "/tmp" not in shown
    assert abs(len(text_of(drawn)) - len(shown)) < 500


@pytest.mark.parametrize("which", ["drawn", "shipped"])
def test_nothing_is_fetched(drawn: Path, which: str) -> None:
    """W6: no font and no picture from elsewhere: whoever looks at it tells nobody, and sees the same without a network."""
    svg = (drawn if which == "drawn" else SHIPPED).read_text(encoding="utf-8")
    assert fetched_by(svg) == []
    assert "@font-face" not in svg
    assert "monospace" in svg
