"""`cerebelum init`: what it writes, what it says, and what it never does."""

from __future__ import annotations

import json
import resource
import subprocess
from pathlib import Path

import pytest

from cerebelum_cli.projects import load_template
from tests.cli.cli_project import Project, command, environ


def everything_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_project_is_made_and_the_next_commands_are_told(project: Project) -> None:
    """W10, W13: the folder is made, the files are on stdout, and stderr says what to type, beginning with `cd`."""
    result = project("init", "shops/my-shop", "--template", "saga")
    assert result.exit_code == 0
    assert everything_in(project.folder / "shops/my-shop") == load_template("saga").files
    assert result.stdout.splitlines()[0] == "shops/my-shop/README.md\tnew"
    assert result.stderr.split("\n")[1:4] == ["next:", "  cd shops/my-shop", "  cerebelum run flow.py"]


def test_basic_is_made_here_unless_another_is_named(project: Project) -> None:
    """W13: without an argument the working folder becomes the plainest project, and no `cd` is told."""
    (project.folder / "flow.py").unlink()
    result = project("init")
    assert result.exit_code == 0
    assert everything_in(project.folder) == load_template("basic").files
    assert "cd " not in result.stderr
    assert project("run", "flow.py").exit_code == 0


def test_the_templates_are_listed(project: Project) -> None:
    """W10, W13: a name and a purpose each, as a table or as JSON; nothing is written."""
    before = everything_in(project.folder)
    table = [line.split("\t") for line in project("init", "--list").stdout.splitlines()]
    assert [name for name, _ in table] == ["basic", "agent", "cron", "etl", "human-approval", "ingestion", "saga"]
    shapes = project.json("init", "--list")
    assert [[shape["name"], shape["purpose"]] for shape in shapes] == table
    assert shapes[0]["commands"][0] == "cerebelum run flow.py"
    assert everything_in(project.folder) == before


def test_json_tells_what_was_done(project: Project) -> None:
    """W10: for programs, one object, and no talk."""
    result = project("init", "shop", "-t", "human-approval", "--json")
    shape = json.loads(result.stdout)
    assert (shape["schema"], shape["template"], shape["folder"]) == ("cerebelum.project/1", "human-approval", "shop")
    assert (shape["new"], shape["replaced"]) == (list(load_template("human-approval").files), [])
    assert shape["next"][0] == "cd shop"
    assert not [line for line in shape["next"] if "#" in line]
    assert result.stderr == ""


def test_no_file_is_replaced_unasked(project: Project) -> None:
    """W13: all files that are there are named at once with the command that replaces them; nothing is written, exit 5."""
    project.write("README.md", "mine")
    before = everything_in(project.folder)
    result = project("init", "--template", "etl")
    assert result.exit_code == 5
    assert "error[CB241]: nothing was written, because these 2 files exist already:\n    README.md\n    flow.py\n" in (
        result.stderr
    )
    assert "cerebelum init . --template etl --force" in result.stderr
    assert everything_in(project.folder) == before


def test_force_replaces_and_says_what(project: Project) -> None:
    """W13: with --force the template's files take the place of those that are there; every other file stays."""
    project.write("README.md", "mine")
    project.write("notes.txt", "mine, too")
    result = project("init", "--template", "etl", "--force")
    assert result.exit_code == 0
    replaced = [line for line in result.stdout.splitlines() if line.endswith("\treplaced")]
    assert replaced == ["README.md\treplaced", "flow.py\treplaced"]
    assert everything_in(project.folder) == {**load_template("etl").files, "notes.txt": b"mine, too"}


def test_a_link_is_replaced_and_not_what_it_leads_to(project: Project) -> None:
    """W13: --force writes into the project's folder, never through a link to somewhere else; a dangling one counts."""
    elsewhere = project.write("elsewhere.txt", "mine")
    folder = project.folder / "shop"
    folder.mkdir()
    (folder / "README.md").symlink_to(elsewhere)
    (folder / "flow.py").symlink_to("nowhere")
    refused = project("init", "shop")
    assert refused.exit_code == 5
    assert "these 2 files exist" in refused.stderr
    assert project("init", "shop", "--force").exit_code == 0
    assert elsewhere.read_text() == "mine"
    assert everything_in(folder) == load_template("basic").files


