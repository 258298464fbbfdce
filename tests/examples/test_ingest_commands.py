"""The document pipeline through the command line: made, run, killed, run again, searched."""

from __future__ import annotations

import json
import random
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cerebelum.testing import in_memory_engine
from examples.ingest.documents import document_paths
from examples.ingest.pipeline import ingest_folder
from tests.examples.command_line import EXAMPLES, ROOT, CommandLine, succeeded
from tests.examples.ingest_folders import count_rows, rows

FLOW = "ingest/pipeline.py"
COMMAND = re.compile(r"^\$ (.*)$", re.MULTILINE)
ARTICLES = 14


@pytest.fixture
def cerebelum(tmp_path: Path) -> CommandLine:
    """The command, in a folder that holds the example alone, and the documents that its generator made."""
    shutil.copytree(EXAMPLES / "ingest", tmp_path / "ingest", ignore=shutil.ignore_patterns("__pycache__"))
    line = CommandLine(tmp_path)
    assert succeeded(ingest(line, "make", "documents", "--articles", str(ARTICLES)))
    return line


def ingest(line: CommandLine, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m ingest`."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "ingest", *arguments],
        cwd=line.folder, env={"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def executions(line: CommandLine, workflow: str) -> list[Any]:
    listed = line("list", "--workflow", workflow, "--limit", "1000", "-o", "json")
    assert succeeded(listed)
    return list(json.loads(listed.stdout))


def test_the_commands_of_its_readme(tmp_path: Path) -> None:
    """W15, W16: make, run, search, report, a forced failure, a second run: each command that is shown does what is said."""
    shutil.copytree(EXAMPLES / "ingest", tmp_path / "ingest", ignore=shutil.ignore_patterns("__pycache__"))
    line, said = CommandLine(tmp_path), {}
    for command in COMMAND.findall((EXAMPLES / "ingest" / "README.md").read_text(encoding="utf-8")):
        program, *arguments = shlex.split(command)
        done = line(*arguments) if program == "cerebelum" else ingest(line, *arguments[2:])
        assert succeeded(done)
        said[command] = done.stdout
    first, refused, second, one = (text for command, text in said.items() if command.startswith("cerebelum run"))
    assert json.loads(first)["completed"] == 40
    assert "queue.md" in json.loads(refused)["failed"]
    assert (json.loads(second)["completed"], json.loads(second)["totals"]["documents"]) == (0, 40)
    assert json.loads(one)["path"] == "queue.md"
    assert "queue.md" in said["python -m ingest search documents.db priority queue"]
    assert "documents  40" in said["python -m ingest report documents.db"]


def test_a_search_that_finds_nothing(cerebelum: CommandLine) -> None:
    """W15: exit code 1; without an index, or with documents that are there already, one line says what to do, code 2."""
    assert succeeded(cerebelum("run", f"{FLOW}:ingest_folder"))
    assert ingest(cerebelum, "search", "documents.db", "of the").returncode == 1
    missing = ingest(cerebelum, "search", "nowhere.db", "queue")
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)
    assert "no index 'nowhere.db': run `cerebelum run" in missing.stderr
    again = ingest(cerebelum, "make", "documents")
    assert (again.returncode, again.stderr) == (2, "error: documents is not empty\n")


def test_a_workflow_that_the_file_does_not_hold(cerebelum: CommandLine) -> None:
    """A29: the refusal lists those it holds; without a name both are offered."""
    unknown = cerebelum("run", f"{FLOW}:ingest_everything")
    assert "known: ingest_document, ingest_folder" in unknown.stderr
    unnamed = cerebelum("run", FLOW)
    assert f"cerebelum run {FLOW}:ingest_folder" in unnamed.stderr


def test_the_graphs_of_both_are_printed(cerebelum: CommandLine) -> None:
    """W15, L1: `cerebelum graph` draws the flow and the discovery."""
    flow = cerebelum("graph", f"{FLOW}:ingest_document", "--mermaid")
    assert succeeded(flow)
    assert "Scrape Content" in flow.stdout
    folder = cerebelum("graph", f"{FLOW}:ingest_folder", "--ascii")
    assert succeeded(folder)
    assert "Ingest Document" in folder.stdout


@pytest.mark.parametrize("seed, fail", [(1, ""), (2, "queue.")])
async def test_killed_at_random_points_it_ends_with_the_same_index(
    cerebelum: CommandLine, seed: int, fail: str
) -> None:
    """W15, A42, C4, D16: after kill -9 three times, wherever, the index is that of a run that nobody disturbed."""
    undisturbed = cerebelum.folder / "undisturbed.db"
    async with in_memory_engine() as engine:
        calm = await engine.run(ingest_folder, str(cerebelum.folder / "documents"), str(undisturbed), fail)
    index, kills = cerebelum.folder / "documents.db", 0
    asked = ("-i", "concurrency=3", "-i", f"fail={fail}", "--id", "all", "--if-exists", "use")
    flow = ("run", f"{FLOW}:ingest_folder", *asked)
    for most in sorted(random.Random(seed).choices(range(count_rows(undisturbed)), k=3)):
        kills += cerebelum.kill_when(lambda most=most: count_rows(index) > most, *flow)  # type: ignore[misc]
    done = cerebelum(*flow)
    assert succeeded(done)
    assert kills
    assert rows(index) == rows(undisturbed)
    assert json.loads(done.stdout)["failed"] == calm.failed
    children = executions(cerebelum, "ingest_document")
    assert len(children) == calm.completed + len(calm.failed)
    assert calm.found == len(document_paths(str(cerebelum.folder / "documents")))
