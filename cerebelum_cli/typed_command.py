"""Errors about a flow's file suggest a command to type: the one that was typed, not always `cerebelum run`."""

from __future__ import annotations

from collections.abc import Sequence

_ASSUMED = "cerebelum run "  # what the engine's errors say: it does not know of other commands
_WITH_A_FLOW = {
    "graph": "cerebelum graph ", "check": "cerebelum check ", "worker": "cerebelum worker ", "dev": "cerebelum dev ",
    "test": "cerebelum test --crash-everywhere ",
}  # fmt: skip


def suggest_typed_command(error: BaseException, line: Sequence[str]) -> None:
    """Have an error about a flow's file suggest the command of this command line."""
    from cerebelum.engine.domain.errors_code import FlowNotFound, NoWorkflow, SeveralWorkflows, WorkflowNotInFlow

    command = _suggested(line)
    if command and isinstance(error, FlowNotFound | NoWorkflow | SeveralWorkflows | WorkflowNotInFlow):
        error.args = (str(error).replace(_ASSUMED, command),)


def _suggested(line: Sequence[str]) -> str:
    words = [word for word in line if not word.startswith("-")]
    if words[:1] == ["replay"]:
        return f"cerebelum replay {words[1] if len(words) > 1 else 'ID'} --code "
    return _WITH_A_FLOW.get(words[0], "") if words else ""
