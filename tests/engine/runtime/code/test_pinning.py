from __future__ import annotations

import gc
import inspect
import linecache
import sys
import traceback
import typing
import weakref
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors_code import CodeNotStored, FlowImportFailed, StoredCodeRefused
from cerebelum.engine.ports.store import CodeVersion
from cerebelum.engine.runtime.code.digest import describe
from cerebelum.engine.runtime.code.loading import load_flow
from cerebelum.engine.runtime.code.modules import PINNED_PREFIX, beside, finder, public_name
from cerebelum.engine.runtime.code.pinning import load_bundle, release, stored_sources
from tests.engine.runtime.code.conftest import WriteFile

FLOW = """
WORKFLOW
from prices import price

@workflow
async def order(n: int) -> int:
    return n * price()
"""


def pinned(code: CodeVersion) -> WorkflowDefinition[..., Any]:
    return load_bundle(code, allow_stored_code=True)


def code_of(path: Path) -> CodeVersion:
    return describe(load_flow(path).workflows[0])


async def test_two_versions_run_side_by_side(write: WriteFile) -> None:
    """G7: each has its own helper module; the running modules see nothing of it."""
    write("prices.py", "def price(): return 3\n")
    old = code_of(write("flow.py", FLOW))
    write("prices.py", "def price(): return 4\n")
    flow = load_flow(write("flow.py", FLOW.replace("n *", "1000 + n *")))
    before = {name: module for name, module in sys.modules.items() if not name.startswith("_cerebelum")}
    former = pinned(old)
    assert (await former(1), await flow.workflows[0](1)) == (3, 1004)
    assert {name: module for name, module in sys.modules.items() if not name.startswith("_cerebelum")} == before
    assert former.code == old.short_digest
    assert describe(former) == old
    assert pinned(old) is former


async def test_every_kind_of_import_stays_inside_its_version(write: WriteFile) -> None:
    """G7: plain, dotted, renamed, from, star, late and relative imports, circular ones and namespace packages."""
    write("shop/__init__.py", "from . import rates\n")
    write("shop/rates.py", "import shop.goods as goods\nRATE = 1\ndef of(): return goods.RATES.RATE\n")
    write("shop/goods.py", "from . import rates as RATES\nfrom shop.rates import *\n")
    write("lib/names.py", "NAME = 1\n")
    write("lone.py", "import flow\nONE = 1\ndef back(): return flow.LOCAL\n")
    source = """
    WORKFLOW
    import json, lone, shop.goods
    import lib.names
    import lib.names as names
    from lib import names as other
    LOCAL = 1
    @workflow
    async def order() -> list[int]:
        import lone as late
        from shop.rates import of
        try:
            import shop.not_there as nothing
        except ImportError:
            pass
        found = [lib.names.NAME, names.NAME, other.NAME, lone.ONE, late.ONE, of(), shop.rates.RATE, lone.back()]
        return json.loads(json.dumps(found))
    """
    path = write("flow.py", source)
    old = code_of(path)
    for name in ("shop/rates.py", "lib/names.py", "lone.py", "flow.py"):
        write(name, (path.parent / name).read_text().replace("= 1\n", "= 2\n"))
    new = load_flow(path).workflows[0]
    assert await pinned(old)() == [1] * 8
    assert await new() == [2] * 8
    assert await pinned(old)() == [1] * 8


async def test_a_relative_flow_of_a_package_can_be_pinned(write: WriteFile) -> None:
    """G7: a flow inside a package finds its siblings of the same version."""
    write("shop/__init__.py", "")
    write("shop/prices.py", "def price(): return 3\n")
    path = write("shop/flow.py", FLOW.replace("from prices", "from .prices"))
    old = code_of(path)
    write("shop/prices.py", "def price(): return 4\n")
    new = load_flow(path).workflows[0]
    assert (await pinned(old)(1), await new(1)) == (3, 4)


async def test_tracebacks_show_the_lines_that_ran(write: WriteFile) -> None:
    """G2: after the file has changed, the old version's frames and source are still its own."""
    write("prices.py", "def price():\n    raise ValueError('old price')\n")
    path = write("flow.py", FLOW)
    old = code_of(path)
    write("prices.py", "# nothing\n" * 9)
    write("flow.py", "# changed\n" * 9)
    former = pinned(old)
    linecache.checkcache()
    assert linecache.getline(f"flow.py@{old.digest[:8]}", 7) == "    return n * price()\n"
    with pytest.raises(ValueError, match="old price") as caught:
        await former(1)
    rendered = "".join(traceback.format_exception(caught.value))
    assert f'"prices.py@{old.digest[:8]}", line 2, in price\n    raise ValueError' in rendered
    assert f'"flow.py@{old.digest[:8]}", line 7, in order\n    return n * price()' in rendered
    assert "return n * price()" in inspect.getsource(former.function)
    assert "from prices import price" in stored_sources(old)[f"flow.py@{old.digest[:8]}"]


def test_annotations_of_an_old_version_mean_its_own_classes(write: WriteFile) -> None:
    """G7: types kept as text are looked up in the old module, also when both versions declare the class."""
    source = """
    from __future__ import annotations
    import msgspec
    WORKFLOW
    class Line(msgspec.Struct):
        amount: int
    class Order(msgspec.Struct):
        lines: list[Line]
    @workflow
    async def order(order: Order) -> Line: return order.lines[0]
    """
    path = write("flow.py", source)
    old = code_of(path)
    write("flow.py", source.replace("amount: int", "amount: str"))
    load_flow(path)
    former = pinned(old)
    hints = typing.get_type_hints(former.function)
    assert msgspec.convert({"lines": [{"amount": 1}]}, hints["order"]).lines[0].amount == 1
    assert former.signature.result_type is hints["return"]


