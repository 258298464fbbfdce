"""A session over standard input and output, as editors start their adapters.

The flow's modules are imported here, and whatever they print must not come between the messages: they get another
standard output, and an empty standard input.
"""

from __future__ import annotations

import os
import sys

from cerebelum_cli.dap.serving import READ_BYTES, serve
from cerebelum_cli.dap.session import Session


def serve_stdio(session: Session) -> None:
    """Serve the process that started this one, until it has gone.

    Raises:
        NotTheProtocol: it speaks something else.
    """
    incoming, outgoing = _own_streams()

    def write(data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(outgoing, left) :]

    serve(session, lambda: os.read(incoming, READ_BYTES), write)


def _own_streams() -> tuple[int, int]:
    """Take standard input and output for the protocol alone; what prints from now on prints to standard error."""
    sys.stdout.flush()
    incoming, outgoing = os.dup(0), os.dup(1)  # not inherited by programs that are started
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing
