"""`tui --serve`: the address, what is said of it, and the end by a signal."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cerebelum_cli.errors import AddressRefused, BrowserPartMissing, UsageProblem
from cerebelum_cli.streams import err, out

if TYPE_CHECKING:
    from cerebelum.tui.browser.server import BrowserServer

_TOKEN = re.compile(r"[A-Za-z0-9._~-]{8,200}", re.ASCII)  # a random one has 43
_PARTS = ("textual_serve", "aiohttp", "aiohttp_jinja2", "jinja2")  # what the extra `serve` brings


def serve(url: str, words: Sequence[str], *, host: str | None, port: int, token: str | None, may_act: bool) -> int:
    """Serve the interface until a signal; return the exit code.

    Args:
        url: the store.
        words: what a tab's `cerebelum tui` is called with.
        host: None for this machine's own address.
        port: 0 for a free one.
        token: None for a random one.
        may_act: what is said of it; `words` say it to the tabs.

    Raises:
        BrowserPartMissing: textual-serve is not installed.
        AddressRefused: nothing can listen there.
        UsageProblem: the token is too short, or the store is in this process' memory.
    """
    if url.startswith("memory:"):
        raise UsageProblem("no other process sees a store in memory", help_="cerebelum tui --serve --store orders.db")
    if token is not None and not _TOKEN.fullmatch(token):
        raise UsageProblem(
            "--token takes 8 to 200 letters, digits, dots, dashes and underscores",
            help_="leave it out, and a random one is made: cerebelum tui --serve",
        )
    try:
        from cerebelum.tui.browser.guard import Guard, is_loopback
        from cerebelum.tui.browser.server import BrowserServer
    except ModuleNotFoundError as error:
        if error.name not in _PARTS:
            raise
        raise BrowserPartMissing("textual-serve") from error
    host = "127.0.0.1" if host is None else host.strip("[]")
    listening = _listen(host, port)
    with listening:
        port = listening.getsockname()[1]
        guard = Guard(token or secrets.token_urlsafe(32), host, port)
        # -P: a module of the folder that one stands in must not come before ours. The store goes by the environment:
        # its URL may hold a password, and everybody sees what a process is called with.
        command = [sys.executable, "-P", "-m", "cerebelum_cli", "tui", *words]
        server = BrowserServer(guard, command, {"CEREBELUM_STORE": url})
        address = f"http://{_in_address(host)}:{port}/?token={guard.token}"
        return asyncio.run(_serve(server, listening, address, is_local=is_loopback(host), may_act=may_act))


async def _serve(
    server: BrowserServer, listening: socket.socket, address: str, *, is_local: bool, may_act: bool
) -> int:
    from cerebelum_cli.interrupts import handled

    with handled() as interrupts:
        async with server.serving(listening):
            out(address)
            acts = "who has this address may act: pause, cancel, fork, answer" if may_act else "read-only"
            err(f"{acts}; each tab is a process of its own; Ctrl-C ends it")
            if not is_local:
                err(
                    "warning: other machines reach this address, over plain HTTP: who listens on the network reads the token "
                    "and all that is shown\n"
                    "  help: without --host, and from the other machine: ssh -L 8000:127.0.0.1:PORT THIS_MACHINE"
                )
            await interrupts.asked.wait()
        err("ended; the tabs are closed")
    return interrupts.exit_code


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server((str(place[0]), int(place[1])), family=family, backlog=64)
    except (socket.gaierror, UnicodeError) as error:
        raise AddressRefused(
            host, port, f"no machine is called that ({getattr(error, 'strerror', None) or error})"
        ) from error
    except OSError as error:
        raise AddressRefused(host, port, os.strerror(error.errno or 0).lower()) from error


def _in_address(host: str) -> str:
    """Return what to type: the addresses that mean all of a machine's are none to go to."""
    if host in ("0.0.0.0", "", "::"):  # noqa: S104 - compared
        host = socket.gethostname()
    return f"[{host}]" if ":" in host else host
