"""The founding documents' example flows, translated: OrderWorkflow, ProcessOrder, book_travel."""

from __future__ import annotations

from typing import Any

from cerebelum import (
    Flow,
    Retry,
    Workflow,
    context,
    decision,
    edge,
    error,
    hours,
    increment_context,
    input,  # noqa: A004 - the founding documents' name
    loop,
    minutes,
    node,
    ok,
    parallel,
    put_context,
    receive,
    state,
    step,
)
from tests.flows.ledger import effect


# -- OrderWorkflow: `workflow "process_order", timeout: hours(2), max_retries: 3` ------------------------------------
@step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.01), timeout=minutes(1))
def validate_order() -> None:
    put_context("order", {"id": input()["order_id"], "total": input()["total"]})


def check_amount() -> str:
    total = context().order["total"]
    return "high_value" if total > 10_000 else "medium_value" if total > 1_000 else "low_value"


def require_manual_review() -> None:
    effect("review")


def charge_with_verification() -> None:
    put_context("charge_id", "verified")


def charge_standard() -> None:
    put_context("charge_id", "standard")


def ship() -> dict[str, Any]:
    effect("ship")
    return {"order": context().order["id"], "charge": context().get("charge_id")}


order_workflow = Flow(
    "process_order",
    validate_order,
    decision(
        check_amount,
        {
            "high_value": [require_manual_review, receive("approved")],
            "medium_value": [charge_with_verification],
            "low_value": [charge_standard],
        },
    ),
    ship,
    timeout=hours(2),
    max_retries=3,
)


# -- ProcessOrder: a class of functions and edges ---------------------------------------------------------------------
class ProcessOrder(Workflow):
    @staticmethod
    def start(state: dict[str, Any]) -> Any:
        return ok({**state, "seen": ["start"]})

    @staticmethod
    def validate(state: dict[str, Any]) -> Any:
        if state["total"] <= 0:
            return error("nothing to pay")
        return ok({**state, "seen": [*state["seen"], "validate"]})

    @staticmethod
    def reserve(state: dict[str, Any]) -> Any:
        return ok({**state, "seen": [*state["seen"], "reserve"]})

    @staticmethod
    def charge(state: dict[str, Any]) -> Any:
        return ok({**state, "seen": [*state["seen"], "charge"]})

    @staticmethod
    def confirm(state: dict[str, Any]) -> Any:
        return ok({**state, "seen": [*state["seen"], "confirm"]})

    @staticmethod
    def refuse(state: dict[str, Any]) -> Any:
        return ok({**state, "refused": True})

    edges = (
        edge(start, validate),
        edge(validate, reserve, when=ok(...)),
        edge(validate, charge, when=lambda s: s["total"] > 10),
        edge(validate, refuse, when=error(...)),
        edge(reserve, confirm),
        edge(charge, confirm),
    )


# -- book_travel: a saga ----------------------------------------------------------------------------------------------
def cancel_flight() -> None:
    effect(f"cancel {state().flight_booking}")


def cancel_hotel(booking: str) -> None:
    effect(f"cancel {booking}")


def book_flight() -> None:
    put_context("flight_booking", "F1")
    effect("book F1")


def book_hotel() -> str:
    effect("book H1")
    return "H1"


def charge_customer() -> Any:
    return error("declined") if input().get("declined") else ok("paid")


book_travel = Flow(
    "book_travel",
    parallel("bookings", [node(book_flight, compensate=cancel_flight)], [node(book_hotel, compensate=cancel_hotel)]),
    node(charge_customer, retry=Retry(max_attempts=2, backoff="constant", backoff_base=0.01), collect="charge"),
)


# -- an API that fails twice --------------------------------------------------------------------------------------------
def call_api(ctx: Any) -> None:
    increment_context("current_retry")
    put_context("success", ctx.current_retry >= 3)  # it sees its own writes


retrying = Flow(
    "retrying_api",
    loop(
        "retry", while_=lambda ctx: not ctx.get("success") and ctx.get("current_retry", 0) < 5, body=[call_api],
        max_iterations=10,
    ),
)  # fmt: skip
