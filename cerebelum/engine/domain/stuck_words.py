"""What executions that are stuck for the same reason have in common, in words."""

from __future__ import annotations

from cerebelum.engine.domain.reasons import Kind

_TITLES = {
    "paused": "paused by {name}",
    "incompatible": "no code at hand fits their history: {name}",
    "parked": "paused by the engine: {name}",
    "no_node": "no node knows workflow {name}",
    "due": "due, and taken up by no node: {name}",
    "dead_node": "their node is gone: {name}",
    "signal": "wait for signal {name}, without a time limit",
    "input": "wait for input {name}, without a time limit",
    "step": "a step runs: {name}",
    "place": "wait for a place in queue {name}",
    "code": "their code runs",
}


def group_title(kind: Kind, name: str) -> str:
    """Return the title of a group.

    Args:
        name: of the signal, the input, the step, the workflow, or who paused it.
    """
    return _TITLES.get(kind, kind + ": {name}").format(name=repr(name) if name else "somebody")
