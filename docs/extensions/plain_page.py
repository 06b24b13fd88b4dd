"""The page in plain JavaScript, docs/backward_pass, copied into the site as it is."""

import shutil
from pathlib import Path

from sphinx.util import logging

FOLDER = Path(__file__).resolve().parent.parent / "backward_pass"

logger = logging.getLogger(__name__)


def check(app):
    """Warn if the page that others link to is not there."""
    if not (FOLDER / "index.html").exists():
        logger.warning("docs/backward_pass/index.html is missing")


def copy(app, error):
    """Copy the folder beside the pages."""
    if error is None and FOLDER.is_dir():
        shutil.copytree(FOLDER, Path(app.outdir, FOLDER.name), dirs_exist_ok=True)


def setup(app):
    """Check before the build, copy after it."""
    app.connect("builder-inited", check)
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
