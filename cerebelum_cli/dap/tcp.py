"""Sessions over TCP, for editors that connect to an adapter that runs: on this machine only, one after the other."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from cerebelum_cli.dap.framing import FrameReader, NotTheProtocol, framed
from cerebelum_cli.dap.looking import as_json
from cerebelum_cli.dap.messages import head_of
from cerebelum_cli.dap.serving import READ_BYTES, serve
from cerebelum_cli.dap.session import Session

HOST = "127.0.0.1"
_LEAVING_S = 2.0  # that a further editor waits for the one before to go
_REFUSED_S = 2.0  # that its first message is waited for


def listen(port: int) -> socket.socket:
    """Return a socket that editors of this machine can connect to; port 0 takes a free one.

    Raises:
        OSError: the port is taken, or not allowed.
    """
    return socket.create_server((HOST, port), backlog=8)


def serve_tcp(listening: socket.socket, make: Callable[[], Session], tell: Callable[[str], None]) -> None:
    """Serve one editor after the other, for ever; a second one at the same time is told that there is one.

    Args:
        make: gives a new session.
        tell: takes a line about what happened.
    """
    taken: queue.Queue[socket.socket] = queue.Queue()
    free = threading.Semaphore(1)
    threading.Thread(target=_accept, args=(listening, taken, free), name="cerebelum dap accept", daemon=True).start()
    while True:
        with taken.get() as connection:
            _serve_one(connection, make(), tell)
        free.release()


def _serve_one(connection: socket.socket, session: Session, tell: Callable[[str], None]) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        serve(session, lambda: connection.recv(READ_BYTES), connection.sendall)
    except NotTheProtocol as problem:
        tell(f"an editor was sent away: {problem}")
    finally:
        with suppress(OSError):  # it has gone by itself
            connection.shutdown(socket.SHUT_RDWR)  # ends the thread that reads


def _accept(listening: socket.socket, taken: queue.Queue[socket.socket], free: threading.Semaphore) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return  # closed: the command ends
        if free.acquire(timeout=_LEAVING_S):
            taken.put(connection)
        else:
            _refuse(connection)


def _refuse(connection: socket.socket) -> None:
    problem = "another editor is connected, and a walk has one; end its session, or start a second adapter"
    with connection:
        connection.settimeout(_REFUSED_S)
        with suppress(OSError, NotTheProtocol):  # it has not even asked
            seq, command = head_of(next(FrameReader().feed(connection.recv(READ_BYTES)), b""))
            body = {"error": {"id": 1, "format": problem, "showUser": True}}
            answer = {"seq": 1, "type": "response", "request_seq": seq, "command": command, "success": False,
                      "message": problem, "body": body}  # fmt: skip
            connection.sendall(framed(as_json(answer)))
