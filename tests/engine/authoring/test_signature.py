"""Calls to stored arguments and back."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebelum.adapters.codecs.json_codec import JsonCodec
from cerebelum.engine.authoring.signature import CallSignature
from cerebelum.engine.domain.errors_payload import ArgumentError, PayloadMismatch

if TYPE_CHECKING:
    from nowhere import Missing  # type: ignore[import-not-found]

CODEC = JsonCodec()
WHAT = "arguments of step 'work'"


@dataclass
class Order:
    id: str


def nothing() -> None: ...
def simple(a, b=2) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001
def typed(order: Order, count: int = 1) -> date: ...  # type: ignore[empty-body]
def only_keywords(*, a: int, b: int = 2) -> None: ...
def positional_only(a: int, b: int = 2, /, c: int = 3) -> None: ...
def everything(a: int, /, b: int = 2, *rest: date, k: int = 4, **more: Order) -> None: ...
def forward(later: Later, unknown: Missing) -> list[Later]: ...  # type: ignore[empty-body]


@dataclass
class Later:
    x: int


FUNCTIONS: list[Callable[..., Any]] = [nothing, simple, only_keywords, positional_only]
CALLS = st.tuples(
    st.lists(st.integers(), max_size=4), st.dictionaries(st.sampled_from(["a", "b", "c", "z"]), st.integers())
)


@given(st.sampled_from(FUNCTIONS), CALLS)
def test_binding_accepts_and_refuses_exactly_what_python_does(
    function: Callable[..., Any], call: tuple[list[int], dict[str, int]]
) -> None:
    """A4: a call binds if and only if Python's own rules bind it, and to the same parameters."""
    args, kwargs = tuple(call[0]), call[1]
    signature = CallSignature.of(function)
    try:
        expected = dict(inspect.signature(function).bind(*args, **kwargs).arguments)
    except TypeError:
        with pytest.raises(ArgumentError, match=rf"{function.__name__}\(\) "):
            signature.bind(args, kwargs)
        return
    bound = signature.bind(args, kwargs)
    assert bound == expected
    again_args, again_kwargs = signature.call_arguments(bound)
    again = inspect.signature(function).bind(*again_args, **again_kwargs)
    assert {**expected, **again.arguments} == dict(again.arguments)


@given(
    st.integers(), st.none() | st.integers(), st.lists(st.dates(), max_size=3), st.none() | st.integers(),
    st.dictionaries(st.sampled_from(["a", "x", "rest", "more"]), st.builds(Order, st.just("o"))),
)  # fmt: skip
def test_every_kind_of_parameter_survives_storage(
    a: int, b: int | None, rest: list[date], k: int | None, more: dict[str, Order]
) -> None:
    """A4: positional-only, *args, keyword-only and **kwargs come back typed, even under clashing names."""
    signature = CallSignature.of(everything)
    args = (a,) if b is None else (a, b, *rest)
    kwargs = {**({} if k is None else {"k": k}), **more}
    text, copy = CODEC.encode(signature.bind(args, kwargs), signature.arguments_type, what=WHAT)
    assert CODEC.decode(text, signature.arguments_type, what=WHAT) == copy
    got_args, got_kwargs = signature.call_arguments(copy)
    expected = inspect.signature(everything).bind(*args, **kwargs)
    got = inspect.signature(everything).bind(*got_args, **got_kwargs)
    expected.apply_defaults()
    got.apply_defaults()
    assert got.arguments == expected.arguments


