"""Errors of payloads: arguments, results, signals and answers on their way into a history, or out of it."""

from __future__ import annotations

from cerebelum.engine.domain.errors import CerebelumError


class PayloadNotEncodable(CerebelumError):
    """A value that JSON cannot hold exactly. Nothing was written."""

    code = "CB601"

    def __init__(self, what: str, *, path: str, shown: str, why: str, remedy: str) -> None:
        super().__init__(f"{what} cannot be stored exactly: {path}: {shown}\n  why:  {why}\n  help: {remedy}")
        self.what, self.path = what, path  # path: "result.items[3].price"
        self.shown, self.why, self.remedy = shown, why, remedy  # shown: short, control characters escaped


class PayloadTooLarge(CerebelumError):
    """A payload over the limit. Nothing was written."""

    code = "CB602"

    def __init__(self, what: str, *, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"{what} is too large: {size_bytes:,} bytes of JSON; the limit is {limit_bytes:,}\n"
            f"  help: store it elsewhere (a file, an object store) and pass its name"
        )
        self.what, self.size_bytes, self.limit_bytes = what, size_bytes, limit_bytes


class PayloadMismatch(CerebelumError):
    """JSON that is malformed, or that does not fit the annotations it is decoded with."""

    code = "CB603"
    exit_code = 2

    def __init__(self, what: str, *, path: str, why: str) -> None:
        place = f"{path}: " if path else ""
        super().__init__(f"{what} does not fit the annotations: {place}{why}")
        self.what, self.path, self.why = what, path, why


class ArgumentError(CerebelumError, TypeError):
    """A call whose arguments do not match the function's parameters."""

    code = "CB604"
    exit_code = 2

    def __init__(self, function: str, problem: str, *, parameter: str = "") -> None:
        super().__init__(f"{function}() {problem}")
        self.function, self.parameter, self.problem = function, parameter, problem


class ValueRefused(CerebelumError, ValueError):
    """A value that the store's database cannot hold: a NUL in a name, a number out of range. Nothing was written."""

    code = "CB606"


class PayloadTransformFailed(CerebelumError):
    """Encryption or compression of a payload failed, or a stored payload names a transform that is not configured."""

    code = "CB605"

    def __init__(self, what: str, *, transform: str, problem: str) -> None:
        super().__init__(
            f"{what}: payload transform {transform!r} {problem}\n"
            f"  help: give the codec the transforms and keys that the payload was written with"
        )
        self.what, self.transform, self.problem = what, transform, problem
