from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cerebelum.engine.authoring.workflow import workflow
from cerebelum.engine.domain.errors_code import FlowSyntaxError, SourceMissing, SourceTooLarge
from cerebelum.engine.runtime.code.bundle import SourceBundle
from cerebelum.engine.runtime.code.digest import describe, is_current
from cerebelum.engine.runtime.code.loading import load_flow
from cerebelum.engine.runtime.code.normal_form import analyse, normal_form
from tests.engine.runtime.code.conftest import HEADER, WriteFile

FLOW = """
WORKFLOW
from prices import price

@workflow
async def order(n: int) -> int:
    return n * price()
"""


def digest(path: Path) -> str:
    return describe(load_flow(path).workflows[0]).digest


def test_the_digest_is_sha256_and_the_same_in_another_process(write: WriteFile, project: Path) -> None:
    """G1: 64 lower-case hex characters; another process, with another working folder, gets the same."""
    write("prices.py", "def price(): return {'a', 'b'}\n")
    path = write("flow.py", FLOW)
    program = (
        "import sys, pathlib\n"
        "from cerebelum.engine.runtime.code.loading import load_flow\n"
        "from cerebelum.engine.runtime.code.digest import describe\n"
        "print(describe(load_flow(pathlib.Path(sys.argv[1])).workflows[0]).digest)\n"
    )
    here = str(Path(__file__).resolve().parents[4])
    other = subprocess.run(
        [sys.executable, "-c", program, path.name],
        cwd=project,
        env={"PYTHONPATH": here, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch("[0-9a-f]{64}", digest(path))
    assert other.stdout.strip() == digest(path)


def test_a_moved_project_has_the_same_digest(write: WriteFile) -> None:
    """G1: nodes that keep the project in different folders agree on the version."""
    for folder in ("one", "two"):
        write(f"{folder}/prices.py", "def price(): return 3\n")
    assert digest(write("one/flow.py", FLOW)) == digest(write("two/flow.py", FLOW))


def test_a_helper_in_the_same_file_counts(write: WriteFile) -> None:
    """G8: a change of a helper function in the workflow's own file makes a new version."""
    source = "WORKFLOW\ndef helper(): return 1\n@workflow\nasync def order(): return helper()\n"
    before = digest(write("flow.py", source))
    assert digest(write("flow.py", source.replace("return 1", "return 2"))) != before


@pytest.mark.parametrize(
    "helper, import_line",
    [
        ("prices.py", "import prices"),
        ("lib/prices.py", "from lib import prices"),
        ("lib/deep/prices.py", "import lib.deep.prices"),
        ("prices.py", "def late():\n    if True:\n        import prices"),
        ("prices.py", "try:\n    import prices\nexcept ImportError:\n    pass"),
        ("between.py", "import prices_of"),
    ],
)
def test_a_local_module_counts_however_it_is_imported(write: WriteFile, helper: str, import_line: str) -> None:
    """G8: at the top, inside a function, from a namespace package, or by another local module."""
    write("prices_of.py", "import between\n")
    path = write("flow.py", f"WORKFLOW\n{import_line}\n@workflow\nasync def order(): pass\n")
    write(helper, "PRICE = 3\n")
    before = digest(path)
    write(helper, "PRICE = 4\n")
    assert digest(path) != before
    write(helper, "PRICE = 3\n")
    assert digest(path) == before


def test_relative_imports_and_the_packages_around_them_count(write: WriteFile) -> None:
    """G8: `from . import x`, `from ..a import b` and every `__init__.py` that runs."""
    names = ["shop/__init__.py", "shop/prices.py", "shop/parts/__init__.py", "shop/parts/near.py"]
    for name in names:
        write(name, "A = 1\n")
    source = "WORKFLOW\nfrom . import near\nfrom ..prices import A\n@workflow\nasync def order(): pass\n"
    path = write("shop/parts/flow.py", source)
    seen = {digest(path)}
    for name in names:
        write(name, "A = 2\n")
        seen.add(digest(path))
    assert len(seen) == 5


def test_the_package_around_a_flow_counts(write: WriteFile) -> None:
    """G8: its `__init__.py` runs before the flow does, imported by name or not."""
    write("shop/__init__.py", "A = 1\n")
    path = write("shop/flow.py", "WORKFLOW\n@workflow\nasync def order(): pass\n")
    before = digest(path)
    write("shop/__init__.py", "A = 2\n")
    assert digest(path) != before


def test_comments_docstrings_and_layout_do_not_count(write: WriteFile) -> None:
    """G4: what does not change what the code does makes no new version."""
    write("prices.py", "def price(): return 3\n")
    before = digest(write("flow.py", FLOW))
    write("prices.py", '"""Prices."""\n# changed\ndef price():\n    """In cents."""\n\n    return (3)  # three\n')
    assert (
        digest(write("flow.py", f'"""A flow."""\n{FLOW}'.replace("n * price()", "(\n        n*price()\n    )")))
        == before
    )


@pytest.mark.parametrize(
    "one, other",
    [
        ("a = 1", "a = True"),
        ("a = 1", "a = 1.0"),
        ("a = 'x'", "a = b'x'"),
        ("a = None", "a = ..."),
        ("a = 'None'", "a = None"),
        ("import a.b", "from a import b"),
        ("from . import a", "import a"),
        ("a = b, c", "a = [b, c]"),
        ("f(a, b=c)", "f(a, c)"),
        ("def f(a, /): pass", "def f(a): pass"),
        ("async def f(): pass", "def f(): pass"),
        ("a = f'{b!r}'", "a = f'{b!s}'"),
        ("a = f'{b}c'", "a = f'{b}' 'd'"),
        ("class A(B): pass", "class A: pass"),
        ("if a:\n  b\nelse:\n  c", "if a:\n  b\nc"),
        ("def f():\n  'doc'\n  return 1", "def f():\n  'doc'\n  return 2"),
        ("a = 'not a docstring'", "a = 'changed'"),
        ("x = 'a)(Name'", "x = 'a', Name"),
        ("a = 1 +", "a = 2 +"),
    ],
)
def test_what_differs_in_meaning_differs_in_digest(one: str, other: str) -> None:
    """G5: no two different programs share a version, also where they do not parse."""
    assert analyse(one).digest != analyse(other).digest


@pytest.mark.parametrize(
    "one, other",
    [
        ("a = 1_000", "a = 1000"),
        ("a = 'x' 'y'", 'a = "xy"'),
        ("a = f'{b}' 'c'", "a = f'{b}c'"),
        ("a = u'x'", "a = 'x'"),
        ("def f():\n  'doc'\n  return 1", "def f():\n  'other'\n  return 1"),
        ("a = b  # type: int", "a = b"),
    ],
)
def test_spelling_does_not_count(one: str, other: str) -> None:
    """G4: two spellings of one program are one version."""
    assert analyse(one).digest == analyse(other).digest


def test_how_a_release_cuts_f_strings_does_not_count() -> None:
    """G1: literal parts that one parser leaves apart and another joins are the same text."""
    tree = ast.parse("f'{b}cd'")
    whole = normal_form(tree)
    text = tree.body[0].value.values  # type: ignore[attr-defined]
    text[1:] = [ast.Constant("c"), ast.Constant(""), ast.Constant("d")]
    assert normal_form(tree) == whole


def test_the_normal_form_is_pinned() -> None:
    """G1: stored digests stay valid: the form never changes, whatever the release of Python."""
    source = (
        "from . import a\nclass A:\n  'doc'\n  async def f(self, /, *b: int) -> 'é': return [b, 1e3, f'{self!r:>3}']\n"
    )
    assert analyse(source).digest == "91600d6e91c10ca40411359cce225a4863c2b7a3e456ee7b94b49d57f6135943"


def test_deep_and_odd_sources_are_digested() -> None:
    """G1: a long chain of operators, a huge number and a lone surrogate have a digest like any other code."""
    sources = ["a = " + "+".join(["b"] * 3_000), f"a = 0x{'f' * 6_000}", "a = '\\ud800'", "a = '\ud800'", "a = '\\d'"]
    assert len({analyse(source).digest for source in sources}) == len(sources)


def test_equal_text_in_two_modules_is_two_workflows_codes(write: WriteFile) -> None:
    """G6: two files with the same text can both be described."""
    source = "WORKFLOW\n@workflow\nasync def order(): pass\n"
    codes = [describe(load_flow(write(name, source)).workflows[0]) for name in ("one.py", "two.py")]
    assert [code.module for code in codes] == ["one", "two"]


def test_the_description_holds_the_source_unless_it_is_left_out(write: WriteFile) -> None:
    """G2: module, entry point and the text of every local module; None with storage switched off."""
    prices = write("prices.py", "def price(): return 3\n")
    path = write("my-flow.py", FLOW)
    definition = load_flow(path).workflows[0]
    code = describe(definition)
    assert (code.workflow, code.module, code.entrypoint) == ("order", "my_flow", "order")
    assert code.source is not None
    modules = SourceBundle.decode(code.source).modules
    assert {module.path: module.source for module in modules.values()} == {
        "my-flow.py": path.read_text(),
        "prices.py": prices.read_text(),
    }
    bare = describe(definition, keep_source=False)
    assert bare.source is None
    assert bare.digest == code.digest


def test_the_digest_is_that_of_the_code_that_runs(write: WriteFile) -> None:
    """G7: a file that was edited after it was loaded does not change what the loaded code is."""
    write("prices.py", "def price(): return 3\n")
    definition = load_flow(write("flow.py", FLOW)).workflows[0]
    before = describe(definition)
    write("prices.py", "def price(): return 4\n")
    assert describe(definition) == before


def test_libraries_do_not_count(write: WriteFile, project: Path) -> None:
    """G1: the standard library, installed packages and Cerebelum itself are no part of a version."""
    write("venv/lib/site-packages/vendored.py", "")
    sys.path.append(str(project / "venv/lib/site-packages"))
    source = "WORKFLOW\nimport json, msgspec, vendored\n@workflow\nasync def order(): pass\n"
    code = describe(load_flow(write("flow.py", source)).workflows[0])
    assert code.source is not None
    assert list(SourceBundle.decode(code.source).modules) == ["flow"]


def test_an_installed_application_counts_for_itself_only(write: WriteFile, project: Path) -> None:
    """G8: a workflow shipped as a package covers that package, not the libraries installed beside it."""
    place = "venv/lib/site-packages"
    sys.path.insert(0, str(project / place))
    write(f"{place}/vendored.py", "")
    write(f"{place}/shop_app/__init__.py", "")
    write(f"{place}/shop_app/prices.py", "")
    source = "WORKFLOW\nimport vendored\nfrom shop_app import prices\n@workflow\nasync def order(): pass\n"
    write(f"{place}/shop_app/flow.py", source)
    code = describe(importlib.import_module("shop_app.flow").order)
    assert code.source is not None
    assert sorted(SourceBundle.decode(code.source).modules) == ["shop_app", "shop_app.flow", "shop_app.prices"]


def test_a_module_elsewhere_in_the_project_counts(write: WriteFile, project: Path) -> None:
    """G8: a local module found through `sys.path`, outside the flow's own folder, is part of the version."""
    sys.path.append(str(project))
    write("prices.py", "def price(): return 3\n")
    path = write("flows/flow.py", FLOW)
    code = describe(load_flow(path).workflows[0])
    assert code.source is not None
    assert sorted(SourceBundle.decode(code.source).modules) == ["flow", "prices"]
    write("prices.py", "def price(): return 4\n")
    assert digest(path) != code.digest


def test_a_workflow_of_an_imported_module_has_its_own_digest(write: WriteFile) -> None:
    """G8: it covers what that module imports, and not the flow that imports it."""
    write("prices.py", "def price(): return 3\n")
    child = write("child.py", FLOW)
    flow = load_flow(write("main.py", "import child\n"))
    assert describe(flow.imported[0]).digest == digest(child)


def test_a_module_that_python_itself_imported_is_described_from_its_file(write: WriteFile, project: Path) -> None:
    """G1: a workflow of an application's own module has the digest that `cerebelum run` gives it."""
    write("prices.py", "def price(): return 3\n")
    path = write("flow.py", FLOW)
    sys.path.insert(0, str(project))
    plain = __import__("flow")
    assert describe(plain.order).digest == digest(path)
    del sys.modules["flow"]
    assert describe(load_flow(path).workflows[0]).digest == describe(load_flow(path).workflows[0]).digest
    write("flow.py", "(")
    sys.modules["flow"] = plain
    with pytest.raises(FlowSyntaxError):
        describe(plain.order)


def test_an_old_definition_keeps_its_digest(write: WriteFile) -> None:
    """V13, G8: what was declared before a reload is described by the text that it ran from, functions and graphs alike."""
    text = "WORKFLOW\nfrom cerebelum import Flow\ndef one(ctx): return 1\ngraph = Flow('graph', one)\n"
    text += "@workflow\nasync def order(): return 1\n"
    olds = load_flow(write("flow.py", text)).workflows
    before = [describe(old).digest for old in olds]
    news = load_flow(write("flow.py", text.replace("1", "2"))).workflows
    assert [describe(old).digest for old in olds] == before
    assert not set(before) & {describe(new).digest for new in news}
    assert [is_current(one) for one in (*olds, *news)] == [False, False, True, True]


def test_a_workflow_without_source_is_refused() -> None:
    """G9: one made in an interactive shell is refused with the reason and the way out."""
    shell = {"__name__": "__main__", "workflow": workflow}
    exec("@workflow\nasync def order(): pass\n", shell)
    with pytest.raises(SourceMissing, match="Cannot find source for module '__main__'") as caught:
        describe(shell["order"])  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.exit_code) == ("CB108", 9)


def test_a_bundle_above_the_limit_is_refused(write: WriteFile) -> None:
    """G2: the source that is kept is bounded, and the message names what is large."""
    write("data.py", f"DATA = '{'x' * 2_100_000}'\n")
    definition = load_flow(write("flow.py", HEADER + "import data\n@workflow\nasync def order(): pass\n")).workflows[0]
    with pytest.raises(SourceTooLarge, match=r"data\.py \(2,100"):
        describe(definition)
    assert describe(definition, keep_source=False).digest