@pytest.mark.parametrize(
    "function,args,kwargs,message,parameter",
    [
        (simple, (), {}, "simple() is missing argument 'a'", "a"),
        (simple, (1, 2, 3), {}, "simple() takes 2 positional arguments, but 3 were given", ""),
        (simple, (1,), {"a": 2}, "simple() got several values for argument 'a'", "a"),
        (typed, (), {"ordr": 1}, "typed() got an unexpected argument 'ordr'; did you mean 'order'?", "ordr"),
        (nothing, (1,), {}, "nothing() takes 0 positional arguments, but 1 were given", ""),
        (only_keywords, (), {}, "only_keywords() is missing argument 'a'", "a"),
    ],
)
def test_a_wrong_call_names_function_and_parameter(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], message: str, parameter: str
) -> None:
    """A4: a wrong call is a TypeError with the names, at the place of the call."""
    with pytest.raises(ArgumentError) as caught:
        CallSignature.of(function).bind(args, kwargs)
    assert (str(caught.value), caught.value.parameter, caught.value.exit_code) == (message, parameter, 2)
    assert isinstance(caught.value, TypeError)


def test_types_are_found_late_and_one_unknown_name_costs_one_annotation() -> None:
    """A4: classes defined after the function are found; a name only type checkers know counts as Any."""
    signature = CallSignature.of(forward)
    decoded = CODEC.decode(b'{"later":{"x":1},"unknown":[1]}', signature.arguments_type, what=WHAT)
    assert decoded == {"later": Later(1), "unknown": [1]}
    assert signature.result_type == list[Later]
    assert list(signature.unresolved) == ["unknown"]


def test_classes_local_to_a_function_are_found() -> None:
    """A4: a workflow defined inside a test may use the test's own classes."""

    @dataclass
    class Local:
        x: int

    def inner(value: Local) -> Local | None: ...

    signature = CallSignature.of(inner)
    assert CODEC.decode(b'{"value":{"x":1}}', signature.arguments_type, what=WHAT) == {"value": Local(1)}
    assert signature.result_type == Local | None
    assert signature.unresolved == {}


def test_missing_and_none_annotations_are_any() -> None:
    """A4: nothing said about a value means plain JSON."""
    assert CallSignature.of(nothing).result_type is Any
    assert CallSignature.of(simple).result_type is Any
    assert CallSignature.of(simple).arguments_type == dict[str, Any]
    assert CallSignature.of(nothing).takes_nothing
    assert CallSignature.of(nothing).call_arguments({}) == ((), {})


def test_input_with_an_unknown_or_missing_name_is_refused() -> None:
    """A4: a misspelt argument in a person's JSON is an error with or without annotations, never ignored."""
    signature = CallSignature.of(typed)
    for text, path in ((b'{"order":{"id":"1"},"cuont":2}', "cuont"), (b'{"order":{}}', "order"), (b"{}", "")):
        with pytest.raises(PayloadMismatch) as caught:
            CODEC.decode(text, signature.arguments_type, what="input of workflow 'w'")
        assert caught.value.path == path
    for arguments in ({"b": 1}, {"a": 1, "c": 2}):
        with pytest.raises(ArgumentError):
            CallSignature.of(simple).call_arguments(arguments)


def test_methods_partials_callables_and_wrapped_functions_have_signatures() -> None:
    """A4: whatever Python can call can be bound, with its types."""

    class Service:
        def method(self, when: date) -> date:
            return when

        def __call__(self, when: date) -> date:
            return when

    @functools.wraps(typed)
    def wrapper(*args: Any, **kwargs: Any) -> Any: ...

    for function in (Service().method, Service(), functools.partial(Service().method)):
        signature = CallSignature.of(function)
        assert signature.result_type is date
        assert CODEC.decode(b'{"when":"2024-01-01"}', signature.arguments_type, what=WHAT) == {"when": date(2024, 1, 1)}
    assert CallSignature.of(wrapper).bind((Order("1"),), {}) == {"order": Order("1")}


def test_parameters_may_be_named_like_anything() -> None:
    """A4: names that mean something to Python's typing or to the codec are only names."""

    def odd(self: int, cls: int, total: int, _private: int, data: int = 0) -> None: ...

    signature = CallSignature.of(odd)
    bound = signature.bind((1, 2, 3, 4), {"data": 5})
    text, copy = CODEC.encode(bound, signature.arguments_type, what=WHAT)
    assert copy == bound
    assert CODEC.decode(text, signature.arguments_type, what=WHAT) == bound
