"""What `cerebelum dev` says: a line for people, or an object a line for programs. Both say the same."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.runtime.masking import mask_text
from cerebelum_cli.output import coloured
from cerebelum_cli.words import rfc3339

SCHEMA = "cerebelum.dev/1"
_INDENT = " " * 9
_AS_STATUS = {  # the colour of a kind of line is that of a status
    "reloaded": "completed", "fixed": "completed", "completed": "completed",
    "error": "failed", "failed": "failed",
    "kept": "cancelled", "cancelled": "cancelled", "stopped": "cancelled", "removed": "cancelled",
    "restart": "paused", "timers": "paused",
    "waiting": "waiting", "started": "running",
}  # fmt: skip


class Voice:
    """See the module docstring. Lines go to what stdout was when this was made, whatever user code does to it since.

    Args:
        as_json: an object a line.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.cut_off = asyncio.Event()  # nobody reads any more
        self._out = sys.stdout
        self._kept: list[str] | None = None  # while the terminal is another's
        if as_json:
            sys.stdout = sys.stderr  # what flows print must not stand between the objects

    def close(self) -> None:
        """Give stdout back."""
        if self.as_json and sys.stdout is sys.stderr:
            sys.stdout = self._out

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep what is said meanwhile, and say it afterwards."""
        self._kept = []
        try:
            yield
        finally:
            kept, self._kept = self._kept, None
            for text in kept:
                self._write(text)

    def tell(self, kind: str, text: str, more: Sequence[str] = (), **facts: Any) -> None:
        """Say that something happened.

        Args:
            kind: of the line, one word.
            text: what stands beside it; made safe and masked here, as are `more`.
            more: lines below it.
            facts: the same for programs.
        """
        if self.as_json:
            self._object(kind, facts)
            return
        head = coloured(f"{kind:<9}", _AS_STATUS.get(kind, ""), self._out)
        shown = visible(mask_text(text), keep_newlines=False)
        self._write("\n".join([f"{time.strftime('%H:%M:%S')} {head} {shown}".rstrip(), *self._below(more)]))

    def block(self, lines: Sequence[str], kind: str = "", **facts: Any) -> None:
        """Say lines without a time: the start-up block, help. Programs are told only where there is a `kind`."""
        if self.as_json:
            if kind:
                self._object(kind, facts)
            return
        self._write("\n".join(f"  {visible(mask_text(line), keep_newlines=False)}".rstrip() for line in lines))

    def _below(self, more: Sequence[str]) -> list[str]:
        lines = [line for text in more for line in text.split("\n")]
        # A tab of the user's source stays one: the caret below it stands where it does.
        return [f"{_INDENT}{visible(mask_text(line))}".rstrip() for line in lines]

    def _object(self, kind: str, facts: dict[str, Any]) -> None:
        body = {"schema": SCHEMA, "kind": kind, "at": rfc3339(time.time_ns() // 1000), **_masked(facts)}
        self._write(json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace").decode())

    def _write(self, text: str) -> None:
        if self._kept is not None:
            self._kept.append(text)
            return
        try:
            self._out.write(f"{text}\n")
            self._out.flush()
        except (BrokenPipeError, ValueError):
            self.cut_off.set()
        except OSError:  # a full disk under a log file: what is executed is worth more than what is told of it
            return


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {name: _masked(inner) for name, inner in value.items()}
    return [_masked(inner) for inner in value] if isinstance(value, list | tuple) else value
