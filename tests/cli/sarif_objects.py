"""What SARIF 2.1.0 (OASIS Standard, errata 01) demands of the objects that `cerebelum check` writes.

Written down by hand from the standard: each object with its required properties, and those of its properties that we
write, with their type. All objects of the standard are closed, so whatever is not listed here is a mistake, or is to be
looked up and added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

Check = Callable[[Any, str], Iterator[str]]


def obj(required: set[str], **properties: Check) -> Check:
    """An object; a name that Python has no word for ends with an underscore here."""
    known = {name.replace("dollar_", "$").rstrip("_"): check for name, check in properties.items()}

    def check(value: Any, place: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{place} is no object"
            return
        yield from (f"{place} has no {name!r}" for name in sorted(required - value.keys()))
        for name, found in value.items():
            if name in known:
                yield from known[name](found, f"{place}.{name}")
            else:
                yield f"{place} has {name!r}, which no rule here knows"

    return check


def array(item: Check) -> Check:
    def check(value: Any, place: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{place} is no array"
            return
        for number, found in enumerate(value):
            yield from item(found, f"{place}[{number}]")

    return check


def text(*choices: str) -> Check:
    def check(value: Any, place: str) -> Iterator[str]:
        if not isinstance(value, str) or not value or (choices and value not in choices):
            yield f"{place} is {value!r}"

    return check


def whole(minimum: int) -> Check:
    def check(value: Any, place: str) -> Iterator[str]:
        if type(value) is not int or value < minimum:
            yield f"{place} is {value!r}, not a number from {minimum} on"

    return check


def uri(value: Any, place: str) -> Iterator[str]:
    """A URI reference, as RFC 3986 spells one; a relative one must not begin with a scheme by accident."""
    if not isinstance(value, str) or not value or any(not "!" <= each <= "~" or each in '"<>\\^`{|}' for each in value):
        yield f"{place} is {value!r}, not a URI"
    elif "://" not in value and (urlsplit(value).scheme or value.startswith("//")):
        yield f"{place} is {value!r}, which is no relative path"


LEVELS = text("none", "note", "warning", "error")
MESSAGE = obj({"text"}, text=text())  # the standard: text or id
STRING = obj({"text"}, text=text())
REGION = obj(set(), startLine=whole(1), startColumn=whole(1), endLine=whole(1), endColumn=whole(1))
PLACE = obj({"physicalLocation"}, physicalLocation=obj(
    {"artifactLocation"}, artifactLocation=obj({"uri"}, uri=uri), region=REGION,
))  # fmt: skip
RULE = obj(
    {"id"}, id=text(), name=text(), shortDescription=STRING, fullDescription=STRING, help=STRING,
    defaultConfiguration=obj(set(), level=LEVELS),
)  # fmt: skip
RESULT = obj({"message"}, ruleId=text(), ruleIndex=whole(0), level=LEVELS, message=MESSAGE, locations=array(PLACE))
DRIVER = obj({"name"}, name=text(), version=text(), rules=array(RULE))
RUN = obj(
    {"tool"}, tool=obj({"driver"}, driver=DRIVER), results=array(RESULT),
    columnKind=text("utf16CodeUnits", "unicodeCodePoints"),
)  # fmt: skip
_LOG = obj({"version", "runs"}, dollar_schema=uri, version=text("2.1.0"), runs=array(RUN))


def problems(log: Any) -> list[str]:
    """Return what is wrong with a SARIF log."""
    found = list(_LOG(log, "log"))
    for run in () if found else log["runs"]:
        rules = run["tool"]["driver"]["rules"]
        if len({rule["id"] for rule in rules}) != len(rules):
            found.append("a rule is there twice")
        for result in run["results"]:
            if rules[result["ruleIndex"]]["id"] != result["ruleId"]:
                found.append(f"ruleIndex {result['ruleIndex']} is not {result['ruleId']}")
            regions = (place["physicalLocation"].get("region", {}) for place in result["locations"])
            found += [f"{region} ends before it begins" for region in regions if _is_reversed(region)]
    return found


def _is_reversed(region: dict[str, int]) -> bool:
    first = region.get("startLine", 1), region.get("startColumn", 1)
    return (region.get("endLine", first[0]), region.get("endColumn", first[1])) < first
