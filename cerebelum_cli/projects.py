"""Starter projects: which templates there are, what each holds, and how one becomes a folder of its own.

A template is a folder below `cerebelum/templates`, copied as it is. Its README says what it is for (the first sentence
below the title) and what to type first (the first block of `console`), so neither is written down twice.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from msgspec import Struct

from cerebelum_cli.project_errors import ProjectFilesExist, ProjectNotWritten, TemplateUnknown

DEFAULT_TEMPLATE = "basic"
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"\s+# .*$")


class Template(Struct, frozen=True):
    """A starter project.

    Attributes:
        purpose: what it shows, in a sentence.
        commands: what to type first, in its folder; some with a comment.
        files: path, relative to the project and with "/", to content.
    """

    name: str
    purpose: str
    commands: tuple[str, ...]
    files: dict[str, bytes]


class Written(Struct, frozen=True):
    """What was done; paths relative to the project's folder, in order."""

    new: tuple[str, ...]
    replaced: tuple[str, ...]


def template_names() -> list[str]:
    """Return the names of all templates: the plainest first, then by name."""
    names = [entry.name for entry in _root().iterdir() if entry.is_dir() and not entry.name.startswith(("_", "."))]
    return sorted(names, key=lambda name: (name != DEFAULT_TEMPLATE, name))


def load_template(name: str) -> Template:
    """Return a template; capitals, and `_` for `-`, are taken as they are meant.

    Raises:
        TemplateUnknown: there is none of this name.
    """
    known = template_names()
    meant = name.strip().lower().replace("_", "-")
    if meant not in known:
        nearest = next(iter(get_close_matches(meant, known, 1, cutoff=0.5)), None)
        raise TemplateUnknown(name, known=known, nearest=nearest)
    files = dict(sorted(_files(_root() / meant)))
    readme = files["README.md"].decode("utf-8")
    return Template(meant, _purpose(readme), tuple(commands_in(readme)[0]), files)


def commands_in(readme: str) -> list[list[str]]:
    """Return the commands of a page: a list for each block of `console`."""
    blocks = [match[1].splitlines() for match in _CONSOLE.finditer(readme)]
    return [[line[2:] for line in block if line.startswith("$ ")] for block in blocks]


def without_comment(command: str) -> str:
    """Return a command as a program takes it."""
    return _COMMENT.sub("", command)


def write_project(template: Template, folder: Path, *, force: bool = False) -> Written:
    """Write a template's files into a folder, which is made if need be: all of them, or none.

    Args:
        force: replace files that are there.

    Raises:
        ProjectFilesExist: some are there, and `force` is not given.
        ProjectNotWritten: one cannot be written. Nothing is left behind.
    """
    blocked = sorted({reason for path in template.files for reason in _in_the_way(folder, path)})
    if blocked:
        raise ProjectNotWritten(str(folder), template.name, blocked)
    existing = tuple(path for path in template.files if os.path.lexists(folder / path))
    if existing and not force:
        raise ProjectFilesExist(str(folder), template.name, [str(folder / path) for path in existing])
    _write(template, folder)
    return Written(tuple(path for path in template.files if path not in existing), existing)


def _write(template: Template, folder: Path) -> None:
    """Write every file beside its place, and only when all are written put each into it."""
    target = folder
    made: list[Path] = []  # folders, the outermost first
    staged: dict[Path, Path] = {}
    try:
        for path, content in template.files.items():
            target = folder / path
            _make_folders(target.parent, made)
            beside = target.with_name(f".{target.name}.new-{os.getpid()}")
            staged[beside] = target
            beside.write_bytes(content)
        for beside, target in staged.items():
            beside.replace(target)
    except BaseException as error:
        _take_back(list(staged), made)
        if isinstance(error, OSError):
            reason = f"{target}: {error.strerror or error}"
            raise ProjectNotWritten(str(folder), template.name, [reason]) from error
        raise


def _take_back(files: list[Path], folders: list[Path]) -> None:
    """Remove what was written. A folder that holds something else by now stays."""
    for file in files:
        with suppress(OSError):
            file.unlink()
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()


def _make_folders(folder: Path, made: list[Path]) -> None:
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir()
        made.append(parent)


def _in_the_way(folder: Path, path: str) -> Iterator[str]:
    """Yield what not even `--force` replaces: a folder in a file's place, a file in a folder's."""
    target = folder / path
    if target.is_dir() and not target.is_symlink():
        yield f"{target} is a folder, and a file is to be there"
    for parent in target.parents:
        if os.path.lexists(parent) and not parent.is_dir():
            yield f"{parent} is no folder, and one is to be there"


def _files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.name.startswith((".", "__pycache__")):  # an installer compiles what it finds
            continue
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry.read_bytes()


def _purpose(readme: str) -> str:
    text = readme.partition("\n\n")[2].partition("\n\n")[0].replace("\n", " ")
    return text.partition(". ")[0].rstrip(".")


def _root() -> Traversable:
    return resources.files("cerebelum") / "templates"
