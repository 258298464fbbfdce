from __future__ import annotations

from pathlib import Path

import pytest

from cerebelum.engine.domain.errors import DefinitionError, UnknownWorkflow
from cerebelum.engine.runtime.code.digest import describe
from cerebelum.engine.runtime.code.loading import load_flow
from cerebelum.engine.runtime.code.pinning import load_bundle
from cerebelum.engine.runtime.code.registry import Registered, WorkflowRegistry
from tests.engine.runtime.code.conftest import WriteFile

FLOW = "WORKFLOW\n@workflow\nasync def order(): return 1\n"


def add(registry: WorkflowRegistry, path: Path) -> Registered:
    definition = load_flow(path).workflows[0]
    return registry.add(definition, describe(definition))


def test_an_unknown_name_is_answered_with_the_known_ones(write: WriteFile) -> None:
    """G11: not found is an error with the names there are."""
    registry = WorkflowRegistry()
    add(registry, write("flow.py", FLOW))
    with pytest.raises(UnknownWorkflow) as caught:
        registry.get("refund")
    assert caught.value.known == ("order",)
    assert registry.find("refund", "0" * 64) is None
    assert registry.names() == ("order",)


def test_versions_stand_side_by_side_and_the_last_added_is_the_newest(write: WriteFile) -> None:
    """V13: new starts take the newest; open executions find their own; going back makes the old one newest again."""
    registry = WorkflowRegistry()
    first = add(registry, write("flow.py", FLOW))
    second = add(registry, write("flow.py", FLOW.replace("1", "2")))
    assert registry.get("order") is second.definition
    assert registry.find("order", first.digest) is first.definition
    assert [entry.digest for entry in registry.versions("order")] == [first.digest, second.digest]
    again = add(registry, write("flow.py", FLOW))
    assert registry.newest("order") is again
    assert [entry.digest for entry in registry.versions("order")] == [second.digest, first.digest]
    assert (first.definition.code, second.definition.code) == (first.digest, second.digest)


def test_a_pinned_version_does_not_become_the_newest(write: WriteFile) -> None:
    """G7: what an old execution needs is found by its digest, and new ones do not begin on it."""
    registry = WorkflowRegistry()
    old = describe(load_flow(write("flow.py", FLOW)).workflows[0])
    new = add(registry, write("flow.py", FLOW.replace("1", "2")))
    pinned = load_bundle(old, allow_stored_code=True)
    registry.add_pinned(pinned, old)
    assert registry.newest("order") is new
    assert registry.find("order", old.short_digest) is pinned
    registry.remove("order", old.short_digest)
    assert registry.find("order", old.short_digest) is None
    registry.remove("order", new.digest)
    assert registry.names() == ()


def test_one_name_in_two_modules_is_refused(write: WriteFile) -> None:
    """A6: the message names both files, and what was registered stays."""
    registry = WorkflowRegistry()
    first = add(registry, write("one.py", FLOW))
    with pytest.raises(DefinitionError, match=r"one\.py:3 and .*two\.py:3"):
        add(registry, write("two.py", FLOW))
    with pytest.raises(DefinitionError, match=r"one\.py:3 and .*one\.py:3"):
        add(registry, write("elsewhere/one.py", FLOW))
    assert registry.newest("order") is first


def test_registries_share_nothing(write: WriteFile) -> None:
    """V13: two nodes in one process know different workflows."""
    one, two = WorkflowRegistry(), WorkflowRegistry()
    add(one, write("flow.py", FLOW))
    assert (one.names(), two.names()) == (("order",), ())


def test_a_workflow_without_known_source_can_be_registered(write: WriteFile) -> None:
    """G9: tests may run workflows that no source describes."""
    registry = WorkflowRegistry()
    definition = load_flow(write("flow.py", FLOW)).workflows[0]
    assert registry.add(definition).digest == ""
    assert registry.find("order", "") is definition


def test_a_superseded_version_stands_until_it_is_removed(write: WriteFile) -> None:
    """V13: it is found by its digest, known as replaced, and not in the way of a workflow that went to another file."""
    registry = WorkflowRegistry()
    first = add(registry, write("flow.py", FLOW))
    other = load_flow(write("other.py", FLOW)).workflows[0]
    with pytest.raises(DefinitionError, match="in two modules"):
        registry.check(other)
    registry.supersede("order", but="")
    second = registry.add(other, describe(other))
    assert [entry.digest for entry in registry.superseded()] == [first.digest]
    assert registry.is_superseded("order", first.digest)
    assert not registry.is_superseded("order", second.digest)
    registry.remove("order", first.digest)
    assert registry.superseded() == []
    again = add(registry, write("other.py", FLOW))
    assert not registry.is_superseded("order", again.digest)


def test_a_retired_workflow_is_known_and_not_served(write: WriteFile) -> None:
    """W3: what is open finds its code; an old version that comes from the store does not bring it back, new code does."""
    registry = WorkflowRegistry()
    old = describe(load_flow(write("flow.py", FLOW)).workflows[0])
    new = add(registry, write("flow.py", FLOW.replace("1", "2")))
    registry.retire("order")
    registry.retire("unknown")
    assert (registry.names(), registry.serving()) == (("order",), ())
    registry.add_pinned(load_bundle(old, allow_stored_code=True), old)
    assert registry.is_retired("order")
    assert not registry.is_retired("unknown")
    assert registry.find("order", new.digest) is new.definition
    add(registry, write("flow.py", FLOW.replace("1", "3")))
    assert registry.serving() == ("order",)
