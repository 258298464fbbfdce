from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_code import FlowImportFailed, FlowNotFound, FlowSyntaxError
from cerebelum.engine.runtime.code.loading import LoadedFlow, load_flow
from cerebelum.engine.runtime.code.modules import finder
from tests.engine.runtime.code.conftest import WriteFile

FLOW = """
WORKFLOW
from prices import price

@workflow
async def order(n: int) -> int:
    return n * price()
"""


async def result(flow: LoadedFlow, *args: Any) -> Any:
    return await flow.workflows[0](*args)


async def test_a_flow_finds_the_modules_beside_it(write: WriteFile, project: Path) -> None:
    """W3: local imports work as under `python flow.py`, and the module has the name of its file."""
    write("prices.py", "def price(): return 3\n")
    flow = load_flow(write("flow.py", FLOW))
    assert await result(flow, 2) == 6
    assert (flow.module.__name__, flow.module.__file__) == ("flow", str(project / "flow.py"))
    assert str(project) in sys.path


async def test_a_flow_in_a_package_is_imported_under_its_package_name(write: WriteFile, project: Path) -> None:
    """W3: with an __init__.py beside it, relative imports and the package's own name work."""
    write("shop/__init__.py", "RATE = 5\n")
    write("shop/parts/__init__.py", "")
    write("shop/parts/prices.py", "from .. import RATE\nfrom shop import RATE as SAME\n")
    path = write(
        "shop/parts/flow.py",
        """
        WORKFLOW
        from . import prices
        @workflow
        async def order() -> int:
            return prices.RATE + prices.SAME
        """,
    )
    flow = load_flow(path)
    assert flow.module.__name__ == "shop.parts.flow"
    assert await result(flow) == 10
    assert sys.path[0] == str(project)


async def test_a_namespace_package_and_a_circular_import_work(write: WriteFile) -> None:
    """W3: folders without an __init__.py, and modules that import each other, behave as in plain Python."""
    write("lib/first.py", "import lib.second\nimport flow\ndef one(): return lib.second.two() - 1\n")
    write("lib/second.py", "from lib import first\ndef two(): return 2\ndef again(): return first.one()\n")
    path = write(
        "flow.py",
        """
        WORKFLOW
        import lib.first
        from lib import second
        @workflow
        async def order() -> tuple[int, bool]:
            return lib.first.one() + second.again(), lib.first.flow.order is order
        """,
    )
    assert await result(load_flow(path)) == (2, True)


def test_an_unchanged_flow_is_not_imported_twice(write: WriteFile) -> None:
    """W3: a helper that two flows share is one module, and its state is kept."""
    write("prices.py", "def price(): return 3\n")
    first = load_flow(write("flow.py", FLOW))
    prices = sys.modules["prices"]
    other = load_flow(write("other.py", FLOW.replace("order", "other")))
    assert sys.modules["prices"] is prices
    assert load_flow(first.path).workflows[0] is first.workflows[0]
    assert other.module is not first.module


async def test_a_changed_helper_is_taken_up_and_running_code_keeps_the_old_one(write: WriteFile) -> None:
    """V13, W3: after an edit within the same second and of the same size, the new load sees it; the old objects do not."""
    write("prices.py", "def price(): return 3\n")
    path = write("flow.py", FLOW)
    old = load_flow(path)
    write("prices.py", "def price(): return 4\n")
    new = load_flow(path)
    assert (await result(old, 1), await result(new, 1)) == (3, 4)
    assert sys.modules["flow"] is new.module


async def test_a_flow_that_shares_a_reloaded_helper_is_reloaded_too(write: WriteFile) -> None:
    """W3: that another flow has loaded the changed helper already does not hide the change."""
    write("prices.py", "def price(): return 3\n")
    one, two = write("one.py", FLOW), write("two.py", FLOW)
    load_flow(one)
    load_flow(two)
    write("prices.py", "def price(): return 4\n")
    flows = load_flow(one), load_flow(two)
    assert [await result(flow, 1) for flow in flows] == [4, 4]
    assert flows[0].module.price is flows[1].module.price


async def test_folders_with_equal_names_do_not_mix(write: WriteFile) -> None:
    """W3: two flows with a `prices.py` each get their own, also by an import inside a function."""
    late = FLOW.replace("from prices import price\n", "").replace(
        "    return", "    from prices import price\n    return"
    )
    for folder, price in (("a", 3), ("b", 4)):
        write(f"{folder}/prices.py", f"def price(): return {price}\n")
        write(f"{folder}/flow.py", late)
    root = write("a/flow.py", late).parent.parent
    flows = [load_flow(root / folder / "flow.py") for folder in ("a", "b")]
    assert [await result(flow, 1) for flow in flows] == [3, 4]


