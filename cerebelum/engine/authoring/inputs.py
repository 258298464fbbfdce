"""Waits for people: a form, a choice, or any JSON, answered from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, overload

from cerebelum.engine.authoring.form_of import form_of
from cerebelum.engine.authoring.input_request import Request
from cerebelum.engine.authoring.plain import either_form
from cerebelum.engine.authoring.waits import activation_of
from cerebelum.engine.domain.durations import Duration, duration_us
from cerebelum.engine.domain.errors import DefinitionError

T = TypeVar("T")
_NAME_CHARS, _PROMPT_CHARS = 200, 10_000
_NOTHING: Any = object()


@overload
async def wait_for_input(
    name: str,
    *,
    form: type[T],
    prompt: str = "",
    timeout: Duration | None = None,  # noqa: ASYNC109
) -> T: ...


@overload
async def wait_for_input(
    name: str,
    *,
    form: type[Any] | Sequence[Mapping[str, Any]] | None = None,
    prompt: str = "",
    timeout: Duration | None = None,  # noqa: ASYNC109
    default: Any = ...,
    timeout_value: Any = ...,
    type: str | None = None,
    choices: Sequence[Any] | None = None,
    fields: Sequence[Mapping[str, Any]] | None = None,
    schema: Mapping[str, Any] | None = None,
    step: str = "",
) -> Any: ...


@either_form
async def wait_for_input(
    name: str,
    *,
    form: Any = None,
    prompt: str = "",
    timeout: Duration | None = None,  # noqa: ASYNC109 - a durable timeout, recorded as the wait's own
    default: Any = _NOTHING,
    timeout_value: Any = _NOTHING,
    type: str | None = None,  # noqa: A002 - the word users have for it
    choices: Sequence[Any] | None = None,
    fields: Sequence[Mapping[str, Any]] | None = None,
    schema: Mapping[str, Any] | None = None,
    step: str = "",
) -> Any:
    """Wait for a person's answer and return it; `cerebelum input ID NAME` gives one.

    An answer that breaks the form is refused, field by field, and the wait goes on. The first good answer counts.

    Args:
        name: what the answer names.
        form: a dataclass, msgspec struct or pydantic model: the answer is an instance of it. Or a list of fields, each
            `{"name", "type", "label", "required", …}` with a type of text (`max_length`), number (`min`, `max`, `integer`),
            boolean, date (`min`, `max`), select (`options`) or json: the answer is a dict with every field, None where
            it was left out. Without any of form, choices and schema, any JSON is an answer.
        prompt: what the person is asked.
        timeout: a timedelta or seconds.
        default: what is returned after the timeout, as it is; without it, `InputTimedOut` is raised.
        timeout_value: another name for `default`.
        type: "form", "single_choice" (the answer is one of the values) or "multi_choice" (a list of them).
        choices: of a choice: `{"value", "label"}`, or plain values.
        fields: another name for a list given as `form`.
        schema: a JSON schema that the answer must fit.
        step: the block it belongs to, for lists.

    Raises:
        InputTimedOut: nobody answered in time, and there is no default (a `TimeoutError`).
        DefinitionError: the form cannot work.
        NotInStep: called outside a workflow.
    """
    _check_words(name, prompt)
    if form is not None and fields is not None:
        raise DefinitionError(f"input {name!r} takes one of form= and fields=")
    late = _late(name, default, timeout_value, timeout)
    activation = activation_of("wait_for_input(…)")
    made, annotation = form_of(name, fields if form is None else form, type_=type, choices=choices, schema=schema)
    timeout_us = None if timeout is None else duration_us(timeout, what="wait_for_input(timeout=…)")
    request = Request(
        name=name, form=made, prompt=prompt, annotation=annotation, default=late, step=step, timeout_us=timeout_us
    )
    return await activation.ask_input(request)


def _check_words(name: Any, prompt: Any) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= _NAME_CHARS:
        raise DefinitionError(f"an input's name has 1 to {_NAME_CHARS} characters, not {name!r}")
    if not isinstance(prompt, str) or len(prompt) > _PROMPT_CHARS:
        raise DefinitionError(f"input {name!r}: prompt= is a text of up to {_PROMPT_CHARS:,} characters")


def _late(name: str, default: Any, timeout_value: Any, timeout: Duration | None) -> tuple[Any, ...]:
    if default is not _NOTHING and timeout_value is not _NOTHING:
        raise DefinitionError(f"input {name!r} takes one of default= and timeout_value=")
    late = tuple(value for value in (default, timeout_value) if value is not _NOTHING)
    if late and timeout is None:
        raise DefinitionError(f"input {name!r} has a default, and no timeout= after which it counts")
    return late
