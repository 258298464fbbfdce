"""What a workflow may not do, because no replay could do it the same: raises `NotDeterministic` in an activation.

Wrappers, and no audit hook: a hook hears every event of the process, `id()` among them, and made that one eight
times slower. Sending on a socket is stopped at `sendall`, not at `send`, which event loops use to wake each other.
"""

from __future__ import annotations

import _thread
import asyncio
import builtins
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from types import ModuleType
from typing import Any

from cerebelum.engine.authoring.activation import slot
from cerebelum.engine.domain.errors_determinism import NotDeterministic
from cerebelum.engine.runtime.interception import real
from cerebelum.engine.runtime.interception.replacement import Replacements
from cerebelum.engine.runtime.source_line import user_line

guarded = Replacements(__name__, "guarded")

_STEP = "put it in a step: a function under `@step` runs outside the workflow, and its result is recorded"
_THREAD = (
    "put the work in a step (a plain `def` step runs in a thread); run steps together with `asyncio.gather`, "
    "in a plain `def` workflow with `together`"
)
_TIMER = (
    "`await asyncio.sleep(...)`: a durable timer, which survives a crash; "
    "in a workflow that is a plain `def`, `time.sleep` is one"
)
_ASK = "ask with `await wait_for_input(...)`, or put it in a step"

_DEBUGGERS = frozenset({"bdb", "cmd", "code", "pdb"})

_FUNCTIONS: tuple[tuple[ModuleType, tuple[str, ...]], ...] = (
    (socket, ("create_connection", "getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "socketpair")),
    (os, ("system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "startfile")),
    (os, ("execv", "execve", "spawnv", "spawnve", "spawnvp", "spawnvpe")),
)
_METHODS: tuple[tuple[type, str, str, str], ...] = (
    (socket.socket, "__init__", "socket.socket()", _STEP),
    (socket.socket, "connect", "socket.connect()", _STEP),
    (socket.socket, "connect_ex", "socket.connect_ex()", _STEP),
    (socket.socket, "sendall", "socket.sendall()", _STEP),
    (ssl.SSLSocket, "sendall", "socket.sendall()", _STEP),
    (subprocess.Popen, "__init__", "subprocess.Popen()", _STEP),
    (threading.Thread, "start", "threading.Thread.start()", _THREAD),
    (ThreadPoolExecutor, "submit", "ThreadPoolExecutor.submit()", _THREAD),
)


def not_deterministic(call: str, remedy: str = _STEP) -> NotDeterministic:
    """Return the error to raise from the stand-in of `call`, which its user's code called (through libraries, maybe)."""
    return NotDeterministic(call, line=str(user_line(sys._getframe(1))), remedy=remedy)


def _function(call: str, original: Callable[..., Any], remedy: str) -> Callable[..., Any]:
    def guard(_: Replacements, /, *args: Any, **kwargs: Any) -> Any:
        if slot.activation is None:
            return original(*args, **kwargs)
        raise not_deterministic(call, remedy)

    return guard


def _method(call: str, original: Callable[..., Any], remedy: str) -> Callable[..., Any]:
    @wraps(original)
    def guard(*args: Any, **kwargs: Any) -> Any:
        if slot.activation is None:
            return original(*args, **kwargs)
        raise not_deterministic(call, remedy)

    return guard


for _module, _names in _FUNCTIONS:
    for _name in _names:
        if hasattr(_module, _name):  # each system has its own selection
            _call = f"{_module.__name__}.{_name}()"
            guarded.add(_module, _name, _function(_call, getattr(_module, _name), _STEP))
for _name in ("start_new_thread", "start_joinable_thread"):
    if hasattr(_thread, _name):  # the second came with Python 3.13
        guarded.add(_thread, _name, _function(f"_thread.{_name}()", getattr(_thread, _name), _THREAD))

_GUARDED_METHODS = [
    (owner, name, _method(call, getattr(owner, name), remedy)) for owner, name, call, remedy in _METHODS
]

_real_input = builtins.input


@guarded.replaces(builtins, "input")
def _input(_: Replacements, /, *prompt: Any) -> str:
    # The prompt of a debugger that was set in a workflow is no part of the workflow.
    if slot.activation is None or sys._getframe(1).f_globals.get("__name__") in _DEBUGGERS:
        return _real_input(*prompt)
    raise not_deterministic("input()", _ASK)


@guarded.replaces(time, "sleep")
def _sleep(_: Replacements, seconds: float, /) -> None:
    plain = slot.plain
    if slot.activation is None:
        real.sleep(seconds)
    elif plain is None:
        raise not_deterministic("time.sleep()", _TIMER)
    elif seconds < 0:
        raise ValueError("sleep length must be non-negative")  # as the original says it
    else:  # a workflow that is a plain `def` waits without an await
        plain.wait(asyncio.sleep(seconds))


def apply() -> None:
    """Put the guards in place. Doing it again changes nothing."""
    guarded.apply()
    for owner, name, guard in _GUARDED_METHODS:
        setattr(owner, name, guard)
