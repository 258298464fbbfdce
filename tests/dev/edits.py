"""Sixty edits as people make them, drawn from a seed; each is written to the files and to the model of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct, structs

from tests.dev.project_model import ProjectModel
from tests.dev.versions import LATE, Version

BROKEN = {
    "syntax error": "\ndef broken(:\n",
    "missing module": "\nimport no_such_module_anywhere\n",
    "fails on import": "\nprint(1 / 0)\n",
    "flow that cannot be": "\nfrom cerebelum import Flow, decision\n\nflow = Flow('more', decision('nobody', {'a': []}))\n",
}
# how often each comes; what is broken, deleted or renamed is mended by one more edit: 60 in all
TIMES = {
    "word": 4, "step at the end": 4, "step before": 4, "swap": 3, "guarded step": 3, "remark": 2, "earlier text": 2,
    "syntax error": 3, "missing module": 2, "fails on import": 2, "flow that cannot be": 2,
    "rename": 2, "delete": 2, "new file": 1,
    "helper": 3, "helper that breaks": 2, "broken helper": 1, "package": 2, "two at once": 2,
}  # fmt: skip


class Edit(Struct, frozen=True):
    """An edit that is made: its kind, the file it is about, and what was written, save by save."""

    kind: str
    about: str
    saves: list[list[Path]]


class Edits:
    """Makes them, one with each `next`."""

    def __init__(self, model: ProjectModel, seed: int) -> None:
        self._model, self._dice, self._count = model, random.Random(seed), 0
        self._serial = 0
        self._kinds = [kind for kind, times in TIMES.items() for _ in range(times)]
        self._dice.shuffle(self._kinds)
        self._mends: list[tuple[int, Callable[[], Edit]]] = []  # after which edit

    def __iter__(self) -> Iterator[Callable[[], Edit]]:
        """Give calls that make an edit each."""
        while self._kinds or self._mends:
            self._count += 1
            due = [each for each in self._mends if each[0] <= self._count or not self._kinds]
            if due:
                self._mends.remove(due[0])
                yield due[0][1]
            else:
                kind = self._kinds.pop()
                yield lambda kind=kind: self._make(kind)  # type: ignore[misc]

    # -- kinds --------------------------------------------------------------------------------------------------------
    def _make(self, kind: str) -> Edit:
        model = self._model
        if kind in ("helper", "helper that breaks", "broken helper", "package"):
            return self._helper(kind)
        if kind == "new file":
            return Edit(kind, "late.py", [[model.put("late.py", LATE)]])
        file = self._dice.choice([file for file, content in model.disk.items() if isinstance(content, Version)])
        version = model.good[file]
        if kind == "delete":
            self._later(lambda: Edit("restored", file, [[model.put(file, version)]]))
            return Edit(kind, file, [[model.put(file, None)]])
        if kind == "rename":
            renamed = self._tagged(structs.replace(version, name=f"{version.name}_new"))
            self._later(lambda: self._named_back(file, version.name))
            return Edit(kind, file, [[model.put(file, renamed)]])
        if kind in BROKEN:
            text = version.text() + BROKEN[kind]
            self._later(lambda: self._mended(file, version))
            return Edit(kind, file, [[model.put(file, text)]])
        if kind == "two at once":
            first = model.put(file, self._changed("step before", version))
            model.settle()  # it may serve for a moment
            return Edit(kind, file, [[first], []])
        return Edit(kind, file, [[model.put(file, self._changed(kind, version))]])

    def second_save(self, edit: Edit) -> list[Path]:
        """Make the second save of "two at once"."""
        return [self._model.put(edit.about, self._changed("word", self._model.good[edit.about]))]

    def _changed(self, kind: str, version: Version) -> Version:
        plan = version.plan
        if kind == "remark":
            return structs.replace(version, remark=f"remark {self._count}")
        if kind == "earlier text":
            return self._dice.choice(self._of_this_name(version))
        if kind == "step at the end":
            plan = (*plan, "more")
        elif kind == "step before":
            plan = ("extra", *plan) if "extra" not in plan else plan[1:]
        elif kind == "guarded step":
            plan = tuple(part for part in plan if part != "?extra")
            place = self._dice.randrange(len(plan))
            plan = (*plan[:place], "?extra", *plan[place:]) if "?extra" not in version.plan else plan
        elif kind == "swap":
            place = self._dice.randrange(len(plan) - 1)
            plan = (*plan[:place], plan[place + 1], plan[place], *plan[place + 2 :])
        return self._tagged(structs.replace(version, plan=plan))

    def _of_this_name(self, version: Version) -> list[Version]:
        past = [each for each in self._model.past[f"{version.tag.partition('-')[0]}.py"] if each.name == version.name]
        return past[:-1] or past

    def _tagged(self, version: Version) -> Version:
        self._serial += 1
        return structs.replace(version, tag=f"{version.tag.partition('-')[0]}-{self._serial}")

    def _mended(self, file: str, version: Version) -> Edit:
        mended = self._dice.choice([version, self._tagged(version)])
        return Edit("mended", file, [[self._model.put(file, mended)]])

    def _named_back(self, file: str, name: str) -> Edit:
        version = self._tagged(structs.replace(self._model.good[file], name=name))
        return Edit("named back", file, [[self._model.put(file, version)]])

    def _helper(self, kind: str) -> Edit:
        model, helpers = self._model, self._model.helpers
        file = "prices.py" if kind != "package" else "shop/__init__.py"
        if kind == "broken helper":
            self._later(lambda: Edit("mended helper", file, [model.put_helpers()]))
            return Edit(kind, file, [model.put_helpers(broken=file)])
        if kind == "helper that breaks":
            helpers.audits = not helpers.audits
        if kind == "package":
            helpers.package = f"s{self._count}"
            if self._dice.random() < 0.5:
                helpers.short, file = f"w{self._count}", "shop/words.py"
        else:
            helpers.prices = f"p{self._count}"
        broken = next(iter(model.broken_helpers), "")
        return Edit(kind, file, [model.put_helpers(broken=broken)])

    def _later(self, make: Callable[[], Edit]) -> None:
        self._mends.append((self._count + self._dice.randint(1, 3), make))