@pytest.mark.parametrize("folder, reason", [
    ("file", "file is no folder, and one is to be there"),
    ("file/below", "file is no folder, and one is to be there"),
    ("full", "full/flow.py is a folder, and a file is to be there"),
])  # fmt: skip
def test_what_force_cannot_replace_is_told(project: Project, folder: str, reason: str) -> None:
    """W13: a file in a folder's place or a folder in a file's is named, exit 2, and nothing is written."""
    project.write("file", "mine")
    (project.folder / "full" / "flow.py").mkdir(parents=True)
    before = everything_in(project.folder)
    result = project("init", folder, "--force")
    assert result.exit_code == 2
    assert "error[CB242]" in result.stderr
    assert reason in result.stderr
    assert everything_in(project.folder) == before


def test_a_disk_that_refuses_leaves_nothing_half_written(project: Project) -> None:
    """W13: when one file cannot be written, none is: no new one, no new folder, and what was to be replaced is as it was."""
    project.write("README.md", "mine")
    before = everything_in(project.folder)
    largest = max(load_template("ingestion").files.values(), key=len)

    def limit_file_size() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(largest) - 1, resource.RLIM_INFINITY))

    for folder in (".", "new/folder"):
        failed = subprocess.run(
            command("init", folder, "--template", "ingestion", "--force"), cwd=project.folder, env=environ(),
            preexec_fn=limit_file_size, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert failed.returncode == 2, failed.stderr
        assert "error[CB242]" in failed.stderr
        assert ": File too large" in failed.stderr
        assert everything_in(project.folder) == before
        assert not (project.folder / "inbox").exists()
    assert not (project.folder / "new").exists()


@pytest.mark.parametrize("written", ["human-approval", "human_approval", "Human-Approval"])
def test_a_name_with_a_hyphen_is_found_however_it_is_written(project: Project, written: str) -> None:
    """W13: nobody remembers which of the two signs it was."""
    assert project("init", "shop", "--template", written).exit_code == 0


@pytest.mark.parametrize(
    "written, nearest", [("sagas", "saga"), ("approval", "human-approval"), ("ingest", "ingestion")]
)
def test_an_unknown_template_names_the_nearest(project: Project, written: str, nearest: str) -> None:
    """W10, W13: exit 3, the nearest name in a command to type, and all that there are."""
    result = project("init", "shop", "--template", written)
    assert result.exit_code == 3
    assert f"error[CB240]: no template {written!r}. Did you mean: {nearest!r}?" in result.stderr
    assert "basic, agent, cron, etl, human-approval, ingestion, saga" in result.stderr
    assert f"cerebelum init FOLDER --template {nearest}" in result.stderr
    assert not (project.folder / "shop").exists()


def test_a_name_like_no_other_gets_no_guess(project: Project) -> None:
    """W10: a far-fetched guess helps nobody; neither does a path."""
    for name in ("zzz", "../basic", ""):
        result = project("init", "shop", "--template", name)
        assert result.exit_code == 3
    assert "Did you mean" not in project("init", "--template", "zzz").stderr


def test_a_template_in_the_place_of_the_folder_is_pointed_out(project: Project) -> None:
    """W10: `cerebelum init saga` makes a folder called saga, and says how the template is meant."""
    result = project("init", "saga")
    assert "note: 'saga' became a folder; for the template: cerebelum init FOLDER --template saga" in result.stderr


@pytest.mark.parametrize("words", [("--list", "shop"), ("--list", "--force"), ("--list", "-t", "saga"), ("",)])
def test_what_makes_no_sense_is_refused(project: Project, words: tuple[str, ...]) -> None:
    """W10: exit 2, and nothing is written."""
    before = everything_in(project.folder)
    assert project("init", *words).exit_code == 2
    assert everything_in(project.folder) == before
