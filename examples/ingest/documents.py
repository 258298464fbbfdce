"""Documents as they lie in a folder, and what is in them: Markdown, whatever they were written in.

Below the folder, `inbox/` holds what is to be taken in, and `site/` stands for a website.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

INBOX, SITE = "inbox", "site"
SUFFIXES = (".html", ".md")
WORD = re.compile(r"[^\W_]+")
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_NOT_CONTENT = ("script", "style", "nav", "header", "footer")


class BrokenDocumentError(ValueError):
    """A file is no text. Trying again would not help."""


class PageMissingError(LookupError):
    """The website has no such page. Trying again would not help."""


class SiteUnreachableError(ConnectionError):
    """The website does not answer. Trying again may help."""


@dataclass(frozen=True)
class Document:
    """A document that was read."""

    title: str
    markdown: str
    link: str | None = None  # where the whole text is, if this is only its beginning


def document_paths(folder: str) -> list[str]:
    """Return what is in the inbox, relative to it: first what lies directly in it, so originals come before copies."""
    inbox = Path(folder) / INBOX
    if not inbox.is_dir():
        raise FileNotFoundError(f"there is no folder {str(inbox)!r}: make one with `python -m ingest make {folder}`")
    found = [path.relative_to(inbox).as_posix() for path in inbox.rglob("*") if path.suffix in SUFFIXES]
    return sorted(found, key=lambda path: (path.count("/"), path))


def read_document(folder: str, path: str) -> Document:
    """Read a document of the inbox.

    Raises:
        BrokenDocumentError: it is not UTF-8.
    """
    return _read(Path(folder) / INBOX / path)


def read_page(folder: str, url: str) -> Document:
    """Read a page of the website.

    Raises:
        PageMissingError: there is none.
        BrokenDocumentError: it is not UTF-8.
    """
    page = Path(folder) / SITE / PurePosixPath(urlsplit(url).path).name
    if not page.is_file():
        raise PageMissingError(f"404: {url}")
    return _read(page)


def fingerprint(document: Document) -> str:
    """Return a digest of the words: the same for the same text in HTML and in Markdown, whatever the file's name."""
    words = " ".join(WORD.findall(f"{document.markdown} {document.link or ''}".lower()))
    return hashlib.sha256(words.encode()).hexdigest()


def _read(file: Path) -> Document:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BrokenDocumentError(f"{file.name} is not UTF-8: {error.reason} at byte {error.start}") from error
    return from_html(text, file.stem) if file.suffix == ".html" else from_markdown(text, file.stem)


def from_markdown(text: str, name: str) -> Document:
    """Return a Markdown document; `title:` and `source:` may stand in front, between lines of `---`."""
    front = _FRONT_MATTER.match(text)
    lines = front[1].splitlines() if front else []
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return Document(said.get("title", name), text[front.end() if front else 0 :].strip(), said.get("source"))


def from_html(text: str, name: str) -> Document:
    """Return the content of a page as Markdown: its `<main>` if it has one, without scripts and navigation."""
    from bs4 import BeautifulSoup  # whoever only searches does not need it
    from markdownify import ATX, MarkdownConverter

    soup = BeautifulSoup(text, "html.parser")
    title = soup.title.get_text(strip=True) if soup.title else name
    content = soup.find("main") or soup.find("body") or soup
    for part in content.find_all(_NOT_CONTENT):
        part.decompose()
    for part in content.find_all("title"):
        part.decompose()
    converter = MarkdownConverter(heading_style=ATX, escape_underscores=False, escape_asterisks=False)
    return Document(title, converter.convert_soup(content).strip())
