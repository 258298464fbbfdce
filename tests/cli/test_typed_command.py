"""Errors about a flow's file suggest the command that was typed."""

from __future__ import annotations

import pytest

from tests.cli.cli_project import Project

COMMANDS = {
    "run": "cerebelum run", "graph": "cerebelum graph", "test --crash-everywhere": "cerebelum test --crash-everywhere",
}  # fmt: skip


@pytest.mark.parametrize("typed, command", COMMANDS.items())
def test_the_typed_command_is_suggested(project: Project, typed: str, command: str) -> None:
    """W1: for a name, a file and a choice that are wrong, the command to type is that of the line itself."""
    words = typed.split()
    assert f"  help: {command} flow.py:good\n" in project(*words, "flow.py:goood").stderr
    assert f"  help: {command} flow.py\n" in project(*words, "flaw.py").stderr
    assert f"    {command} flow.py:good\n" in project(*words, "flow.py").stderr
    assert "cerebelum run" not in project(*words, "flow.py:goood").stderr.replace(command, "")
    project.write("bare.py", "async def plain() -> int:\n    return 1\n")
    assert f"        {command} bare.py\n" in project(*words, "bare.py").stderr


@pytest.mark.parametrize("command", ["check", "worker"])
def test_a_file_that_is_not_there(project: Project, command: str) -> None:
    """W1: commands that take whole files suggest themselves with the file that comes close."""
    assert f"  help: cerebelum {command} flow.py\n" in project(command, "flaw.py").stderr


def test_replay_suggests_its_own_option(project: Project) -> None:
    """W1: what `--code` names wrongly is suggested for `--code`."""
    assert project("run", "flow.py:good", "--id", "one").exit_code == 0
    said = project("replay", "one", "--check", "--code", "flow.py:goood").stderr
    assert "  help: cerebelum replay one --code flow.py:good\n" in said
