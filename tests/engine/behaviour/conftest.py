"""A world for each kind of store: the behaviour is the same on all of them, and in both forms of workflows."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from tests.conftest import STORES, urls_of
from tests.engine.world import World
from tests.flows import plain_form

# What these say holds for `async def` workflows and for plain `def` ones; see `tests.flows.plain_form`.
BOTH_FORMS = (
    "asking", "effects", "fanout", "history", "inputs", "lifecycle", "queries", "results", "retries", "sagas",
    "signal_with_start", "signals", "sleeping", "updates", "wait_until",
)  # fmt: skip
PLAIN_STORES = ("memory", "sqlite")  # a form of workflow has nothing to do with the third


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on all stores; those of `BOTH_FORMS` for plain workflows too, where their flows have twins."""
    if "new_url" not in metafunc.fixturenames:
        return
    cases = [("async", store) for store in STORES]
    if metafunc.module.__name__.rpartition("test_")[2] in BOTH_FORMS and _uses_twins(metafunc):
        cases += [("plain", store) for store in PLAIN_STORES]
    ids = [store if form == "async" else f"{store}-{form}" for form, store in cases]
    metafunc.parametrize("form,new_url", cases, ids=ids, indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests with workflows for parameters the twins, where they run in the plain form."""
    for item in items:
        parameters: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
        if parameters.get("form") == "plain":
            for name, value in parameters.items():
                if isinstance(value, WorkflowDefinition):
                    parameters[name] = getattr(_twins(value.__module__), value.__name__)


def _twins(module: str) -> object:
    return importlib.import_module(f"tests.flows.plain.{module.rpartition('.')[2]}")


def _uses_twins(metafunc: pytest.Metafunc) -> bool:
    """Return whether a test names a workflow that has a twin."""
    codes, names = [metafunc.function.__code__], set[str]()
    for code in codes:
        names.update(code.co_names)
        codes += [each for each in code.co_consts if hasattr(each, "co_names")]
    flows = names.intersection(plain_form.MODULES)
    return any(names.intersection(plain_form.twin_names(module)) for module in flows)


@pytest.fixture(autouse=True)
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which form the workflows of `tests.flows` have in this test."""
    form: str = getattr(request, "param", "async")
    if form == "plain":
        for name in plain_form.MODULES:
            if hasattr(request.module, name):
                monkeypatch.setattr(request.module, name, _twins(name))
    return form


@pytest.fixture
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Returns the URL of another empty store at each call; see `pytest_generate_tests`."""
    return urls_of(request, tmp_path)


@pytest.fixture
async def world(url: str) -> AsyncIterator[World]:
    """An engine on an empty store."""
    world = await World.open(url)
    yield world
    await world.close()


@pytest.fixture
def make_engine(new_url: Callable[[], str]) -> Callable[[], Awaitable[Engine]]:
    """Returns an engine on another empty store at each call."""

    async def make() -> Engine:
        store = open_store(new_url())
        await store.open()
        return Engine(store, make_codec())

    return make
