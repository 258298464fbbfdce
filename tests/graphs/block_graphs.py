"""A graph of each kind of block, as a flow or a definition makes it."""

from __future__ import annotations

from cerebelum.engine.domain import graph as g


def step(name: str, **options: str) -> g.Step:
    made = {key: g.FunctionRef(f"shop:{value}") for key, value in options.items()}
    return g.Step(g.FunctionRef(f"shop:{name}"), g.StepOptions(**made))  # type: ignore[arg-type]


def chain(name: str, *names: str) -> g.Graph:
    return g.Graph.chain(name, {each: step(each) for each in names})


DECISION = g.Decision(
    g.FunctionRef("shop:check_total"),
    {
        "high_value": chain("high_value", "manual_review", "charge"),
        "medium_value": chain("medium_value", "charge_with_verification"),
        "standard": chain("standard", "charge_standard"),
    },
)
ITEMS = g.Expression("articles")

BLOCKS: dict[str, g.Graph] = {
    "order": g.Graph.chain(
        "order",
        {"validate_inventory": step("validate_inventory"), "check_total": DECISION, "ship": step("ship")},
    ),
    "compensation": g.Graph.chain(
        "compensation", {"reserve": step("reserve", compensate="release"), "pay": step("pay")}
    ),
    "loop": g.Graph.chain("loop", {"retry": g.Loop(g.Expression("tries < 3"), chain("body", "call_api"), 5)}),
    "parallel": g.Graph.chain(
        "parallel", {"prepare": g.Parallel((chain("a", "pack"), chain("b", "label", "print"))), "ship": step("ship")}
    ),
    "foreach": g.Graph.chain("foreach", {"each": g.ForEach(ITEMS, chain("body", "fetch", "store"), 5, "results")}),
    "map": g.Graph.chain("map", {"fetch_all": g.Map(g.FunctionRef("shop:fetch"), ITEMS)}),
    "switch": g.Graph.chain(
        "switch",
        {
            "route": g.Switch(
                g.Expression("kind"),
                (g.Case("web", chain("web", "scrape")), g.Case(2, chain("two"))),
                chain("d", "skip"),
            ),
            "end_of_route": g.Sequence(chain("inner", "store")),
        },
    ),
    "waits": g.Graph.chain(
        "waits",
        {
            "nap": g.Delay(duration_us=7_200_000_000),
            "until": g.Delay(until_us=1_800_000_000_000_000),
            "paid": g.Signal("paid"),
            "review": g.Input("review"),
            "child": g.Subflow(g.FunctionRef("shop:refunds")),
        },
    ),
    "edges": g.Graph(
        "edges",
        "start_order",
        {name: step(name) for name in ("start_order", "validate", "charge", "refuse")},
        (
            g.Edge("start_order", "validate"),
            g.Edge("validate", "charge", g.Pattern()),
            g.Edge("validate", "refuse", g.Pattern("error")),
            g.Edge("refuse", "validate", g.Expression("tries < 3"), max_iterations=3),
        ),
    ),
    "nested": g.Graph.chain(
        "nested",
        {
            "outer": g.Loop(
                g.Expression("more"),
                g.Graph.chain(
                    "body", {"both": g.Parallel((chain("a", "pack"), g.Graph.chain("b", {"check": DECISION})))}
                ),
            )
        },
    ),
    "empty": g.Graph("empty"),
}
