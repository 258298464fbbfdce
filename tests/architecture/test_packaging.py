from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from cerebelum_cli.projects import load_template, template_names
from tests.architecture.repository import ROOT

LINKS = ("adapters", "engine", "templates", "tui")
PACKAGES = {"cerebelum", "cerebelum_cli"}


@dataclass(frozen=True)
class Installed:
    """The wheel, built from the sdist, in an environment that holds nothing else."""

    sdist: Path
    wheel: Path
    bin_dir: Path

    def run(self, program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run an installed program as a user would: from `cwd`, with no path into this repository."""
        command = [str(self.bin_dir / program), *arguments]
        return subprocess.run(command, cwd=cwd, env=_clean_environment(), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build sdist, then the wheel from it, and install that into an empty environment."""
    dist = tmp_path_factory.mktemp("dist")
    _call(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), str(ROOT))
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    environment = tmp_path_factory.mktemp("environment")
    _call(sys.executable, "-m", "venv", str(environment))
    python = environment / "bin" / "python"
    _call(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel))
    return Installed(sdist, wheel, environment / "bin")


def test_the_sdist_holds_the_real_folders_and_no_link(installed: Installed) -> None:
    """W12: the source package holds the code once, under its import name."""
    with tarfile.open(installed.sdist) as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames() if "/" in name]
    assert {"cerebelum/engine/__init__.py", "cerebelum/templates/basic/flow.py", "pyproject.toml"} <= set(names)
    assert not [name for name in names if name.split("/")[0] in LINKS]


def test_the_wheel_holds_our_two_packages_only(installed: Installed) -> None:
    """W12: nothing named engine, adapters, tui, templates or tests reaches site-packages."""
    with zipfile.ZipFile(installed.wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


@pytest.mark.parametrize("name", LINKS)
def test_an_installed_cerebelum_shadows_no_module_of_its_users(installed: Installed, tmp_path: Path, name: str) -> None:
    """W12: `import engine` finds the user's own module, or nothing."""
    result = installed.run("python", "-c", f"import {name}", cwd=tmp_path)
    assert f"No module named '{name}'" in result.stderr


def test_the_first_example_runs_from_another_folder(installed: Installed, tmp_path: Path) -> None:
    """W12: with only the wheel installed, `cerebelum run` completes a flow outside the source tree."""
    shutil.copy(ROOT / "examples" / "order.py", tmp_path / "order.py")
    result = installed.run("cerebelum", "run", "order.py", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_wheel_holds_every_template_whole(installed: Installed) -> None:
    """W12, W13: all files of all templates are in the wheel, data and settings included."""
    with zipfile.ZipFile(installed.wheel) as archive:
        held = set(archive.namelist())
    for name in template_names():
        assert {f"cerebelum/templates/{name}/{path}" for path in load_template(name).files} <= held


@pytest.mark.parametrize("name", template_names())
def test_an_installed_template_runs_unchanged(installed: Installed, tmp_path: Path, name: str) -> None:
    """W12, W13: with only the wheel installed, `cerebelum init` makes each project, and its flow runs as it is."""
    made = installed.run("cerebelum", "init", "project", "--template", name, cwd=tmp_path)
    assert made.returncode == 0, made.stdout + made.stderr
    assert {path.name for path in (tmp_path / "project").iterdir()} == {
        path.split("/")[0] for path in load_template(name).files
    }
    result = installed.run("cerebelum", "run", "flow.py", cwd=tmp_path / "project")
    assert result.returncode == 0, result.stdout + result.stderr


def _clean_environment() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CEREBELUM_", "VIRTUAL"))
    }


def _call(*command: str) -> None:
    result = subprocess.run(command, env=_clean_environment(), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
