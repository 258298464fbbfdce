"""The quickstart, typed by a newcomer: each command does, and prints, what the page says."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

from cerebelum_cli.projects import without_comment
from tests.cli.cli_project import command, environ

PAGE = Path(__file__).parents[2] / "docs" / "quickstart.md"
_FENCE = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def typed(line: str, folder: Path) -> tuple[int, str]:
    """Run a line as a shell would; return its exit code, and all that stands on the terminal."""
    program, *rest = shlex.split(without_comment(line))
    words = command(*rest) if program == "cerebelum" else [program, *rest]
    ran = subprocess.run(words, cwd=folder, env=environ(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, timeout=120, check=False)  # fmt: skip
    return (ran.returncode if ran.returncode >= 0 else 128 - ran.returncode), ran.stdout


def fits(said: str, shown: list[str]) -> bool:
    """Whether the lines that the page shows are there, in this order; "…" stands for anything, runs of spaces for some."""
    parts = [re.sub(r"(?:\\ )+", r"\\s+", re.escape(line.strip())).replace("…", ".*") for line in shown]
    return re.search(r"[\s\S]*?".join(rf"^\s*{part}\s*$" for part in parts), said, re.MULTILINE) is not None


def test_the_quickstart_is_true(tmp_path: Path) -> None:
    """W1, W10, W16: a flow, its crash and its resume, typed line by line, are what `docs/quickstart.md` shows."""
    commands = 0
    for kind, text in _FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "python":
            (tmp_path / "flow.py").write_text(text, encoding="utf-8")
            continue
        for block in text.removeprefix("$ ").split("\n$ "):
            line, *shown = block.strip("\n").split("\n")
            wanted = re.search(r"# exit code (\d+)", line)
            exit_code, said = typed(line, tmp_path)
            assert exit_code == (int(wanted[1]) if wanted else 0), f"{line}\n{said}"
            assert fits(said, shown), f"{line}\n{said}"
            commands += 1
    assert commands >= 10


def test_other_output_is_noticed() -> None:
    """W16: the page is compared: a missing line, another order and another text do not pass."""
    said = "first  order@12\n  ✓ charge   3ms\ndone\n"
    assert fits(said, ["first  order@…", "  ✓ charge …", "done"])
    assert not fits(said, ["✓ charge …", "first  order@…"])
    assert not fits(said, ["✓ ship …"])
    assert not fits(said, ["charge"])
