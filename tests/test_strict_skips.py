from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT

MISSING_TOOL = "import pytest\ndef test_it(): pytest.skip('tmux is not installed')\n"
MISSING_TOOL_FOR_ALL = "import pytest\npytest.skip('tmux is not installed', allow_module_level=True)\n"
WRONG_PLATFORM = "import pytest\ndef test_it(): pytest.skip('platform: needs Linux')\n"
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail\ndef test_it(): assert False\n"


@pytest.mark.parametrize(
    "source, strict, failed",
    [
        (MISSING_TOOL, "1", True),
        (MISSING_TOOL, "0", False),
        (MISSING_TOOL_FOR_ALL, "1", True),
        (WRONG_PLATFORM, "1", False),
        (EXPECTED_FAILURE, "1", False),
    ],
    ids=["missing tool", "not strict", "missing tool for a module", "wrong platform", "expected failure"],
)
def test_a_skip_for_want_of_a_tool_fails_in_strict_mode(
    tmp_path: Path, source: str, strict: str, *, failed: bool
) -> None:
    """CI must not be green because a test that needs a tool was left out."""
    (tmp_path / "test_it.py").write_text(source)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.strict_skips", "-p", "no:cacheprovider", str(tmp_path)],
        env={**os.environ, "CEREBELUM_TEST_STRICT": strict, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    forbidden = "CEREBELUM_TEST_STRICT=1 forbids: tmux is not installed" in result.stdout
    assert forbidden == failed, result.stdout
    assert (result.returncode in (1, 2)) == failed, result.stdout
