"""Which files hold flows, among those that people name: a file itself, and of a folder what looks like one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

FLOW_SUFFIXES = (".py", ".json", ".yaml", ".yml")


def flow_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files, as they were given, and those of the folders that may declare a workflow; each once."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.glob("*") if file.suffix in FLOW_SUFFIXES and file.is_file())
            found |= dict.fromkeys(file for file in inside if may_declare(file))
        else:
            found[path] = None
    return list(found)


def may_declare(file: Path) -> bool:
    """Whether the text of a file looks as if it declared a workflow; it is not run."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:  # it went away, or may not be read: then it is no flow
        return False
    if file.suffix != ".py":
        return "entrypoint" in text and "nodes" in text
    return "workflow" in text or ("cerebelum" in text and ("Flow" in text or "Workflow" in text))
