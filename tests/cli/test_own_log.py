"""The process's own log is set up by its first line, and gives way to what the project has configured."""

from __future__ import annotations

import pytest
import structlog

from cerebelum.engine.runtime.own_log import OwnLog, set_up_at_first_line
from cerebelum_cli.own_log import configure, configure_when_needed
from tests.cli.cli_project import Project


def test_the_first_line_sets_the_log_up(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """V2: nothing is configured before there is a line; then it goes to stderr in the command line's form."""
    set_up_at_first_line(configure)
    assert not structlog.is_configured()
    OwnLog("cerebelum.some").warning("a thing happened", n=1)
    assert structlog.is_configured()
    assert capsys.readouterr().err == "warning: a thing happened n=1\n"


def test_user_code_that_logs_without_a_word_is_heard_on_stderr(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """V2: where structlog was imported and not configured, its lines do not land in stdout, which is data."""
    configure_when_needed()
    structlog.get_logger().warning("mine")
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "warning: mine\n")


def test_what_the_project_configured_stays(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """V2: the engine's lines go where the application's go."""
    structlog.configure(processors=[lambda _, __, entry: f"MINE {entry['event']}"])
    configure_when_needed()
    OwnLog("cerebelum.some").warning("a thing happened")
    told = capsys.readouterr()
    assert told.out + told.err == "MINE a thing happened\n"
