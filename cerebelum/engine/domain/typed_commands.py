"""Commands that people are told to type about an execution: quoted for a shell, and the whole id in them."""

from __future__ import annotations

import shlex


def signal_command(execution_id: str, name: str) -> str:
    """Return the command that answers a wait for a signal."""
    return f"cerebelum signal {shlex.quote(execution_id)} {shlex.quote(name)} --json …"


def input_command(execution_id: str, name: str) -> str:
    """Return the command that answers an input."""
    end = f"-- {shlex.quote(name)}" if name.startswith("-") else shlex.quote(name)
    return f"cerebelum input {shlex.quote(execution_id)} {f'--form {end}' if name.startswith('-') else f'{end} --form'}"


def about(verb: str, execution_id: str, *more: str) -> str:
    """Return `cerebelum VERB ID …`."""
    return " ".join(["cerebelum", verb, shlex.quote(execution_id), *more])
