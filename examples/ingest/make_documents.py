"""Make a folder of documents out of the standard library's docstrings: the same folder every time, on one Python.

A third of the articles is written in Markdown, a third in HTML; of the last third the inbox holds only the first words,
and the website the whole page. With flaws, one article in ten also comes as a copy, as the same text in the other
form, as an empty file, as bytes that are no text, and as a teaser whose page is missing.
"""

from __future__ import annotations

import ast
import hashlib
import html
import inspect
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from .documents import INBOX, SITE

WEBSITE = "https://library.example"
ENOUGH = 900  # characters of documentation: an article is worth reading, and no teaser
SECTIONS = 24
FLAWED = 10  # one in so many
FORMS = ("markdown", "html", "teaser")
_INDENTED = re.compile(r"^(?: {2,}|>>> )")


@dataclass(frozen=True)
class Article:
    """The documentation of one module."""

    name: str
    sections: list[tuple[str, str]]  # heading, docstring

    @property
    def title(self) -> str:
        """The title, with the module's first line."""
        return f"{self.name}: {self.sections[0][1].split(chr(10), 1)[0].strip()}"

    @property
    def form(self) -> str:
        """One of `FORMS`, whatever other articles there are."""
        return FORMS[_digest(self.name)[-1] % len(FORMS)]

    @property
    def file(self) -> str:
        """What it is called in the inbox."""
        return f"{self.name}.html" if self.form == "html" else f"{self.name}.md"


def make_documents(folder: Path, articles: int | None = None, *, flaws: bool = True) -> int:
    """Fill `folder`; return how many articles there are.

    Args:
        articles: at most so many; None: all there are.

    Raises:
        FileExistsError: there is something in the folder already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    for name in (INBOX, SITE):
        (folder / name).mkdir(parents=True, exist_ok=True)
    chosen = list(islice(library_articles(), articles))
    for position, article in enumerate(chosen):
        _write_article(folder, article)
        if flaws and position % FLAWED == 0:
            _write_flaws(folder / INBOX, article)
    return len(chosen)


def library_articles() -> Iterator[Article]:
    """Yield an article for each documented module at the top of the library, mixed."""
    library = Path(sysconfig.get_path("stdlib"))
    names = [path.stem for path in library.glob("[a-z]*.py")]
    for name in sorted(names, key=_digest):
        sections = list(islice(_sections(name, ast.parse((library / f"{name}.py").read_bytes())), SECTIONS))
        if sections and sections[0][0] == name and sum(len(text) for _, text in sections) >= ENOUGH:
            yield Article(name, sections)


def _sections(name: str, tree: ast.Module | ast.ClassDef) -> Iterator[tuple[str, str]]:
    if text := _docstring(tree):
        yield name, text
    for child in tree.body:
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from _sections(child.name, child)
        elif isinstance(child, ast.FunctionDef) and not child.name.startswith("_") and (text := _docstring(child)):
            yield f"{tree.name}.{child.name}" if isinstance(tree, ast.ClassDef) else child.name, text


def _docstring(definition: ast.Module | ast.ClassDef | ast.FunctionDef) -> str:
    return inspect.cleandoc(ast.get_docstring(definition) or "").strip()


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _write_article(folder: Path, article: Article) -> None:
    if article.form == "teaser":
        _write(folder / SITE / f"{article.name}.html", as_html(article))
        text = as_teaser(article, article.name)
    else:
        text = as_html(article) if article.form == "html" else as_markdown(article)
    _write(folder / INBOX / article.file, text)


def _write_flaws(inbox: Path, article: Article) -> None:
    original = inbox / article.file
    _write(inbox / "copies" / f"{article.name}-2{original.suffix}", original.read_text(encoding="utf-8"))
    if article.form == "html":
        _write(inbox / "copies" / f"{article.name}.md", as_markdown(article))
    elif article.form == "markdown":
        _write(inbox / "copies" / f"{article.name}.html", as_html(article))
    _write(inbox / "empty" / f"{article.name}.html", "<html><body><nav>Home | Search</nav></body></html>\n")
    _write(inbox / "dead" / f"{article.name}.md", as_teaser(article, f"{article.name}-has-moved"))
    broken = inbox / "broken" / f"{article.name}.md"
    broken.parent.mkdir(exist_ok=True)
    broken.write_bytes(as_markdown(article).encode()[:400] + b"\xff\xfe\x00 cut off")


def as_markdown(article: Article) -> str:
    """Return an article as Markdown, with its title in front."""
    parts = [f"---\ntitle: {article.title}\n---"]
    for level, (heading, text) in enumerate(article.sections):
        parts.append(f"{'#' if level == 0 else '##'} {heading}")
        parts.extend(f"```\n{text}\n```" if is_code else text for is_code, text in _paragraphs(text))
    return "\n\n".join(parts) + "\n"


def as_html(article: Article) -> str:
    """Return an article as a page of a website: with a navigation, a script and a footer, which are no content."""
    parts = []
    for level, (heading, text) in enumerate(article.sections):
        tag = "h1" if level == 0 else "h2"
        parts.append(f"<{tag}>{html.escape(heading)}</{tag}>")
        for is_code, paragraph in _paragraphs(text):
            escaped = html.escape(paragraph)
            parts.append(f"<pre>{escaped}</pre>" if is_code else f"<p>{escaped}</p>")
    content = "\n".join(parts)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{html.escape(article.title)}</title>\n'
        f"<script>track('{article.name}')</script></head>\n<body>\n<nav>Home | Modules | Search</nav>\n"
        f"<main>\n{content}\n</main>\n<footer>Made of docstrings.</footer>\n</body>\n</html>\n"
    )


def as_teaser(article: Article, page: str) -> str:
    """Return the first words of an article as Markdown, and where the rest is."""
    beginning = article.sections[0][1][:200].strip()
    return f"---\ntitle: {article.name}\nsource: {WEBSITE}/{page}.html\n---\n\n{beginning} …\n"


def _paragraphs(text: str) -> Iterator[tuple[bool, str]]:
    """Yield (is code, text) for each paragraph of a docstring; what is indented counts as code."""
    for paragraph in re.split(r"\n\s*\n", text):
        if paragraph.strip():
            yield bool(_INDENTED.match(paragraph)), paragraph.rstrip()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
