"""`python -m benchmarks`: measure, print the tables, write benchmarks/RESULTS.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.engine import ENGINES
from benchmarks.report import render, write
from benchmarks.rounds import ALL_WORKLOADS, Rounds

OUT = Path(__file__).with_name("RESULTS.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if all was measured, whatever the figures say; 1 if a workload failed."""
    options = _parser().parse_args(arguments)
    rounds = options.rounds or (1 if options.quick else 3)
    size = "quick" if options.quick else "full"
    results = Rounds(
        options.engines, options.only, size=size, say=lambda line: print(line, file=sys.stderr, flush=True)
    ).run(rounds)
    page = render(results, engines=options.engines, workloads=options.only, rounds=rounds, size=size)
    print(page)
    out = options.out or (None if options.quick else OUT)
    if out is not None:
        write(out, page)
    return 1 if results.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, one round, nothing written: to see that it works"
    )
    parser.add_argument(
        "--only", type=_choice(ALL_WORKLOADS), default=list(ALL_WORKLOADS), help="such as W1,W2; T: all of its group"
    )
    parser.add_argument("--engines", type=_choice(ENGINES), default=list(ENGINES), help=f"of {','.join(ENGINES)}")
    parser.add_argument("--rounds", type=int, help="3; with --quick 1")
    parser.add_argument("--out", type=Path, help=f"where to write; benchmarks/{OUT.name} unless --quick")
    return parser


def _choice(known: Iterable[str]) -> Callable[[str], list[str]]:
    names = list(known)

    def parse(text: str) -> list[str]:
        typed = [name.strip() for name in text.split(",") if name.strip()]
        groups = {each: [name for name in names if len(each) == 1 and name.startswith(each)] for each in typed}
        chosen = [name for each in typed for name in (groups[each] or [each])]
        if unknown := [name for name in chosen if name not in names]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(names)}")
        return [name for name in names if name in chosen]

    return parse


if __name__ == "__main__":
    sys.exit(main())
