"""The page about replay: each command of it is typed, and prints what the page says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.architecture.repository import ROOT
from tests.cli.cli_project import command, environ
from tests.docs.test_quickstart import fits

_FENCE = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_page_about_replay_is_true(tmp_path: Path) -> None:
    """W5, E13, W16: run, replay, watches and the stepper do what `docs/replay.md` shows."""
    fences = _FENCE.findall((ROOT / "docs" / "replay.md").read_text(encoding="utf-8"))
    (tmp_path / "shop.py").write_text(fences[0][1], encoding="utf-8")
    program = tmp_path / "cerebelum"
    program.write_text(f'#!/bin/sh\nexec {" ".join(command())} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    commands = 0
    for kind, text in fences:
        for block in text.removeprefix("$ ").split("\n$ ") if kind == "console" else ():
            line, *shown = block.strip("\n").split("\n")
            said = subprocess.run(
                line, shell=True, cwd=tmp_path, env=environ(PATH=f"{tmp_path}:/usr/bin:/bin"), check=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
            ).stdout  # fmt: skip
            assert fits(said, shown), f"{line}\n{said}"
            commands += 1
    assert commands == 4
