"""A JSON array, written entry by entry: whoever stops reading or waiting has lost no memory to it."""

from __future__ import annotations

import json
import sys
from types import TracebackType
from typing import Any, Self

from cerebelum_cli.output import is_terminal


class JsonArray:
    """`with JsonArray() as array: array.add(…)`: one valid array on stdout, also when an error ends it early."""

    def __init__(self) -> None:
        self._before = "["

    def add(self, value: Any) -> None:
        """Write one entry, on a line of its own."""
        # on a terminal ASCII only: whatever the data holds arrives there as an escape of JSON's own
        text = json.dumps(value, ensure_ascii=is_terminal(sys.stdout))
        sys.stdout.write(self._before + text.encode("utf-8", "backslashreplace").decode())
        self._before = ",\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, BrokenPipeError):
            return
        sys.stdout.write("[]\n" if self._before == "[" else "]\n")
        sys.stdout.flush()
