"""The context of a flow as a value: reading, writing, operations, forks and joins."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerebelum.engine.domain.context import Context, Op, apply
from cerebelum.engine.domain.context_folding import context_of
from cerebelum.engine.domain.context_merging import compacted, join, merge_branches
from cerebelum.engine.domain.errors_context import ContextConflict, ContextKeyMissing, ContextValueRefused


def test_a_context_is_read_by_key_and_by_attribute() -> None:
    """B1: the same value is found as `ctx["order"]` and as `ctx.order`; the input as `ctx.input`."""
    ctx = Context({"order": {"id": 7}, "put": 1}, input={"amount": 3})
    assert ctx["order"] == ctx.order == {"id": 7}
    assert ctx.input == {"amount": 3}
    assert (list(ctx), len(ctx), "order" in ctx, dict(ctx)) == (["order", "put"], 2, True, ctx.as_dict())
    assert ctx["put"] == 1, "a key that is a method's name is read by key"
    assert not hasattr(ctx, "nothing")
    assert ctx == {"order": {"id": 7}, "put": 1}


def test_a_missing_key_gives_the_default_or_an_error_that_names_the_keys() -> None:
    """B2: `get` gives the default; reading without one says which keys there are."""
    ctx = Context({"a": 1})
    assert (ctx.get("a"), ctx.get("b"), ctx.get("b", 5)) == (1, None, 5)
    with pytest.raises(ContextKeyMissing, match=r"the context has no key 'b'\n  help: its keys: a;"):
        ctx["b"]
    with pytest.raises(AttributeError, match="the context has no key 'b'"):
        _ = ctx.b


def test_put_takes_a_pair_or_a_mapping() -> None:
    """B3: both forms write."""
    ctx = Context()
    ctx.put("a", 1)
    ctx.put({"b": 2, "c": None})
    assert ctx == {"a": 1, "b": 2, "c": None}
    for wrong in (("a",), ({"a": 1}, 2), (1, 2)):
        with pytest.raises(ContextValueRefused):
            ctx.put(*wrong)


def test_update_merge_and_delete() -> None:
    """B4, B5, B6: update replaces by what the function gives, merge keeps other keys, delete removes."""
    ctx = Context({"n": 1, "other": True})
    assert [ctx.update("n", lambda n: n + 1) for _ in range(3)] == [2, 3, 4]
    assert ctx.update("fresh", lambda n: n + 1, 0) == 1
    with pytest.raises(ContextKeyMissing):
        ctx.update("absent", lambda n: n)
    ctx.merge({"n": 9, "x": 1})
    assert ctx == {"n": 9, "other": True, "fresh": 1, "x": 1}
    assert ctx.has("x")
    ctx.delete("x")
    ctx.delete("x")
    assert not ctx.has("x")


def test_accumulators() -> None:
    """B9: appends and increments gather, with or without `init_accumulator`, which keeps what is there."""
    ctx = Context()
    ctx.init_accumulator("items", ["first"])
    ctx.init_accumulator("items", [])
    ctx.append("items", 1)
    ctx.append("items", [2])
    ctx.increment("n")
    ctx.increment("n", 2.5)
    assert ctx == {"items": ["first", 1, [2]], "n": 3.5}


@pytest.mark.parametrize(
    "write, text",
    [
        (lambda ctx: ctx.append("n", 1), "cannot append to context key 'n': it holds int, not a list"),
        (lambda ctx: ctx.increment("s"), "cannot increment context key 's': it holds str, not a number"),
        (lambda ctx: ctx.increment("b"), "cannot increment context key 'b': it holds bool, not a number"),
        (lambda ctx: ctx.increment("n", "2"), "cannot increment context key 'n' by '2': not a number"),
        (lambda ctx: ctx.put(3, 1), "a context key is text, not int '3'"),
    ],
)
def test_a_write_that_cannot_be_is_refused_and_changes_nothing(write: Any, text: str) -> None:
    """B9: the refusal names the key and what it holds; no operation is recorded."""
    ctx = Context({"n": 1, "s": "x", "b": True})
    with pytest.raises(ContextValueRefused) as refused:
        write(ctx)
    assert str(refused.value) == text
    assert not ctx.ops
    assert ctx == {"n": 1, "s": "x", "b": True}


def test_changing_what_was_read_or_written_changes_nothing() -> None:
    """B10: only recorded writes count; a list that was read or given is the reader's own."""
    given = [1]
    ctx = Context()
    ctx.put("l", given)
    given.append(2)
    ctx.l.append(3)
    ctx["l"].append(4)
    ctx.get("l").append(5)
    assert ctx.l == [1]
    fork = ctx.fork()
    fork.append("l", 9)
    assert (ctx.l, fork.l, ctx.ops[1:]) == ([1], [1, 9], [])


_keys = st.sampled_from(["a", "b", "c"])
_ops = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _keys, st.integers(0, 3)),
        st.tuples(st.just("put"), _keys, st.lists(st.integers(0, 3), max_size=2)),
        st.tuples(st.just("delete"), _keys, st.none()),
        st.tuples(st.just("append"), _keys, st.integers(0, 3)),
        st.tuples(st.just("increment"), _keys, st.integers(1, 3)),
        st.tuples(st.just("init_accumulator"), _keys, st.sampled_from([0, []])),
    ),
    max_size=12,
)


