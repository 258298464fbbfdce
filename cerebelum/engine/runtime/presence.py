"""Who this process is, and whether another process of the same machine still lives.

A process that is gone can be known to be gone at once by its neighbours, without waiting for its lease to run out.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from cerebelum.engine.ports.store import NodeRow


def host_identity() -> str:
    """Return a text that two processes share only if each can see the other's pid; "" if that cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def node_name() -> str:
    """Return host:pid, for people."""
    return f"{socket.gethostname()}:{os.getpid()}"


def certainly_dead(node: NodeRow) -> bool:
    """Return whether `node`'s process is known to be gone. A pid that was given to another process counts as alive."""
    if not node.host or node.host != host_identity():
        return False
    try:
        os.kill(node.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
