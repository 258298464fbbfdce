"""The text of a definition's file, carried as comments in the module that stands for it, and where its nodes are in it.

Comments are no part of a version, so the same definition in another layout stays the same version; its text is that of
the file that was registered first.
"""

from __future__ import annotations

import json
import re
from typing import Any

_MARK = "#: "
_LINE_ENDS = re.compile(r"\r\n|\r|\n")


def as_comments(text: str) -> str:
    """Return `text` as comment lines: whatever it holds, none of it becomes code."""
    return "".join(f"{_MARK}{json.dumps(line)}\n" for line in _LINE_ENDS.split(text))


def definition_text(source: str) -> str | None:
    """Return the definition's text that a module's source carries; None for a module that stands for none."""
    if _MARK not in source or "\nDEFINITION = json.loads(" not in source:
        return None
    lines = [line[len(_MARK) :] for line in source.splitlines() if line.startswith(_MARK)]
    try:
        return "\n".join(str(json.loads(line)) for line in lines)
    except ValueError:  # somebody's own comments
        return None


def name_line(text: str) -> int:
    """Return the line, from 1, that names the definition."""
    found = re.search(r"""^[\s{]*["']?name["']?\s*:""", text, re.MULTILINE)
    return 1 if found is None else text.count("\n", 0, found.end()) + 1


def node_lines(text: str) -> dict[str, int]:
    """Return the line, from 1, at which each node of a definition begins; nodes that are not found are left out."""
    try:
        ids = list(json.loads(text)["nodes"])
    except (ValueError, TypeError, KeyError):
        return _yaml_lines(text)
    return _json_lines(text, ids)


def _json_lines(text: str, ids: list[str]) -> dict[str, int]:
    found, position = {}, text.find('"nodes"')
    for node_id in ids:  # in the order of the text
        match = re.compile(re.escape(json.dumps(node_id, ensure_ascii=False)) + r"\s*:\s*\{").search(text, position)
        if match is not None:
            found[node_id] = text.count("\n", 0, match.start()) + 1
            position = match.end()
    return found


def _yaml_lines(text: str) -> dict[str, int]:
    import yaml

    try:
        root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
        nodes = next(value for key, value in root.value if key.value == "nodes")
        return {str(key.value): key.start_mark.line + 1 for key, _ in nodes.value}
    except (yaml.YAMLError, StopIteration, AttributeError, TypeError, ValueError):
        return {}
