"""The golden pictures. CEREBELUM_GOLDEN=write makes them anew: look at the difference before you keep it."""

from __future__ import annotations

import os

from tests.architecture.repository import ROOT

FOLDER = ROOT / "tests" / "golden" / "graphs"


def check(name: str, text: str) -> None:
    """Assert that a picture is as it was."""
    path = FOLDER / name
    if os.environ.get("CEREBELUM_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{path} differs; CEREBELUM_GOLDEN=write makes it anew"
