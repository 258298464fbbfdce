"""A module on disk and the local modules it imports, found without running any of them.

Local: a Python file inside the project and not of the standard library, an installed package or Cerebelum itself. The
project is the nearest folder around the file with a `pyproject.toml`, `cerebelum.toml`, `setup.py` or `.git`; without
one, the folder that imports begin in. Imports are those that statements name, at any depth, also under `if` and inside
functions; a name built at run time (`importlib.import_module(f"…")`) is not seen.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from functools import cached_property
from importlib.util import decode_source
from pathlib import Path

from msgspec import Struct

from cerebelum.engine.runtime.code.bundle import MAX_MODULE_COUNT, ModuleSource, SourceBundle, imported_names, parents

PROJECT_MARKS = ("pyproject.toml", "cerebelum.toml", "setup.py", ".git")

_OURS = Path(__file__).resolve().parents[3]
_OUR_NAMES = frozenset({_OURS.name, "cerebelum_cli", "__future__"})
_LIBRARY = Path(os.__file__).resolve().parent
_DEFINITION_SUFFIXES = frozenset({".json", ".yaml", ".yml"})
_INSTALLED = frozenset({"site-packages", "dist-packages"})


class Closure(Struct, frozen=True):
    """The bundle of an entry module, and where its files are."""

    entry: str
    import_root: Path  # what `sys.path` must hold for the entry's imports
    bundle: SourceBundle
    files: dict[str, Path]  # module name -> file, for every module of the bundle


class Project:
    """Where the imports of one entry file may lead."""

    def __init__(self, import_root: Path, entry: str = "") -> None:
        self.import_root = import_root
        self._own = entry.partition(".")[0]
        # an application that is installed as a package: what lies beside it is not its own
        self._among_libraries = import_root.name in _INSTALLED or import_root == _LIBRARY
        self.root = next(
            (
                folder
                for folder in (import_root, *import_root.parents)
                if any((folder / mark).exists() for mark in PROJECT_MARKS)
            ),
            import_root,
        )

    def find(self, name: str) -> Path | None:
        """Return the local file of the module `name`, None if there is none (a namespace package has none)."""
        top = name.partition(".")[0]
        if top in _OUR_NAMES:
            return None
        if top in sys.stdlib_module_names and top != self._own:
            return self._loaded(name)  # a file of that name beside the flow counts only if it really was imported
        if top == self._own or not self._among_libraries:
            found = _file_under(self.import_root, name)
            if found is not None:
                return found
        return self._loaded(name) or self._on_path(name)

    def is_local(self, file: Path) -> bool:
        """Whether `file` belongs to the project."""
        return (
            file.is_relative_to(self.root)
            and not _INSTALLED.intersection(file.parts)
            and not file.is_relative_to(_OURS)
            and not file.is_relative_to(_LIBRARY)
        )

    def _loaded(self, name: str) -> Path | None:
        file = source_file(name)
        return file if file is not None and file.is_file() and self.is_local(file) else None

    def _on_path(self, name: str) -> Path | None:
        found = (_file_under(root, name) for root in self._roots)
        return next((file for file in found if file is not None and self.is_local(file)), None)

    @cached_property
    def _roots(self) -> list[Path]:
        folders = (Path(entry or ".").resolve() for entry in sys.path)
        return [folder for folder in folders if folder.is_relative_to(self.root) and folder.is_dir()]


def read_closure(file: Path, *, name: str | None = None) -> Closure:
    """Read a module's file and the local modules it imports.

    Args:
        file: the entry, absolute.
        name: under which the entry was imported, if it was; default: by the packages around the file.

    Raises:
        OSError: a file cannot be read.
        SyntaxError: a file is not text in the encoding it declares.
    """
    entry, import_root = (name, _import_root(file, name)) if name else place_of(file)
    project = Project(import_root, entry)
    files = {entry: file}
    modules: dict[str, ModuleSource] = {}
    waiting = [entry, *parents(entry)]
    seen = set(waiting)
    while waiting:
        current = waiting.pop()
        found = files.get(current) or project.find(current)
        if found is None or len(modules) >= MAX_MODULE_COUNT:
            continue
        files[current] = found
        modules[current] = ModuleSource(path=_shown_path(current, found), source=read_source(found))
        new = [name for name in imported_names(current, modules[current]) if name not in seen]
        seen.update(new)
        waiting += dict.fromkeys(new)
    return Closure(entry=entry, import_root=import_root, bundle=SourceBundle(modules), files=files)


def place_of(file: Path) -> tuple[str, Path]:
    """Return the name a file is imported under, and the folder that name begins in: packages around it are heeded."""
    parts = [] if file.name == "__init__.py" else [re.sub(r"\W", "_", file.stem)]
    if is_definition(file):
        parts[0] += "_definition"  # `order.json` may lie beside the `order.py` that has its functions
    folder = file.parent
    if parts and is_reserved(parts[0]) and not (folder / "__init__.py").is_file():
        return f"{parts[0]}_flow", folder  # `queue.py`: nobody means their flow by `import queue`
    while (folder / "__init__.py").is_file() and folder.name.isidentifier() and folder.parent != folder:
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts) or "__init__", folder


def is_definition(file: Path) -> bool:
    """Whether a file holds a flow as data, by its name."""
    return file.suffix.lower() in _DEFINITION_SUFFIXES


def is_reserved(name: str) -> bool:
    """Whether a top-level name belongs to the standard library or to us."""
    return name in sys.stdlib_module_names or name in _OUR_NAMES


def source_file(module_name: str) -> Path | None:
    """Return the source file of a loaded module, None if it is not loaded or has none."""
    name = getattr(sys.modules.get(module_name), "__file__", None)
    if not isinstance(name, str) or not name.endswith(".py"):
        return None
    return Path(name).resolve()


def read_source(file: Path) -> str:
    """Return a Python file's text, decoded as the interpreter would; of a definition, the module that stands for it."""
    if is_definition(file):
        from cerebelum.engine.runtime.code.definition_source import definition_source  # few flows are data

        return definition_source(file)
    try:
        return decode_source(file.read_bytes())
    except UnicodeDecodeError as error:
        refused = SyntaxError(f"not {error.encoding} text (byte {error.start}): {error.reason}")
        refused.filename, refused.lineno = str(file), 1 + error.object[: error.start].count(b"\n")
        raise refused from error


def near_names(file: Path) -> Iterator[str]:
    """Yield the names of the Python files beside a path."""
    if file.parent.is_dir():
        yield from sorted(entry.name for entry in file.parent.iterdir() if entry.suffix == ".py")


def _import_root(file: Path, name: str) -> Path:
    parts = name.split(".")
    below = [*parts, "__init__"] if file.name == "__init__.py" else parts
    if [*file.parts[:-1], file.stem][-len(below) :] == below:
        return file.parents[len(below) - 1]
    return file.parent


def _file_under(root: Path, name: str) -> Path | None:
    base = root.joinpath(*name.split("."))
    for candidate in (base / "__init__.py", base.with_name(base.name + ".py")):
        if candidate.is_file():
            return candidate
    return None


def _shown_path(name: str, file: Path) -> str:
    # from the name, not from the folder: the same on every machine; only a file's odd name ("my-flow.py") is kept
    return (
        "/".join([*name.split(".")[:-1], file.name])
        if file.name != "__init__.py"
        else f"{name.replace('.', '/')}/__init__.py"
    )
