"""Pages from the repository's own Markdown, so that nothing is written twice.

In a page of this folder, the block

    ```{repository} README.md
    :section: Install
    ```

stands for that section of the file, without its heading; without `:section:`, for the whole file. Links
and pictures are made to fit: a link to a file that is a page here leads to the page, any other becomes the
file's name. Tables that are written from bench/results become cells that make them from the same results.
The text is put in before the page is parsed, so that its cells run and its headings are the page's.
"""

import os
import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# The pages that files of the repository are, or are a part of.
PAGES = {
    "README.md": "index",
    "CHANGELOG.md": "contributing/changelog",
    "src/README.md": "contributing/design",
    "src/kernels/README.md": "contributing/c_library",
    "tests/README.md": "contributing/promises",
    "bench/README.md": "benchmarks",
    "docs/README.md": "contributing/pages",
    ".ci/README.md": "contributing/checks",
    ".github/SECURITY.md": "contributing/security",
}
BLOCK = re.compile(r"^```\{repository\} (\S+)\n(?::section: (.+)\n)?```$", re.MULTILINE)
LINK = re.compile(r"(!?)\[((?:[^]\[]|\[[^]]*\])*)\]\((?!\w+:)([^)#\s]*)(#[^)\s]*)?\)")
TABLE = re.compile(r"<!-- table: ([\w -]+) -->.*?<!-- /table -->", re.DOTALL)
CELL = """```{{code-cell}} ipython3
:tags: [remove-input]

from repository_facts import table

table("{0}")
```"""


def section_of(text, heading):
    """Return what is under a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,6}} |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"there is no section {heading!r}")
    level = len(found[1])
    rest = text[found.start(2) :]
    end = re.search(rf"^#{{1,{level}}} ", without_code(rest), re.MULTILINE)
    return rest[: end.start()] if end else rest


def without_code(text):
    """Return `text` with its blocks of code blanked out: a comment of a shell begins like a heading."""
    return re.sub(
        r"^```.*?^```", lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=re.MULTILINE | re.DOTALL
    )


def relinked(text, file, docname):
    """Return `text` of the repository's `file` with links and pictures as page `docname` needs them."""
    folder, page_folder = posixpath.dirname(file), posixpath.dirname(docname) or "."

    def replacement(found):
        picture, words, target, anchor = found[1], found[2], found[3], found[4] or ""
        path = posixpath.normpath(posixpath.join(folder, target)) if target else file
        if picture:
            return f"![{words}]({posixpath.relpath(posixpath.join('..', path), page_folder)})"
        if path in PAGES:
            if PAGES[path] == docname:
                return f"[{words}]({anchor})" if anchor else words
            # The home page has only some sections of README.md.
            anchor = "" if path == "README.md" else anchor
            return f"[{words}]({posixpath.relpath(PAGES[path], page_folder)}.md{anchor})"
        words = words.replace("`", "")
        return f"`{path}`" if path.endswith(words) else f"{words} (`{path}`)"

    return LINK.sub(replacement, text)


def insert(app, docname, source):
    """Replace each block of a page by the text that it stands for."""

    def replacement(found):
        file, section = found[1], found[2]
        path = ROOT / file
        app.env.note_included(os.fspath(path))
        text = path.read_text(encoding="utf-8")
        if section:
            text = section_of(text, section)
        text = TABLE.sub(lambda table: CELL.format(table[1]), text)
        return relinked(text, file, docname).strip()

    source[0] = BLOCK.sub(replacement, source[0])


def setup(app):
    """Insert into each page as it is read."""
    app.connect("source-read", insert)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
