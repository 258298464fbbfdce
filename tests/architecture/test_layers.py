from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT, imported_names, modules, name_of, parse

ALLOWED_LIBRARIES = {*sys.stdlib_module_names, "msgspec"}

IMPORT_ALONE = """
import importlib, pkgutil, sys, types

root, layer = sys.argv[1:]
allowed = {*sys.stdlib_module_names, "msgspec", "cerebelum"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed:
            raise ImportError(f"{name} is neither the standard library nor msgspec")

def bare(name, folder):  # the package without running its __init__, which gathers the names of all layers
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [folder]

import msgspec, msgspec.json
sys.meta_path.insert(0, Refuse())
bare("cerebelum", f"{root}/cerebelum")
package = importlib.import_module(f"cerebelum.engine.{layer}")
names = [module.name for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def test_every_import_contract_holds() -> None:
    """V1: the contracts in pyproject.toml hold: imports point downward, and the engine knows no adapter."""
    code = (
        "import sys; from importlinter.cli import lint_imports_command as lint; sys.argv[1:] = ['--no-cache']; lint()"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("layer", ["domain", "ports"])
def test_the_core_can_be_imported_with_every_library_blocked(layer: str) -> None:
    """V2: domain and ports load with nothing installed but msgspec."""
    command = [sys.executable, "-c", IMPORT_ALONE, str(ROOT), layer]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 0


@pytest.mark.parametrize("path", list(modules("cerebelum/engine/domain", "cerebelum/engine/ports")), ids=name_of)
def test_the_core_names_no_other_library(path: Path) -> None:
    """V2: late imports inside functions are no way around the rule."""
    libraries = {name.partition(".")[0] for name in imported_names(parse(path))} - {"cerebelum"}
    assert libraries <= ALLOWED_LIBRARIES


@pytest.mark.parametrize("path", list(modules("cerebelum", "cerebelum_cli")), ids=name_of)
def test_imports_are_absolute(path: Path) -> None:
    """A module is named in one way only, so a moved file breaks loudly."""
    assert not [name for name in imported_names(parse(path)) if name.startswith(".")]


@pytest.mark.parametrize("layer", ["domain", "authoring", "runtime", "application"])
def test_the_tests_lie_in_folders_that_mirror_the_layers(layer: str) -> None:
    """S6: each layer of the engine has a folder of tests of its name; so do the stores and codecs outside."""
    assert any((ROOT / "tests" / "engine" / layer).glob("test_*.py"))
    assert any((ROOT / "tests" / "adapters" / "stores").glob("test_*.py"))
    assert any((ROOT / "tests" / "adapters" / "codecs").glob("test_*.py"))


@pytest.mark.parametrize("path", list(modules("tests/engine/domain")), ids=name_of)
def test_tests_of_the_domain_need_nothing_else(path: Path) -> None:
    """S6: they reach the domain alone, which loads with every library blocked: no store, no loop, no process."""
    names = imported_names(parse(path))
    inside = {name for name in names if name.partition(".")[0] == "cerebelum"}
    assert all(
        name == "cerebelum" or name.startswith("cerebelum.engine.domain") or name == "cerebelum.engine"
        for name in inside
    ), inside
    libraries = {name.partition(".")[0] for name in names - inside} - ALLOWED_LIBRARIES
    assert libraries <= {"pytest", "hypothesis", "tests"}, libraries
    assert not {"asyncio", "socket", "subprocess", "sqlite3", "threading"} & {name.partition(".")[0] for name in names}
