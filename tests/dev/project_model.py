"""What a project's files say, and what must be serving: worked out beside the engine, from plans and not from code."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from tests.dev.versions import FIRST, FIRST_HELPERS, HELPERS_OF, Version, helper


class Serving(Struct, frozen=True):
    """A workflow as it must be serving."""

    name: str
    word: str
    plan: tuple[str, ...]


class Helpers(Struct):
    """What the modules beside the flows say."""

    prices: str = "p0"
    audits: bool = False
    package: str = "s0"
    short: str = "w0"


class ProjectModel:
    """The files of a project, on disk and in mind.

    Attributes:
        disk: flow file -> its version; a text is a broken one; None: it is not there.
        broken_helpers: helper files that cannot be imported now.
        serving: by workflow.
        known: every version that ever served, by (workflow, word).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.disk: dict[str, Version | str | None] = dict(FIRST)
        self.good: dict[str, Version] = dict(FIRST)  # the last whole version of each
        self.past: dict[str, list[Version]] = {file: [version] for file, version in FIRST.items()}
        self.helpers, self.broken_helpers = Helpers(), set[str]()
        self.serving: dict[str, Serving] = {}
        self.known: dict[tuple[str, str], Serving] = {}
        self._declared: dict[str, tuple[str, ...]] = {}
        for file, text in FIRST_HELPERS.items():
            self._write(file, text)
        for file, version in FIRST.items():
            self._write(file, version.text())
        self.settle()

    # -- editing --------------------------------------------------------------------------------------------------
    def put(self, file: str, content: Version | str | None) -> Path:
        """Write a flow file, or delete it."""
        if isinstance(content, Version):
            self.good[file] = content
            if all(content.tag != version.tag for version in self.past.setdefault(file, [])):
                self.past[file].append(content)
        self.disk[file] = content
        path = self.folder / file
        if content is None:
            path.unlink()
            return path
        return self._write(file, content if isinstance(content, str) else content.text())

    def put_helpers(self, *, broken: str = "") -> list[Path]:
        """Write all helper modules as `helpers` says, but one of them broken; return those whose text changed."""
        words = self.helpers
        texts = {
            "prices.py": helper(words.prices, audits=words.audits),
            "shop/__init__.py": f"from shop.words import SHORT\n\nWORD = {words.package!r} + SHORT\n",
            "shop/words.py": f"SHORT = {words.short!r}\n",
        }
        self.broken_helpers = {broken} if broken else set()
        if broken:
            texts[broken] += "def broken(:\n"
        changed = [file for file, text in texts.items() if (self.folder / file).read_text() != text]
        return [self._write(file, texts[file]) for file in changed]

    def _write(self, file: str, text: str) -> Path:
        path = self.folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    # -- what must come of it ---------------------------------------------------------------------------------------
    def is_whole(self, file: str) -> bool:
        """Whether a flow file that is there loads."""
        version = self.disk[file]
        return isinstance(version, Version) and not any(
            part in self.broken_helpers for module in version.modules for part in HELPERS_OF[module]
        )

    def errors(self) -> set[str]:
        """Return the flow files that are there and do not load."""
        return {file for file, content in self.disk.items() if content is not None and not self.is_whole(file)}

    def settle(self) -> None:
        """Have all files taken up as they are."""
        for file, content in self.disk.items():
            if content is not None and not self.is_whole(file):
                continue  # what served goes on serving
            for name in self._declared.pop(file, ()):
                self.serving.pop(name, None)
            if isinstance(content, Version):
                declared = [Serving(content.name, self._word(content), self._plan(content))]
                if content.child:
                    declared.append(Serving("child", self._word(content), content.child))
                self._declared[file] = tuple(one.name for one in declared)
                for one in declared:
                    self.serving[one.name] = self.known[one.name, one.word] = one

    def _word(self, version: Version) -> str:
        words = {"prices": self.helpers.prices, "shop": self.helpers.package + self.helpers.short}
        return "+".join([version.tag, *(words[module] for module in version.modules)])

    def _plan(self, version: Version) -> tuple[str, ...]:
        audits = self.helpers.audits and "prices" in version.modules
        return ("audit", *version.plan) if audits else version.plan


def ways(plan: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return every order of commands that a plan may lead to: where `patched` guards a step, with it and without."""
    found: list[tuple[str, ...]] = [()]
    for part in plan:
        if part.startswith("?"):
            found = [way + more for way in found for more in (("mark " + part[1:], part[1:]), ())]
        else:
            found = [(*way, part) for way in found]
    return found


def fits(done: tuple[str, ...], plan: tuple[str, ...]) -> bool:
    """Whether what was asked for so far is how this plan begins."""
    return any(way[: len(done)] == done for way in ways(plan))