async def test_a_flow_may_be_named_like_a_library(write: WriteFile) -> None:
    """W3: `queue.py` is loaded as a flow, and `import queue` goes on meaning the standard library."""
    library = importlib.import_module("queue")
    flow = load_flow(write("queue.py", "WORKFLOW\nimport queue\n@workflow\nasync def order(): return queue.Queue\n"))
    assert sys.modules["queue"] is library
    assert await result(flow) is library.Queue


async def test_a_package_may_be_named_like_a_library(write: WriteFile) -> None:
    """W3: a folder called `code` with an __init__.py is the flow's own package for itself, and for nobody else."""
    library = importlib.import_module("code")
    write("code/__init__.py", "")
    write("code/prices.py", "def price(): return 3\n")
    path = write("code/flow.py", FLOW.replace("from prices", "from .prices"))
    old = load_flow(path)
    write("code/prices.py", "def price(): return 4\n")
    assert (await result(old, 1), await result(load_flow(path), 1)) == (3, 4)
    assert sys.modules["code"] is library


def test_a_deleted_helper_is_not_found_any_more(write: WriteFile, project: Path) -> None:
    """W3: a reload fails as a fresh start would, and the loaded version stays in place."""
    write("prices.py", "def price(): return 3\n")
    path = write("flow.py", FLOW)
    good = load_flow(path)
    (project / "prices.py").unlink()
    before = _import_state()
    with pytest.raises(FlowImportFailed, match="No module named 'prices'"):
        load_flow(write("flow.py", FLOW + "# edited\n"))
    assert _import_state() == before
    assert sys.modules["flow"] is good.module


def test_a_file_name_that_is_no_identifier_can_be_loaded(write: WriteFile) -> None:
    """W3: `2-my.flow.py` is as good a file name as any."""
    flow = load_flow(write("2-my.flow.py", "WORKFLOW\n@workflow\nasync def order(): pass\n"))
    assert [found.name for found in flow.workflows] == ["order"]


def test_workflows_of_the_file_and_of_its_imports_are_told_apart(write: WriteFile) -> None:
    """W3: the file's own are in the order of their lines; a child workflow from a helper module is known too."""
    write("children.py", "WORKFLOW\n@workflow\nasync def child(): pass\n")
    source = "WORKFLOW\nimport children\n@workflow\nasync def z(): pass\n@workflow\nasync def a(): pass\n"
    flow = load_flow(write("flow.py", source))
    assert [found.name for found in flow.workflows] == ["z", "a"]
    assert [found.name for found in flow.imported] == ["child"]


def test_a_missing_file_names_those_that_come_close(write: WriteFile, project: Path) -> None:
    """A6: a misspelt path ends in a message with the right one and the command to type."""
    write("order_flow.py", "")
    with pytest.raises(FlowNotFound, match=r"(?s)similar: .*order_flow\.py.*cerebelum run .*order_flow\.py") as caught:
        load_flow(project / "oder_flow.py")
    assert (caught.value.code, caught.value.exit_code) == ("CB101", 9)
    with pytest.raises(FlowNotFound, match=r"order_flow\.py"):
        load_flow(project / "order_flow")
    with pytest.raises(FlowNotFound, match="it is a folder"):
        load_flow(project)
    (project / "loop.py").symlink_to(project / "loop.py")
    with pytest.raises(FlowNotFound):
        load_flow(project / "loop.py")
    with pytest.raises(FlowNotFound, match="there is no folder"):
        load_flow(project / "nowhere" / "flow.py")


@pytest.mark.parametrize("broken", ["flow.py", "prices.py"])
def test_a_syntax_error_is_shown_with_its_line_and_a_caret(write: WriteFile, project: Path, broken: str) -> None:
    """A6: in the flow or in a module it imports: file, line, text, caret; nothing stays half imported."""
    write("prices.py", "def price(): return 3\n")
    write("flow.py", FLOW)
    write(broken, "a = 1\n\tb = (2\n".replace("\t", "") + "c = 3\n")
    before = _import_state()
    with pytest.raises(FlowSyntaxError) as caught:
        load_flow(project / "flow.py")
    shown = str(caught.value).splitlines()
    assert f"{broken}:2 is not valid Python: '(' was never closed" in shown[0]
    assert shown[1] == "  > 2 | b = (2"
    assert shown[2] == "      |     ^"
    assert (caught.value.code, caught.value.exit_code) == ("CB102", 9)
    assert _import_state() == before


def test_a_file_that_is_not_text_is_refused(project: Path) -> None:
    """A6: bytes that are not UTF-8 are a syntax error with a line, never a traceback of ours."""
    (project / "flow.py").write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(FlowSyntaxError, match=r"flow\.py:2 "):
        load_flow(project / "flow.py")
    (project / "flow.py").write_bytes(b"a = 1\0\n")
    with pytest.raises(FlowSyntaxError, match="null byte"):
        load_flow(project / "flow.py")


