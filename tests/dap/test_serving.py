"""How an adapter serves: in turn, to the end, nothing but messages on standard output, and nobody who speaks otherwise."""

from __future__ import annotations

import json
import signal
import socket

import pytest

from tests.cli.cli_project import Project
from tests.dap.editor import TIMEOUT_S, StdioEditor, TcpEditor, listening


def test_an_editor_may_name_the_execution(shop: Project) -> None:
    """W5: without an ID, `program` names it, and over standard input `store` as well; both are refused where they are fixed."""
    with StdioEditor(shop, "replay", "--dap") as editor:
        editor.ask("initialize", adapterID="x")
        assert "which execution?" in editor.refused("launch")
        assert "no execution 'nope'" in editor.refused("launch", program="nope")
        assert "there is no event 99" in editor.refused("launch", program="@last", at=99)
        editor.ask("launch", program="@last", store=".cerebelum/dev.db")
        assert "already" in editor.refused("launch", program="one")
        editor.ask("terminate")
        editor.event("terminated")
        assert editor.end()[0] == 0
    with listening(shop, "one") as (port, _), TcpEditor(port) as editor:
        editor.ask("initialize", adapterID="x")
        assert "name the store where the adapter is started" in editor.refused("launch", store="other.db")
        assert "this adapter shows one" in editor.refused("launch", program="two")


def test_editors_in_turn_and_at_once(shop: Project) -> None:
    """W5: over TCP one editor follows another, also one that went without a word; a second at once is told why not."""
    with listening(shop, "one") as (port, process):
        for _ in range(2):
            with TcpEditor(port) as editor:
                assert editor.begin()[0]["reason"] == "entry"
        with TcpEditor(port) as editor:
            editor.begin()
            with TcpEditor(port) as second:
                assert "another editor is connected" in second.refused("initialize", adapterID="x")
            assert editor.step("stepIn")["reason"] == "step"
            editor.ask("disconnect")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 130
        assert "Traceback" not in said


@pytest.mark.parametrize("when", ["at once", "walking", "inside a message"])
def test_an_editor_that_goes_takes_the_adapter_with_it(shop: Project, when: str) -> None:
    """W5: when standard input ends the process ends, whatever it was doing; without a traceback."""
    with StdioEditor(shop, "replay", "one", "--dap") as editor:
        if when == "walking":
            editor.begin()
            editor.send("continue", threadId=1)
        elif when == "inside a message":
            editor._send(b"Content-Length: 100\r\n\r\n{")
        code, said = editor.end()
        assert code == (2 if when == "inside a message" else 0)
        assert "Traceback" not in said
        assert ("error[CB209]" in said) == (when == "inside a message")


@pytest.mark.parametrize(
    "sent",
    [b"n\n", b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", b"Content-Length: 99999999999\r\n\r\n",
     b"Content-Length: -1\r\n\r\n", b"Content-" + b"x" * 2_000, b"Content-Type: x\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_protocol_is_refused(shop: Project, sent: bytes) -> None:
    """W5: typed words, a web page's request, huge or broken headers: told in one line, with the way out, and no traceback."""
    with StdioEditor(shop, "replay", "one", "--dap") as editor:
        editor._send(sent)
        assert (
            "this is not the Debug Adapter Protocol"
            in json.loads(editor._receive().partition(b"\r\n\r\n")[2])["body"]["output"]
        )
        code, said = editor.end()
        assert code == 2
        assert said.startswith("error[CB209]: this is not the Debug Adapter Protocol")
        assert "help: " in said
        assert "Traceback" not in said


def test_a_port_that_is_taken(shop: Project) -> None:
    """W5: the command says so, with a way out; other slips of the command line have their exit codes."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = shop("replay", "one", "--dap-port", str(taken.getsockname()[1]))
    assert (result.exit_code, result.stdout) == (5, "")
    assert "error[CB208]: editors cannot be listened to on port" in result.stderr
    for words, code in (
        (("nope", "--dap"), 3), (("one", "--dap", "--to", "99"), 3), (("one", "--dap", "--plain"), 2),
        (("one", "--dap-port", "70000"), 2), ((), 2), (("one", "--dap", "--store", "none.db"), 6),
    ):  # fmt: skip
        result = shop("replay", *words)
        assert (result.exit_code, result.stdout) == (code, ""), words
        assert "help:" in result.stderr


def test_nothing_but_messages_on_standard_output(shop: Project) -> None:
    """W5: what a flow's modules print, also to the file descriptor, from a program, or at exit, goes elsewhere."""
    shop.write(
        "loud.py",
        "import atexit, os, sys\nfrom cerebelum import step, workflow\n\n"
        "print('print'); os.write(1, b'descriptor\\n'); os.system('echo program'); atexit.register(print, 'exit')\n"
        "print('read', repr(sys.stdin.read()))\n\n"
        "@step\ndef one() -> int:\n    return 1\n\n"
        "@workflow\nasync def loud() -> int:\n    print('in the workflow')\n    return await one()\n",
    )
    assert shop("run", "loud.py", "--id", "loud").exit_code == 0
    with StdioEditor(shop, "replay", "loud", "--dap") as editor:
        editor.begin()
        assert editor.step("continue")["reason"] == "pause"
        editor.ask("disconnect")
        code, said = editor.end()
        assert code == 0
        assert {"print", "descriptor", "program", "exit", "read ''"} <= set(said.splitlines())
