"""`cerebelum tui --serve`: what it refuses before it serves, and what it says when it does. The rest: tests/tui/browser."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys

import pytest

from tests.cli.cli_project import Project, command, environ, wait_for_line


@pytest.fixture
def ended(project: Project) -> Project:
    """A project with one completed execution."""
    assert project("run", "flow.py:good", "--id", "good-1").exit_code == 0
    return project


@pytest.mark.parametrize(
    "words, exit_code, said",
    [
        (("--host", "0.0.0.0"), 2, "--host belongs to --serve"),
        (("--port", "0", "--token", "x"), 2, "--port, --token belongs to --serve"),
        (("--allow-actions",), 2, "--allow-actions belongs to --serve"),
        (("--serve", "--screenshot", "a.svg"), 2, "--serve cannot be had with --screenshot"),
        (
            ("--serve", "--read-only", "--allow-actions"),
            2,
            "--serve cannot be had with --read-only with --allow-actions",
        ),
        (("--serve", "--port", "70000"), 2, "70000"),
        (("--serve", "--token", "short"), 2, "--token takes 8 to 200"),
        (("--serve", "--token", "no spaces; please"), 2, "--token takes 8 to 200"),
        (("--serve", "--at", "3"), 2, "--at belongs to an execution"),
        (("nowhere", "--serve"), 3, "no execution 'nowhere'"),
        (("good-1", "--at", "99", "--serve"), 3, "has no event 99"),
        (("--serve", "--store", "none.db"), 6, "there is no store"),
        (("--serve", "--host", "no.such.host.invalid"), 2, "error[CB271]: cannot listen on no.such.host.invalid:0"),
        (("--serve", "--host", "192.0.2.1"), 2, "error[CB271]: cannot listen on 192.0.2.1:0"),
    ],
)
def test_what_cannot_be_served_is_told(ended: Project, words: tuple[str, ...], exit_code: int, said: str) -> None:
    """W6: each with its exit code, and before anything listens."""
    result = ended("tui", *words)
    assert (result.exit_code, result.stdout) == (exit_code, ""), result.output
    assert said in result.stderr


def test_a_port_that_is_taken_is_told(ended: Project) -> None:
    """W6: CB271 names address and port, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = ended("tui", "--serve", "--port", str(port))
    assert result.exit_code == 2
    assert (
        f"error[CB271]: cannot listen on 127.0.0.1:{port}: address already in use; nothing is served" in result.stderr
    )
    assert "help: a free port of this machine: cerebelum tui --serve" in result.stderr


def test_without_its_package_the_command_to_type_is_told(ended: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """W6: CB270: the browser's part is an extra; nothing else needs it."""
    for name in [name for name in sys.modules if name.startswith(("cerebelum.tui.browser", "textual_serve"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "textual_serve", None)
    result = ended("tui", "--serve")
    assert result.exit_code == 2
    assert "error[CB270]: to show the interface in a browser takes textual-serve" in result.stderr
    assert "help: pip install 'cerebelum[serve]'" in result.stderr


def test_what_others_can_reach_is_said_plainly(ended: Project) -> None:
    """W6: an address that other machines reach comes with a warning: plain HTTP, and what to do instead."""
    process = ended.start("tui", "--serve", "--host", "0.0.0.0")
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        assert wait_for_line(process.stdout, "http://").startswith(f"http://{socket.gethostname()}:")
        assert "read-only" in wait_for_line(process.stderr, "Ctrl-C")
        assert "other machines reach this address, over plain HTTP" in wait_for_line(process.stderr, "warning:")
        assert "ssh -L" in wait_for_line(process.stderr, "help:")
    finally:
        process.send_signal(signal.SIGINT)
        said = process.communicate()
    assert (process.returncode, said) == (130, ("", "ended; the tabs are closed\n"))


async def test_only_the_address_is_data(ended: Project) -> None:
    """W6: stdout is the address and nothing else, so that a script can read it; --allow-actions says who may act."""
    process = await asyncio.create_subprocess_exec(
        *command("tui", "--serve", "--allow-actions"), cwd=ended.folder, env=environ(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    line = await process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    rest, talk = await process.communicate()
    assert line.decode().startswith("http://127.0.0.1:")
    assert rest == b""
    assert talk.decode().startswith("who has this address may act: pause, cancel, fork, answer; each tab is a process")
    assert process.returncode == 143
