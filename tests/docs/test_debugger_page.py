"""The page about editors' debuggers: its JSON is understood, its commands run, its table is that of the protocol's arguments."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from cerebelum_cli.dap.messages import Launch
from tests.architecture.repository import ROOT
from tests.cli.cli_project import Project
from tests.dap.conftest import project, shop
from tests.dap.editor import StdioEditor

__all__ = ["project", "shop"]

PAGE = (ROOT / "docs" / "debugger.md").read_text(encoding="utf-8")
KEYS = {field.encode_name for field in msgspec.structs.fields(Launch)}
_OF_VS_CODE = {"name", "type", "request", "debugServer"}


def fences(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_configurations_fit_each_other_and_the_adapter() -> None:
    """W5: the type of launch.json is the one that the extension declares, and both know the adapter's arguments, no others."""
    extension, launch = (json.loads(text) for text in fences("json"))
    (debugger,) = extension["contributes"]["debuggers"]
    (configuration,) = launch["configurations"]
    assert debugger["type"] == configuration["type"]
    assert set(debugger["configurationAttributes"][configuration["request"]]["properties"]) == KEYS
    assert configuration.keys() - _OF_VS_CODE <= KEYS
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == [
        field.encode_name for field in msgspec.structs.fields(Launch)
    ]


def test_the_configuration_of_neovim_starts_an_adapter(shop: Project) -> None:
    """W5: the program and its arguments are those that serve an editor which names the execution."""
    (lua,) = fences("lua")
    words = re.findall(r'"([^"]+)"', re.search(r"args = \{(.*?)\}", lua)[1])  # type: ignore[index]
    configuration: dict[str, Any] = json.loads(fences("json")[1])["configurations"][0]
    launch = {key: value for key, value in configuration.items() if key in KEYS} | {"program": "@last"}
    with StdioEditor(shop, *words) as editor:
        stopped, _ = editor.begin(**launch)
        assert stopped["reason"] == "entry"
        assert "step_failed" in stopped["text"]


def test_the_commands_of_the_page_are_the_command_lines(shop: Project) -> None:
    """W5: each option that the page shows is one of `cerebelum replay --help`."""
    help_ = shop("replay", "--help").stdout
    for option in set(re.findall(r"--[a-z][a-z-]+", "\n".join(fences("console")))):
        assert option in help_
