"""What the command says about itself: errors explained, versions, completion, and what it loads for that."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import cerebelum
import cerebelum_cli
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum_cli.commands.about import error_sections
from tests.architecture.repository import ROOT
from tests.cli.cli_project import Project

NOT_OURS = ("cerebelum.tui", "cerebelum.templates")


def all_error_classes() -> list[type[CerebelumError]]:
    for package in (cerebelum, cerebelum_cli):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if (
                not module.name.startswith(NOT_OURS)
                and "migrations" not in module.name
                and "__main__" not in module.name
            ):
                importlib.import_module(module.name)
    found: list[type[CerebelumError]] = [CerebelumError]
    for kind in found:
        found += [sub for sub in kind.__subclasses__() if sub not in found and sub.__module__.startswith("cerebelum")]
    return found


def test_each_code_has_one_section_and_one_class() -> None:
    """Every error that can be raised is explained, and no two kinds share a code by accident."""
    owners: dict[str, str] = {}
    for kind in all_error_classes():
        code = vars(kind).get("code")
        if isinstance(code, str):
            assert owners.setdefault(code, kind.__name__) == kind.__name__
    page = (ROOT / "cerebelum_cli" / "errors.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (CB\d{3}) (\w+)$", page, re.MULTILINE)
    assert dict(headings) == owners
    assert len(headings) == len(owners)


def test_each_section_tells_the_exit_code() -> None:
    """The page agrees with the code about exit codes."""
    sections = error_sections()
    for kind in all_error_classes():
        if "code" in vars(kind):
            assert sections[kind.code].rstrip().endswith(f"Exit code {kind.exit_code}.")


def test_the_page_is_in_the_docs() -> None:
    """docs/errors.md is a relative link to the page that the package ships."""
    link = ROOT / "docs" / "errors.md"
    assert link.is_symlink()
    assert link.readlink() == Path("../cerebelum_cli/errors.md")


@pytest.mark.parametrize("written", ["CB301", "cb301", "error[CB301]:"])
def test_explain_prints_a_section(project: Project, written: str) -> None:
    """W10: a code is found however it was copied."""
    result = project("explain", written)
    assert result.exit_code == 0
    assert result.stdout.startswith("CB301 ExecutionNotFound\n")


def test_explain_of_an_unknown_code(project: Project) -> None:
    """W10: exit 3; without a code all are listed."""
    assert project("explain", "CB999").exit_code == 3
    assert len(project("explain").stdout.splitlines()) == len(error_sections())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(project: Project, shell: str) -> None:
    """W10: for each shell; another one is refused."""
    result = project("completion", shell)
    assert result.exit_code == 0
    assert "_CEREBELUM_COMPLETE" in result.stdout
    assert project("completion", "tcsh").exit_code == 2


def test_db_upgrade_of_a_current_store_does_nothing(project: Project) -> None:
    """W10: it says so; status exits 0 and changes nothing."""
    project("run", "flow.py:good")
    assert "already" in project("db", "upgrade").stderr
    assert "current" in project("db", "status").stdout


def test_every_command_of_the_contract_is_listed(project: Project) -> None:
    """W10: `--help` names them, and so does each command's own help."""
    names = "init dev run start worker list show events result wait logs signal query update input inputs cancel pause resume replay check db config doctor explain version completion"
    page = project("--help").stdout
    for name in names.split():
        assert re.search(rf"^  {name}\s", page, re.MULTILINE), name
        assert project(name, "--help").exit_code == 0
