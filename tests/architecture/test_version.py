from __future__ import annotations

import re
import subprocess
import sys
from datetime import date

from tests.architecture.repository import ROOT, pyproject

ENTRY = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", re.MULTILINE)


def test_the_newest_changelog_entry_is_this_version() -> None:
    """W14: CHANGELOG.md starts with the version in pyproject.toml, under a real date."""
    version, day = ENTRY.findall((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))[0]
    assert version == pyproject()["project"]["version"]
    assert date.fromisoformat(day)


def test_the_command_prints_this_version() -> None:
    """W14: `cerebelum --version` prints the version in pyproject.toml, and nothing on stderr."""
    command = [sys.executable, "-c", "from cerebelum_cli.main import run; run()", "--version"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert pyproject()["project"]["version"] in result.stdout.split()
