"""Modules that run from captured text: exactly the source that was read, digested and kept, not what a file says later.

Three name spaces, one mechanism:
- plain names (`flow`, `lib.prices`): the flow that runs, as if Python had imported it;
- `_cerebelum_flow.<id>.…`: a flow whose names another file has taken already (two folders with a `prices.py` each);
- `_cerebelum_pinned.<digest>.…`: an old version, run from the store beside the present one.

In the latter two every import statement that means a module of the same bundle is rewritten to the prefixed name, so
that late imports inside functions stay within their version too; relative imports do so by themselves.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any, cast

from msgspec import Struct

from cerebelum.engine.runtime.code.bundle import SourceBundle, parents
from cerebelum.engine.runtime.code.normal_form import statements

FLOW_PREFIX = "_cerebelum_flow"
PINNED_PREFIX = "_cerebelum_pinned"


class CapturedModule(Struct, frozen=True, eq=False):
    """One module as it will run."""

    name: str  # in `sys.modules`
    public_name: str  # without the prefix
    source: str
    filename: str  # in tracebacks and frames
    file: str  # what `__file__` says
    bundle: SourceBundle  # the module and all it imports locally
    is_package: bool = False
    folder: str = ""  # of a package on disk: where its other submodules are found

    @property
    def prefix(self) -> str:
        """`_cerebelum_….<id>.`, or empty."""
        return self.name.removesuffix(self.public_name)


class CapturedLoader:
    """Runs one captured module. `linecache` and `inspect` ask it for the text.

    A loader by its methods: `importlib.abc`, which has the base class, takes 3 ms of every start to import.
    """

    def __init__(self, module: CapturedModule) -> None:
        self.module = module

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave the making of the empty module to the import system."""
        return None

    def is_package(self, fullname: str) -> bool:
        """Whether other modules may lie below it."""
        return self.module.is_package

    def get_source(self, fullname: str) -> str:
        """Return the text that ran."""
        return self.module.source

    def get_filename(self, fullname: str) -> str:
        """Return what `__file__` says."""
        return self.module.file

    def get_code(self, fullname: str) -> CodeType:
        """Compile the text, its imports kept inside the module's name space."""
        captured = self.module
        try:
            tree = ast.parse(captured.source, captured.filename)
        except SyntaxError as error:
            error.filename = error.filename or captured.filename  # a null byte is reported without
            raise
        if captured.prefix:
            _keep_inside(tree, captured.prefix, captured.bundle)
        return compile(tree, captured.filename, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        """Run the text in the module."""
        exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - importing is running


class CapturedFinder:
    """Answers for captured modules only, and before the path is searched."""

    def __init__(self) -> None:
        self._modules: dict[str, CapturedModule] = {}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Say how to load a captured module; None for every other name."""
        captured = self._modules.get(fullname)
        if captured is None:
            return None
        loader = cast("Any", CapturedLoader(captured))
        spec = ModuleSpec(fullname, loader, origin=captured.file or None, is_package=captured.is_package)
        spec.has_location = bool(captured.file)  # makes `__file__`
        if captured.is_package and captured.folder:
            spec.submodule_search_locations = [captured.folder]
        return spec

    def get(self, name: str) -> CapturedModule | None:
        """Return what the full name `name` loads, None if it is not captured."""
        return self._modules.get(name)

    def names_under(self, prefix: str) -> list[str]:
        """Return the full names of the captured modules that begin with `prefix`."""
        return [name for name in self._modules if name.startswith(prefix)]

    def add(self, modules: Iterable[CapturedModule]) -> None:
        """Answer for these modules from now on; one of the same name is replaced."""
        self._modules.update({module.name: module for module in modules})
        if self._modules and self not in _meta_path:
            _meta_path.insert(0, self)

    def remove(self, names: Iterable[str]) -> None:
        """Answer for these names no longer. Idempotent."""
        for name in names:
            self._modules.pop(name, None)
        if not self._modules and self in _meta_path:
            _meta_path.remove(self)


_meta_path = cast("list[Any]", sys.meta_path)
finder = CapturedFinder()  # one, because `sys.meta_path` and `sys.modules` are one


def public_name(module_name: str) -> str:
    """Return the name a module has in its project, whichever name space it was loaded into."""
    head, _, rest = module_name.partition(".")
    return rest.partition(".")[2] if head in (FLOW_PREFIX, PINNED_PREFIX) else module_name


def beside(module_name: str, public: str) -> str:
    """Return the full name of `public` as code of `module_name` would import it: of its own version where there is one."""
    prefix = module_name.removesuffix(public_name(module_name))
    return prefix + public if prefix and finder.get(prefix + public) else public


def captured_module(module_name: str) -> CapturedModule | None:
    """Return what a loaded module was run from, None if the ordinary import loaded it."""
    return captured_by(getattr(sys.modules.get(module_name), "__spec__", None))


def captured_by(spec: object) -> CapturedModule | None:
    """Return what the module with this `__spec__` was run from, None if the ordinary import loaded it."""
    loader = getattr(spec, "loader", None)
    return loader.module if isinstance(loader, CapturedLoader) else None


def enclosing_packages(prefix: str, names: Iterable[str]) -> list[CapturedModule]:
    """Return empty packages for the prefix itself and for the namespace packages among the parents of `names`."""
    known = set(names)
    missing = {parent for name in known for parent in parents(name) if parent not in known}
    full = [*parents(prefix + "x"), *(prefix + name for name in missing)]
    nothing = SourceBundle({})
    return [
        CapturedModule(
            name=name,
            public_name=public_name(name),
            source="",
            filename=f"<{name}>",
            file="",
            bundle=nothing,
            is_package=True,
        )
        for name in full
    ]


def forget(names: Iterable[str]) -> dict[str, ModuleType]:
    """Take modules out of `sys.modules` and out of their packages; return those that were there."""
    taken = {name: module for name in names if (module := sys.modules.pop(name, None)) is not None}
    for name, module in taken.items():
        package, _, last = name.rpartition(".")
        holder = sys.modules.get(package)
        if holder is not None and getattr(holder, last, None) is module:
            delattr(holder, last)
    return taken


def put_back(modules: Mapping[str, ModuleType]) -> None:
    """Undo `forget`."""
    sys.modules.update(modules)
    for name, module in modules.items():
        package, _, last = name.rpartition(".")
        if package in sys.modules:
            setattr(sys.modules[package], last, module)


def _keep_inside(tree: ast.Module, prefix: str, bundle: SourceBundle) -> None:
    tops = {name.partition(".")[0] for name in bundle.modules}
    for block in statements(tree):
        for index in range(len(block) - 1, -1, -1):
            statement = block[index]
            if isinstance(statement, ast.Import):
                block[index : index + 1] = _imports_inside(statement, prefix, tops)
            elif isinstance(statement, ast.ImportFrom) and not statement.level:
                module = statement.module or ""
                if module.partition(".")[0] in tops:
                    statement.module = prefix + module


def _imports_inside(statement: ast.Import, prefix: str, tops: set[str]) -> list[ast.stmt]:
    aliases: list[ast.alias] = []
    for alias in statement.names:
        top = alias.name.partition(".")[0]
        if top not in tops:
            aliases.append(alias)
        elif alias.asname or alias.name == top:
            aliases.append(ast.alias(prefix + alias.name, alias.asname or top))
        else:  # `import a.b` loads a.b and binds a: load it under the name a, then bind a over it
            aliases += (ast.alias(prefix + alias.name, top), ast.alias(prefix + top, top))
    return [ast.fix_missing_locations(ast.copy_location(ast.Import(aliases), statement))]
