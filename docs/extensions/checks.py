"""What a build says at its end, and what it refuses: pictures that only some can see."""

import os

from docutils import nodes
from sphinx.util import logging

begun, took = {}, {}  # seconds of processors, by page
logger = logging.getLogger(__name__)


def require_alt_texts(app, doctree, docname):
    """Warn of pictures without words for those who do not see them."""
    for image in doctree.findall(nodes.image):
        if not image.get("alt"):
            logger.warning("a picture has no alt text: %s", image.get("uri"), location=docname)


def processor_seconds():
    """Return those of this process and of the kernels that have ended."""
    return sum(os.times()[:4])


def begin(app, docname, source):
    """Note where a page begins."""
    begun[docname] = processor_seconds()


def end(app, doctree):
    """Note what a page took, with its cells."""
    docname = app.env.current_document.docname
    took[docname] = processor_seconds() - begun[docname]


def print_seconds(app, error):
    """Print what each page took."""
    if error is None:
        for docname, seconds in sorted(took.items()):
            print(f"{seconds:6.1f} s  {docname}")
        print(f"{processor_seconds():6.1f} s  of processors in all")


def setup(app):
    """Connect them."""
    app.connect("source-read", begin)
    app.connect("doctree-read", end)
    app.connect("doctree-resolved", require_alt_texts)
    app.connect("build-finished", print_seconds)
    # Read in parallel, pages could not be told apart by what they take.
    return {"parallel_read_safe": False, "parallel_write_safe": True}
