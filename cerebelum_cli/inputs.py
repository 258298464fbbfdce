"""What a workflow is started with: `-i name=value`, `--input JSON|@file|-`, typed by its annotations."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NotRequired, get_args, get_origin

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors_payload import ArgumentError, PayloadMismatch
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum_cli.errors import UsageProblem

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def typed_arguments(
    definition: WorkflowDefinition[..., Any], pairs: Sequence[str], whole: str | None, codec: PayloadCodec
) -> Arguments:
    """Return the call that the options describe, decoded as its annotations say; it can be stored.

    Raises:
        UsageProblem: a pair without "=", or a name given twice.
        PayloadMismatch: not JSON, or a value that does not fit; says which field.
        ArgumentError: a parameter is missing or unknown.
        PayloadNotEncodable, PayloadTooLarge: it cannot be recorded.
    """
    signature, what = definition.signature, f"input of {definition.name!r}"
    given = {} if whole is None else _object(read_json(whole, what="--input"), definition)
    texts = _split(pairs)
    try:
        signature.call_arguments({**given, **texts})  # the names, before their values
    except ArgumentError as error:
        error.add_note(
            f"  help: its arguments are {_parameters(definition)}; give them with -i NAME=VALUE or --input JSON"
        )
        raise
    hints = getattr(signature.arguments_type, "__annotations__", {})
    for name, text in texts.items():
        given[name] = _value(name, text, _bare(hints.get(name, Any)), codec)
    decoded = codec.decode(_encoded(given, what), signature.arguments_type, what=what)
    args, kwargs = signature.call_arguments(decoded)
    codec.encode(signature.bind(args, kwargs), signature.arguments_type, what=what)
    return args, kwargs


def untyped_arguments(pairs: Sequence[str], whole: str | None) -> dict[str, Any]:
    """Return the arguments by name, for a workflow whose code is not loaded here.

    Raises:
        UsageProblem, PayloadMismatch: as `typed_arguments`.
    """
    given = {} if whole is None else _object(read_json(whole, what="--input"), None)
    return given | {name: _guessed(text) for name, text in _split(pairs).items()}


def read_json(source: str, *, what: str) -> Any:
    """Return the JSON value that `source` holds or names: the text itself, `@file`, or `-` for stdin.

    Raises:
        UsageProblem: the file cannot be read.
        PayloadMismatch: it is not JSON.
    """
    text = source
    try:
        if source == "-":
            text, what = sys.stdin.read(), f"{what} (from stdin)"
        elif source.startswith("@"):
            what = f"{what} ({source[1:]})"
            text = Path(source[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageProblem(
            f"{what} cannot be read: {error}", help_="--input '{\"name\": 1}', --input @file.json"
        ) from error
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise PayloadMismatch(what, path="", why="it is nested too deep") from None
    except ValueError as error:
        raise _not_json(what, text, error) from None


def _not_json(what: str, text: str, error: ValueError) -> PayloadMismatch:
    place = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
    reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
    refusal = PayloadMismatch(what, path="", why=f"it is not JSON{place}: {reason}")
    hint = "JSON has double quotes" if text.strip().startswith("{'") else "like this"
    refusal.add_note(f"""  help: {hint}: '{{"name": "value"}}'; from a file: @FILE, from stdin: -""")
    return refusal


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _object(value: Any, definition: WorkflowDefinition[..., Any] | None) -> dict[str, Any]:
    if isinstance(value, dict):
        return dict(value)
    names = f", such as {_parameters(definition)}" if definition is not None else ""
    raise PayloadMismatch(
        "--input", path="", why=f"it must be a JSON object of argument names{names}, not {_kind(value)}"
    )


def _split(pairs: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not name:
            raise UsageProblem(f"-i {pair!r} is not NAME=VALUE", help_='-i zip=94107 -i \'tags=["a", "b"]\'')
        if name in found:
            raise UsageProblem(f"-i {name} was given twice", help_='a list is one value: -i \'tags=["a", "b"]\'')
        found[name] = text
    return found


def _value(name: str, text: str, hint: Any, codec: PayloadCodec) -> Any:
    """Return `text` as JSON where that fits the annotation, else as the text that it is."""
    parsed = _guessed(text)
    if isinstance(parsed, float) and Decimal in (hint, *get_args(hint)):
        return text  # a float on the way would cost digits
    if hint is Any or not isinstance(parsed, str):
        first = _misfit(name, parsed, hint, codec)
        if first is None:
            return parsed
        if isinstance(parsed, dict | list):
            raise first
        if _misfit(name, text, hint, codec) is None:
            return text
        raise first
    second = _misfit(name, parsed, hint, codec)
    if second is None or _misfit(name, text, hint, codec) is None:
        return parsed if second is None else text
    raise second


def _misfit(name: str, value: Any, hint: Any, codec: PayloadCodec) -> PayloadMismatch | None:
    if hint is Any:
        return None
    try:
        codec.decode(_encoded(value, name), hint, what=name)
    except PayloadMismatch as error:
        return error
    return None


def _guessed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text


def _encoded(value: Any, what: str) -> bytes:
    try:
        return json.dumps(value).encode()
    except RecursionError:
        raise PayloadMismatch(what, path="", why="it is nested too deep") from None


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is NotRequired else hint


def _parameters(definition: WorkflowDefinition[..., Any]) -> str:
    import inspect

    names = [
        f"{name}: {_type_name(parameter.annotation)}" if parameter.annotation is not inspect.Parameter.empty else name
        for name, parameter in inspect.signature(definition.function).parameters.items()
    ]
    return ", ".join(names) or "none"


def _type_name(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _kind(value: Any) -> str:
    names = {
        list: "a list",
        str: "a text",
        int: "a number",
        float: "a number",
        bool: "true or false",
        type(None): "null",
    }
    return names.get(type(value), type(value).__name__)
