"""Files as they ran and as they lie on disk: `flows/order.py@3f2a91bc` of a frame, `/home/ann/shop/flows/order.py` of an editor.

An editor is led to the file on disk where its text is what ran; else it is given the text that ran, by reference. Lines
of an edited file are found again in the text that ran as long as they are unchanged.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path, PurePath

from cerebelum_cli.dap.messages import BadRequest, Message, SourceArgument

_PINNED = re.compile(r"(.+)@[0-9a-f]{8}")
_PLACES = ("", "*/", "*/*/")  # below each folder, as where a flow is looked for
_LARGEST_BYTES = 4 << 20  # of a file on disk that is compared


def plain_file(file: str) -> str:
    """Return the path of a frame's file without the version that stored code has in its name."""
    pinned = _PINNED.fullmatch(file)
    return pinned[1] if pinned else file


class Sources:
    """The files of one replay.

    Args:
        texts: file as in frames -> the text that ran.
        folders: below which the project may lie.
    """

    def __init__(self, texts: Mapping[str, str], folders: Iterable[Path]) -> None:
        self._texts, self._folders = dict(texts), list(dict.fromkeys(folder.resolve() for folder in folders))
        self._references: list[str] = list(texts)
        self._places: dict[str, list[Path]] = {}
        self._opened: list[Path] = []  # that the editor has named: the likeliest place of a file
        self._read: dict[Path, tuple[tuple[int, int], list[str]]] = {}

    @property
    def files(self) -> Sequence[str]:
        """The files of all versions that ran."""
        return tuple(self._texts)

    def described(self, file: str) -> Message:
        """Return a file as the protocol's `Source`."""
        text = self._texts.get(file)
        if text is None:  # a library's, or one of which nothing was kept
            return {"name": PurePath(file).name, **({"path": file} if Path(file).is_file() else {})}
        same = next((path for path in self._candidates(file) if self._lines(path) == text.splitlines()), None)
        if same is not None:
            return {"name": same.name, "path": str(same)}
        return {
            "name": PurePath(file).name,
            "path": file,
            "sourceReference": self._references.index(file) + 1,
            "origin": "the version that ran; the file on disk is another one, or not there",
        }

    def text(self, wanted: int, source: SourceArgument | None) -> str:
        """Return the text that an editor asks for.

        Raises:
            BadRequest: there is none.
        """
        reference = wanted or (source.source_reference if source is not None else 0) or 0
        if not 1 <= reference <= len(self._references):
            raise BadRequest(f"there is no source {reference}: there are {len(self._references)}, numbered from 1")
        return self._texts[self._references[reference - 1]]

    def places(self, source: SourceArgument, line: int) -> tuple[list[tuple[str, int]], str]:
        """Return where a line of an editor's file is in the versions that ran, and why where it is nowhere."""
        if source.source_reference:
            known = 1 <= source.source_reference <= len(self._references)
            return ([(self._references[source.source_reference - 1], line)], "") if known else ([], "no such source")
        if not source.path:
            return [], "the editor names no path"
        path = Path(source.path)
        files = list(self._files_at(path))
        if not files:  # a library's: its text is not kept, and is taken to be what ran
            return [(source.path, line)], ""
        if path.is_absolute() and path not in self._opened:
            self._opened.append(path)
        found = [(file, now) for file in files if (now := self._line_that_ran(file, path, line)) is not None]
        return found, "" if found else f"line {line} is not in the version that ran: the file has been edited since"

    def _files_at(self, path: Path) -> Iterator[str]:
        for file in self._texts:
            plain = PurePath(plain_file(file))
            is_same = plain.is_absolute() and path.is_absolute() and path.resolve() == Path(plain).resolve()
            if is_same or PurePath(file) == path or path.parts[-len(plain.parts) :] == plain.parts:
                yield file

    def _line_that_ran(self, file: str, path: Path, line: int) -> int | None:
        then, now = self._texts[file].splitlines(), self._lines(path)
        if now is None or now == then:
            return line
        for block in SequenceMatcher(None, now, then, autojunk=False).get_matching_blocks():
            if block.a <= line - 1 < block.a + block.size:
                return line - block.a + block.b
        return None

    def _candidates(self, file: str) -> Iterator[Path]:
        plain = plain_file(file)
        if Path(plain).is_absolute():
            yield Path(plain)
            return
        parts = PurePath(plain).parts
        yield from (path for path in self._opened if path.parts[-len(parts) :] == parts)
        if file not in self._places:
            self._places[file] = [
                found
                for folder in self._folders
                for place in _PLACES
                for found in sorted(folder.glob(place + glob.escape(plain)))
                if not any(part.startswith(".") for part in found.relative_to(folder).parts)
            ]
        yield from self._places[file]

    def _lines(self, path: Path) -> list[str] | None:
        """Return the lines on disk, read again when the file has changed; None where it cannot be read."""
        try:
            stat = path.stat()
            known = self._read.get(path)
            if known is not None and known[0] == (stat.st_mtime_ns, stat.st_size):
                return known[1]
            if stat.st_size > _LARGEST_BYTES or not path.is_file():
                return None
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except (OSError, ValueError):
            return None
        self._read[path] = ((stat.st_mtime_ns, stat.st_size), lines)
        return lines
