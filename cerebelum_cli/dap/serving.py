"""Carries one session's messages between bytes and `Session`. A thread reads, so that a pause is heard while one walks."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

from cerebelum_cli.dap.framing import FrameReader, NotTheProtocol, framed
from cerebelum_cli.dap.looking import as_json
from cerebelum_cli.dap.messages import head_of
from cerebelum_cli.dap.session import Session

READ_BYTES = 65_536
_MOST_WAITING = 1_000  # messages that are read and not answered yet
_INTERRUPTS = frozenset({"pause", "disconnect", "terminate"})

Read = Callable[[], bytes]  # b"": nothing more will come
Write = Callable[[bytes], None]


def serve(session: Session, read: Read, write: Write) -> None:
    """Answer until the editor says goodbye or is gone; the session is closed then.

    Raises:
        NotTheProtocol: what came in is something else. The editor has been told.
    """
    waiting: queue.Queue[bytes | NotTheProtocol | None] = queue.Queue(_MOST_WAITING)
    threading.Thread(target=_listen, args=(session, read, waiting), name="cerebelum dap", daemon=True).start()
    try:
        for body in _bodies(waiting):
            for message in session.handle(body):
                write(framed(as_json(message)))
            if session.ended:
                return
    except NotTheProtocol as problem:
        write(framed(as_json(session.said(f"this is not the Debug Adapter Protocol: {problem}"))))
        raise
    except (BrokenPipeError, ConnectionError, TimeoutError):
        return  # the editor is gone
    finally:
        session.close()


def _bodies(waiting: queue.Queue[bytes | NotTheProtocol | None]) -> Iterator[bytes]:
    while (found := waiting.get()) is not None:
        if isinstance(found, NotTheProtocol):
            raise found
        yield found


def _listen(session: Session, read: Read, waiting: queue.Queue[bytes | NotTheProtocol | None]) -> None:
    reader = FrameReader()
    last: NotTheProtocol | None = None
    try:
        while data := read():
            for body in reader.feed(data):
                if head_of(body)[1] in _INTERRUPTS:
                    session.interrupted.set()
                waiting.put(body)
        if not reader.is_between:
            last = NotTheProtocol("it ends in the middle of a message")
    except NotTheProtocol as problem:
        last = problem
    except (OSError, ValueError):
        pass  # closed under the reader
    session.interrupted.set()
    waiting.put(last)
