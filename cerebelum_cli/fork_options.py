"""What is typed for a fork: its place, and what is changed in it."""

from __future__ import annotations

from collections.abc import Sequence

from cerebelum.engine.domain.editing import Edit
from cerebelum_cli.errors import UsageProblem


def fork_place(text: str | None) -> int | str | None:
    """Return an event's number or a step's name; a step that is called like a number is `step:8`."""
    if text is None:
        return None
    return int(text) if text.isdecimal() else text.removeprefix("step:")


def patches_of(texts: Sequence[str]) -> list[Edit]:
    """Return the edits of `--patch PATH=JSON`.

    Raises:
        UsageProblem: one has no "=", or changes nothing that has a name.
    """
    found: list[Edit] = []
    for text in texts:
        target, separator, value = text.partition("=")
        if not separator or not target:
            raise UsageProblem(
                f"--patch {text!r} is not PATH=JSON",
                help_="--patch charge.total=5 --patch 'reserve={\"ok\": true}' --patch input.amount=2",
            )
        found.append(Edit(target, value.encode()))
    return found
