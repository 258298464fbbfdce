"""Errors of queries and updates: for whoever asked, except where noted."""

from __future__ import annotations

from cerebelum.engine.domain.errors import CerebelumError, WaitTimedOut


class UpdateRefused(CerebelumError):
    """The workflow's validator refused an update, or it ended before it could take it. Nothing was recorded."""

    code = "CB821"
    exit_code = 5

    def __init__(self, execution_id: str, update: str, reason: str) -> None:
        super().__init__(f"update {update!r} of {execution_id} was refused: {reason}")
        self.execution_id, self.update, self.reason = execution_id, update, reason


class UpdateFailed(CerebelumError):
    """An update was accepted, and its handler failed, or the execution ended before the handler did."""

    code = "CB822"

    def __init__(self, execution_id: str, update: str, *, error_type: str, message: str) -> None:
        super().__init__(
            f"update {update!r} of {execution_id} failed: {error_type}: {message}\n"
            f"  see `cerebelum events {execution_id}`"
        )
        self.execution_id, self.update, self.error_type, self.message = execution_id, update, error_type, message


class UnknownQuery(CerebelumError):
    """The workflow has not declared a query of this name, at least not yet."""

    code = "CB823"
    exit_code = 3

    def __init__(self, execution_id: str, query: str, known: tuple[str, ...] = ()) -> None:
        shown = ", ".join(known) or "none so far"
        super().__init__(
            f"{execution_id} has no query {query!r}\n"
            f"  known: {shown}\n"
            f'  help: declare it at the beginning of the workflow: on_query("{query}", function)'
        )
        self.execution_id, self.query, self.known = execution_id, query, known


class QueryFailed(CerebelumError):
    """A query's function raised, or returned what cannot be encoded. The execution is not touched by it."""

    code = "CB824"

    def __init__(self, execution_id: str, query: str, *, error_type: str, message: str) -> None:
        super().__init__(f"query {query!r} of {execution_id} failed: {error_type}: {message}")
        self.execution_id, self.query, self.error_type, self.message = execution_id, query, error_type, message


class QueryMayNotAct(CerebelumError):
    """A query, a validator or a condition of `wait_until` asked for a step, a wait or another effect: it may only look."""

    code = "CB825"

    def __init__(self, what: str, call: str) -> None:
        super().__init__(
            f"{what} may only look at the workflow's state; it called {call}\n"
            f"  help: do it in the workflow itself, or in the handler of an update"
        )
        self.what, self.call = what, call


class UpdateTimedOut(WaitTimedOut):
    """The caller's patience ended before an update had an outcome; the update stays where it is."""

    def __init__(self, execution_id: str, update: str, key: str, after_s: float) -> None:
        CerebelumError.__init__(
            self,
            f"update {update!r} of {execution_id} has no outcome after {after_s:g} s; it stays where it is\n"
            f"  help: ask for it again: cerebelum update {execution_id} {update} --key {key}",
        )
        self.execution_id, self.update, self.key, self.after_s = execution_id, update, key, after_s
