"""Where the files that a stored version was made of lie now. Nothing is imported or run here.

The store keeps a file's path inside its project, not where the project lies: it is looked for below the working folder,
then below the store's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec

from cerebelum.engine.ports.store import CodeVersion
from cerebelum.engine.runtime.code.bundle import SourceBundle

_PLACES = ("", "*/", "*/*/")  # below each folder that is looked in


def stored_path(code: CodeVersion | None) -> str:
    """Return the path of a version's own file inside its project; "" where its source was not kept."""
    bundle = _bundle(code)
    kept = bundle.modules.get(code.module) if code is not None and bundle is not None else None
    return kept.path if kept is not None else ""


def likely_files(path: str, project: Path | None) -> Iterator[list[Path]]:
    """Yield the files that `path` may mean now, the likeliest places first.

    Args:
        project: the folder that the store belongs to.
    """
    folders = [Path()]
    if project is not None and project.resolve() != Path.cwd():
        folders.append(project)
    for folder in folders if path else ():
        for place in _PLACES:
            found = _files(folder, place + path)
            if found:
                yield found


def files_of(code: CodeVersion | None, project: Path | None) -> list[Path]:
    """Return the files on disk that a version may have been made of, absolute: its own, and those of its local modules."""
    bundle, own = _bundle(code), stored_path(code)
    if bundle is None or not own:
        return []
    depth = len(PurePosixPath(own).parts)
    paths = [module.path for module in bundle.modules.values() if module.path]
    found: dict[Path, None] = {}
    for file in next(likely_files(own, project), []):
        root = file.resolve().parents[depth - 1]
        found |= dict.fromkeys(each for path in paths if (each := root / path).is_file())
    return list(found)


def _bundle(code: CodeVersion | None) -> SourceBundle | None:
    if code is None or code.source is None:
        return None
    try:
        return SourceBundle.decode(code.source)
    except (ValueError, msgspec.MsgspecError):
        return None


def _files(folder: Path, pattern: str) -> list[Path]:
    try:
        found = [file for file in folder.glob(pattern) if file.is_file()]
    except (NotImplementedError, ValueError):  # an absolute path, or one that is none
        return []
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts))
