"""`cerebelum check`: the linter from the command line, and open histories on the code on disk."""

from __future__ import annotations

import json

import pytest

from tests.cli.cli_project import Project

BAD = """import os
import time

from cerebelum import step, workflow


@step
def charge(n: int) -> int:
    time.sleep(0)
    return n


@workflow
async def order(n: int = 1) -> int:
    time.sleep(1)
    print(os.getenv("MODE"))
    return await charge(n)  # cb: ignore[CB512]
"""


def test_findings_are_told_with_place_reason_and_remedy(project: Project) -> None:
    """E9, W10: each finding has code, file, line, column, the line itself, why and what to do; an error exits 4."""
    project.write("bad.py", BAD)
    result = project("check", "bad.py")
    assert result.exit_code == 4
    assert result.stdout.startswith("bad.py:15:5: error[CB511]: time.sleep() blocks  in workflow order\n")
    assert "  > 15 |     time.sleep(1)\n       |     ^^^^^^^^^^^^^\n  why: " in result.stdout
    assert "  fix: `await asyncio.sleep(...)`" in result.stdout
    assert "bad.py:16:11: warning[CB518]: os.getenv()" in result.stdout
    assert "bad.py:17:29: note[CB519]: CB512 is not found on this line" in result.stdout
    assert "1 workflow in 1 file: 1 error, 1 warning, 1 note" in result.stderr


def test_warnings_and_notes_alone_are_no_failure(project: Project) -> None:
    """E9: only findings of level error change the exit code."""
    project.write("bad.py", BAD.replace("time.sleep(1)", "pass"))
    result = project("check", "bad.py")
    assert (result.exit_code, "warning[CB518]" in result.stdout) == (0, True)
    good = project("check", "flow.py")
    assert (good.exit_code, good.stdout) == (0, "")
    assert "workflows in 1 file: nothing found" in good.stderr


def test_a_folder_is_searched(project: Project) -> None:
    """E9: a folder stands for all Python files below it; caches, environments and hidden folders are left out."""
    for folder in ("flows/deep", ".hidden", "__pycache__", "env/lib"):
        (project.folder / folder).mkdir(parents=True)
    (project.folder / "env" / "pyvenv.cfg").touch()
    for name in ("flows/deep/bad.py", ".hidden/bad.py", "__pycache__/bad.py", "env/lib/bad.py"):
        project.write(name, BAD)
    for words in ((), (".",)):
        found = json.loads(project("check", *words, "--json").stdout)
        assert {finding["path"] for finding in found["findings"]} == {"flows/deep/bad.py"}
        assert found["files"] == 2


def test_findings_as_json(project: Project) -> None:
    """W10: `--json` is one object, `-o jsonl` an object for each finding, with the same exit code."""
    project.write("bad.py", BAD)
    whole = project("check", "bad.py", "--json")
    assert whole.exit_code == 4
    found = json.loads(whole.stdout)
    assert found["schema"] == "cerebelum.check/1"
    first = found["findings"][0]
    assert (first["code"], first["level"], first["path"], first["line"], first["column"]) == (
        "CB511", "error", "bad.py", 15, 5,
    )  # fmt: skip
    lines = project("check", "bad.py", "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line)["code"] for line in lines] == ["CB511", "CB518", "CB519"]


def test_findings_as_sarif(project: Project) -> None:
    """W10: SARIF 2.1.0 with one rule for each code, and a region for each result; paths are URIs."""
    project.write("my flow.py", BAD)
    for words in (("--sarif",), ("-o", "sarif")):
        result = project("check", "my flow.py", *words)
        assert result.exit_code == 4
        log = json.loads(result.stdout)
        assert log["version"] == "2.1.0"
        (run,) = log["runs"]
        rules = run["tool"]["driver"]["rules"]
        assert len({rule["id"] for rule in rules}) == len(rules)
        for found in run["results"]:
            assert rules[found["ruleIndex"]]["id"] == found["ruleId"]
            assert found["level"] in {"error", "warning", "note"}
        place = run["results"][0]["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "my%20flow.py"
        assert place["region"] == {"startLine": 15, "startColumn": 5, "endLine": 15, "endColumn": 18}


def test_a_file_that_is_not_python_is_told_beside_the_others(project: Project) -> None:
    """W10: a syntax error is shown with its line, the other files are checked all the same, and the exit code is 9."""
    project.write("broken.py", "def (:\n")
    result = project("check")
    assert result.exit_code == 9
    assert "error[CB102]: broken.py:1 is not valid Python" in result.stdout
    assert "nothing found" in result.stderr
    found = json.loads(project("check", "--sarif").stdout)["runs"][0]["results"]
    assert [result["ruleId"] for result in found] == ["CB102"]


@pytest.mark.parametrize(
    "words, exit_code, said",
    [
        (("no.py",), 9, "no.py"),
        (("--json", "--sarif"), 2, "one format at a time"),
        (("-o", "xml"), 2, "xml"),
    ],
)
def test_mistakes_are_named(project: Project, words: tuple[str, ...], exit_code: int, said: str) -> None:
    """W10: what cannot be checked says why, with the exit code of its kind and nothing on stdout."""
    result = project("check", *words)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert said in result.stderr


def test_a_rule_can_be_explained(project: Project) -> None:
    """W10: `cerebelum explain CB514` tells what a finding means and how to silence it."""
    result = project("explain", "CB514")
    assert result.exit_code == 0
    assert "# cb: ignore[CB514]" in result.stdout


def test_a_helper_in_another_module_is_told_by_its_own_line(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """E9, W10: a finding in a module that a flow imports names that file, in text, JSON and SARIF, also outside the path."""
    flows = project.folder / "flows"
    flows.mkdir()
    project.write("pyproject.toml", "")
    monkeypatch.syspath_prepend(str(project.folder))
    project.write("shared.py", "def fee() -> int:\n    return len(open('fees').read())\n")
    for name in ("one", "two"):
        project.write(
            f"flows/{name}.py",
            "from cerebelum import workflow\nfrom shared import fee\n\n\n"
            f"@workflow\nasync def {name}() -> int:\n    return fee()\n",
        )
    told = project("check", "flows").stdout
    assert told.count("shared.py:2:16: error[CB512]") == 1
    assert "return len(open('fees').read())" in told
    (found,) = json.loads(project("check", "flows", "--json").stdout)["findings"]
    assert (found["path"], found["line"], found["workflow"]) == ("shared.py", 2, "one")
    (result,) = json.loads(project("check", "flows/two.py", "--sarif").stdout)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "shared.py"
    project.write("shared.py", "def fee() -> int:\n    return len(open('fees').read())  # cb: ignore[CB512]\n")
    assert project("check").exit_code == 0
