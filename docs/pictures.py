"""Draws the pictures of the README: real executions of an example, in a folder of their own, as the commands show them.

`python docs/pictures.py [FOLDER]`, or `make pictures`
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
_SIZE = "140x34"
_EVENT = "6"  # the card is charged at the second attempt


def draw(into: Path) -> list[Path]:
    """Write all pictures into a folder and return their files.

    Raises:
        RuntimeError: a command did not end as it should; the message has what it said.
    """
    into.mkdir(parents=True, exist_ok=True)
    replay = into / "replay.svg"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(ROOT / "examples" / "order.py", folder)
        _cerebelum(folder, "run", "order.py", "-i", "zip=ABC", "--id", "order-1042", exit_code=1)  # no such zip
        _cerebelum(folder, "tui", "order-1042", "--at", _EVENT, "--size", _SIZE, "--screenshot", str(replay.resolve()))
    return [replay]


def _cerebelum(folder: Path, *words: str, exit_code: int = 0) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CEREBELUM_")}
    kept.pop("NO_COLOR", None)
    result = subprocess.run(
        [sys.executable, "-m", "cerebelum_cli", *words], cwd=folder, capture_output=True, text=True, check=False,
        env={**kept, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(folder)},
    )  # fmt: skip
    if result.returncode != exit_code:
        raise RuntimeError(f"cerebelum {' '.join(words)} ended with {result.returncode}:\n{result.stderr}")


if __name__ == "__main__":
    for file in draw(Path(sys.argv[1]) if sys.argv[1:] else PICTURES):
        print(f"wrote {file}")
