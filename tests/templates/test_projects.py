"""Each template becomes a project that runs, draws, is tested, and does what its README says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cerebelum_cli.projects import load_template, template_names
from tests.architecture.repository import ROOT
from tests.cli.cli_project import command, environ
from tests.templates.generated import PYTEST, make_project, run, run_and_interrupt, typed_commands

TEMPLATES = template_names()


@pytest.fixture(params=TEMPLATES)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project in a folder with a hyphen and a space in its name."""
    folder = tmp_path / "my new-project"
    make_project(folder, request.param)
    return folder


def test_the_templates_of_the_contract_are_there() -> None:
    """W13: all that `cerebelum init` offers, the plainest first."""
    assert TEMPLATES == ["basic", "agent", "cron", "etl", "human-approval", "ingestion", "saga"]


def test_a_project_is_whole(made: Path) -> None:
    """W13, W16: a flow, its tests, its settings and a README that says what it is for; nothing that was compiled."""
    names = {path.name for path in made.rglob("*")}
    assert {"flow.py", "test_flow.py", "cerebelum.toml", "README.md"} <= names
    assert not {name for name in names if name.startswith((".", "__"))}
    assert set(tomllib.loads((made / "cerebelum.toml").read_text(encoding="utf-8"))) <= {"store", "queues", "scheduler"}


def test_the_tests_of_a_project_pass(made: Path) -> None:
    """W13: with pytest and cerebelum alone, warnings as errors."""
    result = run(PYTEST, made)
    assert result.returncode == 0, result.stdout
    assert " passed" in result.stdout


def test_the_flow_of_a_project_runs_unchanged(made: Path) -> None:
    """W2, W13: `cerebelum run flow.py` completes without an argument, and keeps everything in one folder."""
    result = run(command("run", "flow.py"), made)
    assert result.returncode == 0, result.stderr
    assert "completed" in result.stderr
    assert (made / ".cerebelum" / "dev.db").is_file()


def test_the_flow_of_a_project_is_drawn(made: Path) -> None:
    """V14, W13: the graph shows the flow, with a beginning and an end."""
    result = run(command("graph", "flow.py", "--mermaid"), made)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("flowchart TD\n")
    assert '(["Start"])' in result.stdout
    assert '(["End"])' in result.stdout


def test_the_readme_of_a_project_is_true(made: Path) -> None:
    """W16: its commands, typed one after the other, do what they say; where it says to press Ctrl-C, that is pressed."""
    commands = typed_commands((made / "README.md").read_text(encoding="utf-8"))
    assert len(commands) >= 3
    for one in commands:
        if one.is_interrupted:
            said = run_and_interrupt(one.words, made)
            assert "keeps its place" in said or said.endswith("stopped\n"), f"{one.line}\n{said}"
            continue
        result = run(one.words, made)
        assert result.returncode == one.exit_code, f"{one.line}\n{result.stdout}{result.stderr}"


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_purpose_fits_on_a_line(name: str) -> None:
    """W13: `cerebelum init --list` has a sentence for each template, on a terminal of 80 columns."""
    assert 20 < len(load_template(name).purpose) <= 80 - len("human-approval  ")


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_holds_nothing_of_ours(name: str) -> None:
    """W13: a newcomer's first code has no mark of this repository's tools, and nothing left to do."""
    text = b"\n".join(load_template(name).files.values()).decode().lower()
    assert not [word for word in ("noqa", "type: ignore", "todo", "fixme", "requirement") if word in text]


def test_the_projects_pass_the_type_checker(tmp_path: Path) -> None:
    """W13: every module of every project, but its tests, by mypy in strict mode; alone, as its author would check it."""
    for name in TEMPLATES:
        folder = tmp_path / name
        make_project(folder, name)
        modules = [path.name for path in folder.glob("*.py") if not path.name.startswith("test_")]
        checked = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), *modules], cwd=folder,
            env={**environ(), "MYPYPATH": os.fspath(ROOT)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert checked.returncode == 0, f"{name}\n{checked.stdout}{checked.stderr}"


def test_the_page_about_templates_is_true(tmp_path: Path) -> None:
    """W16: docs/templates.md has each template in its table, and its commands do what they say."""
    page = (ROOT / "docs" / "templates.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([\w-]+)` \| ", page, re.MULTILINE) == TEMPLATES
    for one in typed_commands(page):
        result = run(one.words, tmp_path)
        assert result.returncode == one.exit_code, f"{one.line}\n{result.stdout}{result.stderr}"
