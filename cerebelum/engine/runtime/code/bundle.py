"""The source of a workflow's module and of the local modules it imports, as the store keeps it.

JSON: {module name: {"path": shown path, "source": text}}. Names and paths are relative to the folder that imports begin
in, so the same project gives the same bundle on every machine. A bundle read from a store is checked before use: its
size, its names, and paths that stay inside a folder (they are only shown, never opened).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from cerebelum.engine.domain.errors_code import SourceTooLarge
from cerebelum.engine.runtime.code.normal_form import ImportStatement, analyse

MAX_BUNDLE_BYTES = 2 * 1024 * 1024
MAX_MODULE_COUNT = 2_000

_NAME = re.compile(r"[\w-]+(\.[\w-]+)*")
_PATH = re.compile(r"[^/\\\x00-\x1f\x7f]+(/[^/\\\x00-\x1f\x7f]+)*")


class ModuleSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One module: where it lay, below the folder its imports begin in, and its text."""

    path: str
    source: str

    @property
    def is_package(self) -> bool:
        """Whether other modules may lie below it."""
        return self.path.rpartition("/")[2] == "__init__.py"


class SourceBundle(msgspec.Struct, frozen=True):
    """Module name -> source."""

    modules: Mapping[str, ModuleSource]

    def encode(self, *, module: str) -> bytes:
        """Return the JSON that the store keeps; the same bundle gives the same bytes.

        Raises:
            SourceTooLarge: above `MAX_BUNDLE_BYTES`. `module` is what the message names.
        """
        encoded = msgspec.json.encode(dict(self.modules), order="deterministic")
        if len(encoded) > MAX_BUNDLE_BYTES:
            by_size = sorted(self.modules.values(), key=lambda kept: -len(kept.source))
            raise SourceTooLarge(
                module,
                size_bytes=len(encoded),
                limit_bytes=MAX_BUNDLE_BYTES,
                largest=[f"{kept.path} ({len(kept.source):,} characters)" for kept in by_size[:3]],
            )
        return encoded

    @classmethod
    def decode(cls, encoded: bytes) -> SourceBundle:
        """Read what `encode` wrote.

        Raises:
            ValueError: not a bundle, above the limits, or with a name or path that no bundle of ours has.
        """
        if len(encoded) > MAX_BUNDLE_BYTES:
            raise ValueError(f"{len(encoded):,} bytes are above the limit of {MAX_BUNDLE_BYTES:,}")
        modules = msgspec.json.decode(encoded, type=dict[str, ModuleSource])
        if len(modules) > MAX_MODULE_COUNT:
            raise ValueError(f"{len(modules):,} modules are above the limit of {MAX_MODULE_COUNT:,}")
        for name, module in modules.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a module's name")
            if not _PATH.fullmatch(module.path) or {"..", "."} & set(module.path.split("/")):
                raise ValueError(f"{module.path!r} is not a path inside a project")
        return cls(modules)

    def by_module(self) -> dict[str, SourceBundle]:
        """Return for each module the part that it imports, itself and the packages around each module included."""
        edges = {
            name: {*parents(name), *imported_names(name, module)} & self.modules.keys()
            for name, module in self.modules.items()
        }
        parts: dict[str, SourceBundle] = {}
        for start in self.modules:
            found = {start}
            waiting = [start]
            while waiting:
                new = edges[waiting.pop()] - found
                found |= new
                waiting += new
            parts[start] = SourceBundle({name: self.modules[name] for name in sorted(found)})
        return parts


def parents(name: str) -> Iterator[str]:
    """Yield the packages around a module, the outermost first."""
    parts = name.split(".")
    for count in range(1, len(parts)):
        yield ".".join(parts[:count])


def imported_names(name: str, module: ModuleSource) -> Iterator[str]:
    """Yield every absolute name that an import statement of `module` may load; not all are modules, some come twice."""
    package = name if module.is_package else name.rpartition(".")[0]
    for statement in analyse(module.source).imports:
        base = _absolute(statement, package)
        if base is None:
            continue
        for candidate in (base, *(f"{base}.{item}" for item in statement.names)):
            yield from parents(candidate)
            yield candidate


def _absolute(statement: ImportStatement, package: str) -> str | None:
    if not statement.level:
        return statement.module
    parts = package.split(".") if package else []
    kept = len(parts) - (statement.level - 1)
    if kept < 1:
        return None  # leaves the package: the import itself fails, and says so
    return ".".join([*parts[:kept], *([statement.module] if statement.module else [])])