def _written(base: Context, writes: list[tuple[str, str, Any]]) -> Context:
    ctx = base.fork()
    for name, key, value in writes:
        try:
            getattr(ctx, name)(*((key,) if name == "delete" else (key, value)))
        except ContextValueRefused:
            continue
    return ctx


@settings(max_examples=300, deadline=None)
@given(_ops, _ops)
def test_a_compacted_patch_comes_to_the_same_as_all_writes(before: list[Any], writes: list[Any]) -> None:
    """B10: what is recorded, read back from JSON, gives exactly what the step left."""
    base = _written(Context(), before)
    ctx = _written(base, writes)
    stored = msgspec.json.encode(compacted(ctx.ops))
    assert apply(base.as_dict(), msgspec.json.decode(stored, type=list[Op])) == ctx.as_dict()
    assert context_of(msgspec.Raw(b"{}"), [msgspec.Raw(msgspec.json.encode(base.ops)), msgspec.Raw(stored)]) == ctx


@settings(max_examples=300, deadline=None)
@given(_ops, st.lists(_ops, min_size=1, max_size=3))
def test_a_join_loses_nothing_or_reports_a_conflict(before: list[Any], branches: list[list[Any]]) -> None:
    """B12: of keys that one branch wrote, its value stands; of all others, nothing is lost, or the join is refused."""
    base = _written(Context(), before)
    forks = [_written(base, writes) for writes in branches]
    joined = base.fork()
    conflict: ContextConflict | None = None
    try:
        join(joined, forks)
    except ContextConflict as reported:
        conflict = reported
    if conflict is not None:
        assert sum(any(op.key == conflict.key for op in fork.ops) for fork in forks) > 1
        return
    for key in "abc":
        writers = [fork for fork in forks if any(op.key == key for op in fork.ops)]
        if not writers:
            assert joined.get(key) == base.get(key)
        if len(writers) == 1:
            assert joined.get(key, "none") == writers[0].get(key, "none")
        if len(writers) > 1 and all(op.kind == "increment" for f in writers for op in f.ops if op.key == key):
            total = sum(f[key] - (base.get(key) or 0) for f in writers)
            assert joined[key] == (base.get(key) or 0) + total


def test_appends_and_increments_of_all_branches_survive_in_their_order() -> None:
    """B12: ten branches that increment give 10, and what they append stands in the order of the branches."""
    base = Context()
    base.put("kept", 1)
    branches = [base.fork() for _ in range(10)]
    for number, branch in enumerate(branches):
        branch.init_accumulator("found", [])
        branch.increment("n", 1)
        branch.append("found", number)
        branch.put(f"own-{number}", number)
    branches[3].delete("kept")
    join(base, branches)
    assert (base["n"], base["found"], base.has("kept"), base["own-9"]) == (10, list(range(10)), False, 9)


@pytest.mark.parametrize(
    "one, other, shown",
    [
        ([Op("put", "k", 1)], [Op("put", "k", 2)], ("put 1", "put 2")),
        ([Op("put", "k", 1)], [Op("put", "k", True)], ("put 1", "put True")),
        ([Op("put", "k", [])], [Op("append", "k", 1)], ("put []", "append 1")),
        ([Op("put", "k", 1)], [Op("delete", "k")], ("put 1", "delete")),
        ([Op("increment", "k", 1)], [Op("append", "k", 1)], ("increment 1", "append 1")),
        ([Op("init", "k", 0)], [Op("init", "k", 1)], ("init 0", "init 1")),
        ([Op("increment", "k", 1)], [Op("init", "k", [])], ("increment 1", "init []")),
        (
            [Op("append", "k", n) for n in range(4)],
            [Op("delete", "k")],
            ("append 0, append 1 and 2 more writes", "delete"),
        ),
    ],
)
def test_a_conflicting_write_is_reported(one: list[Op], other: list[Op], shown: tuple[str, str]) -> None:
    """B12: the report names the key, both branches and what each wrote."""
    with pytest.raises(ContextConflict) as conflict:
        merge_branches({}, [one, other], ["prepare/0", "prepare/1"])
    assert str(conflict.value) == (
        f"parallel branches disagree about context key 'k':\n  prepare/0: {shown[0]}\n  prepare/1: {shown[1]}\n"
        "  help: give each branch a key of its own, or gather with append_context or increment_context"
    )
    assert (conflict.value.key, conflict.value.branches) == ("k", ("prepare/0", "prepare/1"))


def test_a_conflict_shows_bounded_values_and_agreement_is_none() -> None:
    """B12: huge values are cut in the report; two branches that write the same do not conflict."""
    with pytest.raises(ContextConflict) as conflict:
        merge_branches({}, [[Op("put", "k", "x" * 10_000)], [Op("put", "k", "y")]])
    assert len(str(conflict.value)) < 400
    assert merge_branches({"k": 1}, [[Op("put", "k", 2)], [Op("put", "k", 2)]]) == [Op("put", "k", 2)]
