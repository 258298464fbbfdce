"""Records of `logging` as level, message and metadata."""

from __future__ import annotations

import logging
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec

from cerebelum.engine.runtime.masking import MASK, hides, mask_cut
from cerebelum.engine.runtime.rendering import mask_json, render

_MAX_METADATA_BYTES = 16 << 10
_MAX_NODES = 1_000
_FEW_FIELDS = 40  # kept of metadata that is too large, each as text of so many characters:
_FEW_CHARS = 200
_MAX_TEXT = 2_000  # characters of one metadata string
_USUAL = vars(logging.makeLogRecord({}))
_STANDARD = frozenset(_USUAL) | {"message", "asctime"}
_FORMATTER = logging.Formatter()


def level_name(level: int) -> str:
    """Return the standard level at or below a numeric one: 25 is info."""
    if level >= logging.CRITICAL:
        return "critical"
    if level >= logging.ERROR:
        return "error"
    if level >= logging.WARNING:
        return "warning"
    return "info" if level >= logging.INFO else "debug"


def message_of(record: logging.LogRecord) -> str:
    """Return the formatted message with its traceback, as a handler would show it; never raises."""
    try:
        message = record.getMessage()
    except Exception:  # the arguments do not fit the format, or their __str__ raises
        message = f"{render(record.msg)} with arguments {render(record.args)}"
    try:
        if record.exc_info and not record.exc_text:
            message = f"{message}\n{_FORMATTER.formatException(record.exc_info)}"
        elif record.exc_text:
            message = f"{message}\n{record.exc_text}"
    except Exception:  # exc_info of some other shape
        message = f"{message}\n{render(record.exc_info)}"
    return f"{message}\n{record.stack_info}" if record.stack_info else message


def metadata_of(record: logging.LogRecord) -> bytes:
    """Return the logger's name and the fields given as `extra=`, as a JSON object with secrets masked."""
    fields = vars(record)
    if len(fields) == len(_USUAL):
        return _logger_only(record.name)
    extra = {name: value for name, value in fields.items() if name not in _STANDARD}
    return encode_metadata({"logger": record.name, **extra}) if extra else _logger_only(record.name)


def encode_metadata(fields: dict[str, Any]) -> bytes:
    """Return `fields` as a JSON object, masked and at most 16 KiB; what does not fit is kept as short text."""
    try:
        data = msgspec.json.encode(mask_json(_shortened(fields, _MAX_TEXT), nodes=_MAX_NODES))
    except Exception:  # deep inside: lone surrogates, integers beyond JSON
        data = b""
    if not data or len(data) > _MAX_METADATA_BYTES:
        few = _shortened(dict(islice(fields.items(), _FEW_FIELDS)), _FEW_CHARS)
        data = msgspec.json.encode(mask_json({name: _plain(value) for name, value in few.items()}))
    # jsonb refuses NUL in strings.
    return data.replace(b"\\u0000", b"\\ufffd")


def _shortened(fields: dict[str, Any], chars: int) -> dict[str, Any]:
    return {
        _storable(name[:100]): (
            MASK if hides(name, value) else _storable(mask_cut(value, chars)) if type(value) is str else value
        )
        for name, value in fields.items()
    }


def _plain(value: Any) -> Any:
    if type(value) in (str, float, bool) or (type(value) is int and value.bit_length() < 64):
        return value
    return _storable(render(value, chars=_FEW_CHARS))


def _storable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


@lru_cache(maxsize=1024)
def _logger_only(name: str) -> bytes:
    return encode_metadata({"logger": name})
