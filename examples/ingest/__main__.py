"""`python -m ingest make|search|report`: all of the example that is no workflow."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .index import DocumentIndex

SHOWN_CHARACTERS = 100


def main() -> int:
    """Run one command; return the exit code: 1 when nothing was found."""
    arguments = _parser().parse_args()
    try:
        return int(arguments.run(arguments))
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def make(arguments: argparse.Namespace) -> int:
    """Make a folder of documents."""
    from .make_documents import make_documents

    written = make_documents(Path(arguments.folder), arguments.articles, flaws=not arguments.clean)
    print(f"{written} articles in {arguments.folder}")
    return 0


def search(arguments: argparse.Namespace) -> int:
    """Print what the index has about some words, the nearest first."""
    from .pipeline import EMBEDDER

    (vector,) = EMBEDDER.embed([" ".join(arguments.words)])
    hits = _index(arguments).search(vector, arguments.limit)
    for hit in hits:
        text = hit.passage if len(hit.passage) <= SHOWN_CHARACTERS else f"{hit.passage[:SHOWN_CHARACTERS]}…"
        print(f"{hit.score:.2f}  {hit.path:<24} {hit.title}\n      {text}")
    return 0 if hits else 1


def report(arguments: argparse.Namespace) -> int:
    """Print what is in the index."""
    totals = _index(arguments).totals()
    print(f"documents  {totals.documents}\npassages   {totals.passages}\nwords      {totals.words}")
    print(f"about      {', '.join(totals.keywords)}")
    return 0


def _index(arguments: argparse.Namespace) -> DocumentIndex:
    if not Path(arguments.index).is_file():
        raise FileNotFoundError(f"no index {arguments.index!r}: run `cerebelum run ingest/pipeline.py:ingest_folder`")
    return DocumentIndex(arguments.index)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ingest", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="make|search|report")
    made = commands.add_parser("make", help="make a folder of documents from the standard library's docstrings")
    made.add_argument("folder")
    made.add_argument("--articles", type=int, metavar="N", help="at most so many")
    made.add_argument("--clean", action="store_true", help="no copies, empty files, broken files and missing pages")
    made.set_defaults(run=make)
    searched = commands.add_parser("search", help="search the index")
    searched.add_argument("index")
    searched.add_argument("words", nargs="+")
    searched.add_argument("--limit", type=int, default=5, metavar="N")
    searched.set_defaults(run=search)
    reported = commands.add_parser("report", help="say what is in the index")
    reported.add_argument("index")
    reported.set_defaults(run=report)
    return parser


if __name__ == "__main__":
    sys.exit(main())