def test_names_lead_back_and_forth_between_versions(write: WriteFile) -> None:
    """G7: a class is recorded under its project's name and found again in the version that runs."""
    write("prices.py", "def price(): return 3\n")
    former = pinned(code_of(write("flow.py", FLOW)))
    module = former.function.__module__
    assert module.startswith(f"{PINNED_PREFIX}.")
    assert public_name(module) == "flow"
    assert beside(module, "prices") == module.removesuffix("flow") + "prices"
    assert beside(module, "json") == "json"
    assert (public_name("shop.flow"), beside("flow", "prices")) == ("shop.flow", "prices")


def test_stored_code_runs_only_where_it_is_allowed(write: WriteFile) -> None:
    """G7: without the configuration's leave nothing from a store is run."""
    path = write("flow.py", "WORKFLOW\nimport builtins\nbuiltins.ran = True\n@workflow\nasync def order(): pass\n")
    code = code_of(path)
    del sys.modules["builtins"].ran
    with pytest.raises(StoredCodeRefused, match="allow_stored_code") as caught:
        load_bundle(code)
    assert (caught.value.code, caught.value.exit_code) == ("CB110", 9)
    assert not hasattr(sys.modules["builtins"], "ran")


def test_source_that_was_not_kept_is_said_to_be_missing(write: WriteFile) -> None:
    """G2: with storage switched off, replay says that the source is missing."""
    write("prices.py", "def price(): return 3\n")
    bare = describe(load_flow(write("flow.py", FLOW)).workflows[0], keep_source=False)
    with pytest.raises(CodeNotStored, match="is missing") as caught:
        pinned(bare)
    assert (caught.value.code, caught.value.exit_code) == ("CB109", 9)
    with pytest.raises(CodeNotStored):
        stored_sources(bare)


def test_source_that_does_not_match_its_digest_is_refused(write: WriteFile) -> None:
    """G1: a changed bundle, a damaged one and one without the module do not run."""
    write("prices.py", "def price(): return 3\n")
    code = code_of(write("flow.py", FLOW))
    assert code.source is not None
    changed = code.source.replace(b"return 3", b"return 9")
    for source, says in ((changed, "not the code that was registered"), (b"\xff", "cannot be read")):
        with pytest.raises(StoredCodeRefused, match=says):
            pinned(msgspec.structs.replace(code, source=source))
    with pytest.raises(StoredCodeRefused, match="no module 'elsewhere'"):
        pinned(msgspec.structs.replace(code, module="elsewhere"))
    with pytest.raises(StoredCodeRefused, match="no such workflow"):
        pinned(msgspec.structs.replace(code, workflow="refund"))


def test_old_code_that_fails_to_import_leaves_nothing_behind(write: WriteFile) -> None:
    """G7: a package that is gone is named with the old version's line; no module stays."""
    source = "WORKFLOW\nimport gone\n@workflow\nasync def order(): pass\n"
    sys.modules["gone"] = type(sys)("gone")
    code = code_of(write("flow.py", source))
    del sys.modules["gone"]
    before = set(sys.modules)
    with pytest.raises(FlowImportFailed, match=rf"flow\.py@{code.digest[:8]}:3 raised .*No module named 'gone'"):
        pinned(code)
    assert set(sys.modules) == before
    assert f"flow.py@{code.digest[:8]}" not in linecache.cache


def test_released_versions_leave_nothing(write: WriteFile) -> None:
    """G7: two hundred versions loaded and released leave no module, no source line and no object."""
    write("lib/prices.py", "def price(): return 3\n")
    flow = load_flow(write("flow.py", FLOW.replace("from prices", "import lib.prices\nfrom lib.prices")))
    code = describe(flow.workflows[0])
    release(code.digest)
    kept: list[weakref.ref[Any]] = []
    before = (set(sys.modules), set(linecache.cache), list(sys.meta_path), sorted(finder.names_under("")))
    for _ in range(200):
        definition = pinned(code)
        kept.append(weakref.ref(definition))
        kept.append(weakref.ref(sys.modules[definition.function.__module__]))
        del definition
        release(code.digest)
    gc.collect()
    assert (set(sys.modules), set(linecache.cache), list(sys.meta_path), sorted(finder.names_under(""))) == before
    assert [reference for reference in kept if reference() is not None] == []


async def test_releasing_one_version_leaves_the_others(write: WriteFile) -> None:
    """G7: versions are unloaded one by one, and one that still runs goes on."""
    codes = []
    for price in (3, 4):
        write("prices.py", f"def price(): return {price}\n")
        codes.append(code_of(write("flow.py", FLOW)))
    definitions = [pinned(code) for code in codes]
    release(codes[0].digest)
    assert [await definition(1) for definition in definitions] == [3, 4]
    assert pinned(codes[1]) is definitions[1]
    assert await pinned(codes[0])(1) == 3


def test_old_code_finds_the_data_beside_it(write: WriteFile, project: Path) -> None:
    """G7: given the project's folder, `__file__` leads to it."""
    path = write("flow.py", "WORKFLOW\nHERE = __file__\n@workflow\nasync def order(): pass\n")
    definition = load_bundle(code_of(path), allow_stored_code=True, root=project)
    assert definition.function.__globals__["HERE"] == str(path)
