"""Data on stdout: tables on a terminal, the same columns as TSV elsewhere, JSON, one id a line."""

from __future__ import annotations

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cerebelum.engine.domain.terminal_text import visible
from cerebelum_cli.options import Format
from cerebelum_cli.streams import err, out

_COLOURS = {"completed": "32", "failed": "31", "cancelled": "33", "running": "36", "waiting": "34", "paused": "35"}


def is_terminal(stream: Any) -> bool:
    """Return whether people look at `stream`."""
    return bool(getattr(stream, "isatty", lambda: False)())


def animates(stream: Any) -> bool:
    """Return whether lines on `stream` may be drawn anew."""
    return is_terminal(stream) and os.environ.get("TERM", "") not in ("dumb", "") and not os.environ.get("CI")


def coloured(text: str, status: str, stream: Any) -> str:
    """Return `text` in the colour of a status, where `stream` shows colours; the setting `color` decides."""
    colour = _COLOURS.get(status)
    if colour is None or not _shows_colours(stream):
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"


def _shows_colours(stream: Any) -> bool:
    from cerebelum.engine.domain.errors import CerebelumError
    from cerebelum_cli.settings import settled

    try:
        wanted = settled().settings.color
    except CerebelumError:  # what is wrong with a setting is told by others, and in any case
        wanted = "never" if os.environ.get("NO_COLOR") else "auto"
    return wanted == "always" or (wanted == "auto" and is_terminal(stream) and os.environ.get("TERM") != "dumb")


def say(text: str) -> None:
    """Print talk."""
    err(visible(text))


def print_json(value: Any) -> None:
    """Print one JSON value: indented for people, on one line for programs."""
    if is_terminal(sys.stdout):
        # ASCII only: whatever the data holds arrives at the terminal as an escape of JSON's own
        text = json.dumps(value, indent=2, ensure_ascii=not _harmless(value))
    else:
        text = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    out(text)


def print_json_line(value: Any) -> None:
    """Print one JSON object on a line of its own, at once."""
    text = json.dumps(value, ensure_ascii=is_terminal(sys.stdout))
    out(text.encode("utf-8", "backslashreplace").decode())


def _harmless(value: Any) -> bool:
    text = json.dumps(value, ensure_ascii=False)
    return visible(text) == text


def print_rows(
    format_: Format, rows: Iterable[tuple[Mapping[str, Any], Sequence[str]]], columns: Sequence[str], *, id_key: str,
    least: Sequence[str] = (),
) -> int:  # fmt: skip
    """Print rows, each given as its JSON object and its cells of text, and return how many there were.

    Args:
        id_key: which key of the object `-o ids` prints.
        least: columns that a narrow terminal does without, the first one first; elsewhere all are printed.
    """
    found = list(rows) if format_ in (Format.text, Format.json) else rows
    count = 0
    if format_ is Format.json:
        print_json([shape for shape, _ in found])
        return len(list(found))
    if format_ is Format.text:
        lines = [[visible(cell, keep_newlines=False) for cell in cells] for _, cells in found]
        _print_table(columns, lines, least)
        return len(lines)
    for shape, _ in found:
        count += 1
        if format_ is Format.jsonl:
            print_json_line(shape)
        else:
            out(visible(str(shape[id_key]), keep_newlines=False))
    return count


def _print_table(columns: Sequence[str], lines: Sequence[Sequence[str]], least: Sequence[str]) -> None:
    if not is_terminal(sys.stdout):
        for cells in lines:
            out("\t".join(cells))
        return
    if not lines:
        return
    widths = [max(_width(row[index]) for row in (columns, *lines)) for index in range(len(columns))]
    shown_columns = _fitting(columns, widths, least, shutil.get_terminal_size().columns)
    for row in (columns, *lines):
        padded = [row[index] + " " * (widths[index] - _width(row[index])) for index in shown_columns]
        shown = [coloured(cell, cell.strip(), sys.stdout) for cell in padded]
        out("  ".join(shown).rstrip())


def _fitting(columns: Sequence[str], widths: Sequence[int], least: Sequence[str], room: int) -> list[int]:
    """Return the columns to show: all, or without as many of `least` as it takes to fit a row into `room`."""
    kept = list(range(len(columns)))
    for name in least:
        if sum(widths[index] for index in kept) + 2 * (len(kept) - 1) <= room:
            break
        kept.remove(columns.index(name))
    return kept


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(bool(unicodedata.combining(character)) for character in text)
