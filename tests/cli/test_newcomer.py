"""What a newcomer meets in the first hour: small mistakes, a narrow terminal, the wrong folder."""

from __future__ import annotations

import pexpect
import pytest

from tests.cli.cli_project import Project, command, environ


def test_the_same_id_again_names_the_way_on(project: Project) -> None:
    """W1: who pressed Ctrl-C types the same command again; the error says how to go on with what is there."""
    project("run", "flow.py:waits", "--id", "w", "--detach")
    again = project("run", "flow.py:waits", "--id", "w")
    assert again.exit_code == 5
    assert "cerebelum run --resume w" in again.stderr


def test_a_mistyped_signal_is_told(project: Project) -> None:
    """C8: the signal is kept, and it is said that something else is waited for; the right one is sent in silence."""
    project("run", "flow.py:waits", "--id", "w", "--timeout", "0.3")
    mistyped = project("signal", "w", "goo")
    assert mistyped.exit_code == 0
    assert "it waits for 'go' now; 'goo' is kept" in mistyped.stderr
    assert "it waits for" not in project("signal", "w", "go", "1").stderr


def test_bad_json_is_answered_with_good_json(project: Project) -> None:
    """W1, N6: exit 2, the place of the mistake, and what JSON looks like."""
    result = project("run", "flow.py:good", "--input", "{bad")
    assert result.exit_code == 2
    assert '{"name": "value"}' in result.stderr


def test_the_store_of_a_folder_above_is_pointed_at(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """W10: in a subfolder of the project, the error names the store that is meant, and the option that takes it."""
    project("run", "flow.py:good", "--id", "one")
    below = project.folder / "flows" / "shop"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    result = project("list")
    assert result.exit_code == 6
    assert "--store ../../.cerebelum/dev.db" in result.stderr
    assert project("list", "-o", "ids", "--store", "../../.cerebelum/dev.db").stdout == "one\n"


def test_a_file_with_several_workflows_needs_no_name_to_resume(project: Project) -> None:
    """W1: the execution knows its workflow."""
    project("run", "flow.py:waits", "--id", "w", "--detach")
    project("signal", "w", "go", "1")
    assert project("run", "flow.py", "--resume", "w").exit_code == 0


@pytest.mark.parametrize("width", [80, 200])
def test_a_list_fits_the_terminal(project: Project, width: int) -> None:
    """W10: whole ids on any terminal; a narrow one goes without the columns that matter least, and no row wraps."""
    project("run", "flow.py:good")
    line = " ".join(command("list"))
    output = pexpect.run(line, cwd=str(project.folder), env=environ(TERM="xterm", NO_COLOR="1", COLUMNS=str(width)),
                         encoding="utf-8", timeout=60)  # fmt: skip
    header, row = output.split("\r\n")[:2]
    assert max(len(header), len(row)) <= width
    assert row.split()[0] == project("list", "-o", "ids").stdout.strip()
    assert ("STARTED" in header) == (width == 200)
    assert "STATUS" in header


def test_piped_lists_keep_every_column(project: Project) -> None:
    """W10: programs get the same columns wherever they run."""
    project("run", "flow.py:good")
    assert len(project("list").stdout.rstrip("\n").split("\t")) == 7