@pytest.mark.parametrize(
    "line, says",
    [
        ("reserv()", "NameError: name 'reserv' is not defined. Did you mean: 'reserve'?"),
        ("import not_there", "pip install not_there"),
        ("from . import prices", "relative import"),
        ("raise SystemExit(0)", '__name__ == "__main__"'),
        ("step(retry=3)(reserve)", "DefinitionError"),
    ],
)
def test_a_flow_that_raises_leaves_nothing_behind(write: WriteFile, line: str, says: str) -> None:
    """A6: the user's own line is named, and `sys.modules`, `sys.path` and the finder are as before."""
    write("lib/prices.py", "")
    path = write("flow.py", f"WORKFLOW\nimport lib.prices\ndef reserve(): pass\n{line}\n")
    before = _import_state()
    with pytest.raises(FlowImportFailed) as caught:
        load_flow(path)
    assert says in str(caught.value)
    assert (caught.value.line_number, caught.value.line) == (5, line)
    assert "cerebelum/engine" not in str(caught.value)
    assert (caught.value.code, caught.value.exit_code) == ("CB103", 9)
    assert _import_state() == before


def test_the_engines_own_future_imports_do_not_leak_into_a_flow(write: WriteFile) -> None:
    """W3: annotations are values in a file that did not ask for them to be text."""
    module = load_flow(write("flow.py", "def total(n: int): pass\n")).module
    assert module.total.__annotations__ == {"n": int}


def test_a_broken_flow_among_installed_packages_leaves_nothing_behind(write: WriteFile) -> None:
    """A6: the same holds where the flow itself lies in an installed package."""
    write("site-packages/shop_app/__init__.py", "")
    write("site-packages/shop_app/prices.py", "")
    path = write("site-packages/shop_app/flow.py", "from . import prices\nboom\n")
    before = _import_state()
    with pytest.raises(FlowImportFailed):
        load_flow(path)
    assert _import_state() == before


def test_the_line_that_raised_is_the_innermost_of_the_users(write: WriteFile) -> None:
    """A6: an error in a helper names the helper, not the flow that imports it."""
    write("prices.py", "import json\ndef price(): pass\njson.loads('{')\n")
    with pytest.raises(FlowImportFailed, match=r"prices\.py:3 raised .*JSONDecodeError"):
        load_flow(write("flow.py", FLOW))


async def test_a_broken_edit_leaves_the_running_version_in_place(write: WriteFile, project: Path) -> None:
    """W3: a flow that worked goes on as the module of its name; the mended file is then taken up."""
    write("shop/__init__.py", "")
    write("shop/prices.py", "def price(): return 3\n")
    path = write("flow.py", FLOW.replace("from prices", "from shop.prices"))
    good = load_flow(path)
    prices = sys.modules["shop.prices"]
    write("shop/prices.py", "def price(): return 4\n")
    write("flow.py", FLOW.replace("from prices", "from shop.prices") + "boom\n")
    before = _import_state()
    with pytest.raises(FlowImportFailed):
        load_flow(path)
    assert _import_state() == before
    assert sys.modules["flow"] is good.module
    assert sys.modules["shop.prices"] is sys.modules["shop"].prices is prices
    assert await result(good, 1) == 3
    write("flow.py", FLOW.replace("from prices", "from shop.prices"))
    assert await result(load_flow(path), 1) == 4


def test_two_workflows_of_one_name_in_a_file_are_refused(write: WriteFile) -> None:
    """A6: the message names both lines."""
    source = 'WORKFLOW\n@workflow("a")\nasync def one(): pass\n@workflow("a")\nasync def two(): pass\n'
    with pytest.raises(DefinitionError, match="lines 3 and 5"):
        load_flow(write("flow.py", source))


def test_the_flow_sees_its_own_name_and_folder(write: WriteFile, project: Path) -> None:
    """W3: `__name__`, `__file__` and annotations kept as text work as after an ordinary import."""
    source = """
    from __future__ import annotations
    import dataclasses, logging, pathlib, typing
    @dataclasses.dataclass
    class Order:
        place: Place
    class Place: ...
    log = logging.getLogger(__name__)
    hints = typing.get_type_hints(Order)
    here = pathlib.Path(__file__).parent
    """
    module = load_flow(write("flow.py", source)).module
    assert module.hints == {"place": module.Place}
    assert module.here == project
    assert module.log is logging.getLogger("flow")


def _import_state() -> tuple[dict[str, Any], list[str], list[Any], list[str]]:
    # the standard library imports parts of itself while an error is rendered
    loaded = {name: it for name, it in sys.modules.items() if name.partition(".")[0] not in sys.stdlib_module_names}
    return loaded, list(sys.path), list(sys.meta_path), sorted(finder.names_under(""))
