"""Errors of definitions as data: expressions, and the files that hold a flow."""

from __future__ import annotations

from cerebelum.engine.domain.errors import CerebelumError, DefinitionError

_SHOWN_CHARS = 100  # of an expression, around the place that is meant


class ExpressionError(CerebelumError):
    """An expression as data is refused, or cannot be evaluated on the state it was given."""

    code = "CB120"
    exit_code = 9

    def __init__(self, text: str, position: int, reason: str) -> None:
        super().__init__(f"{reason}\n{_marked(text, position)}")
        self.text, self.position, self.reason = text, position, reason  # position: counts characters from 0


class DefinitionUnreadable(DefinitionError):
    """The text of a definition is not JSON or YAML, is larger than a flow can be, or holds what JSON cannot."""

    code = "CB121"


def _marked(text: str, position: int) -> str:
    begin = max(0, min(position, len(text)) - _SHOWN_CHARS // 2)
    shown = text[begin : begin + _SHOWN_CHARS]
    lead = "…" if begin else ""
    tail = "…" if begin + _SHOWN_CHARS < len(text) else ""
    line = "".join(character if character.isprintable() else "?" for character in shown)
    return f"    {lead}{line}{tail}\n    {' ' * (len(lead) + position - begin)}^"
