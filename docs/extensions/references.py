"""Single backticks in docstrings: a link where the name is one of the API, otherwise code.

NumPy's style puts parameters and names of functions alike between single backticks. What begins with
``cbackprop.`` must exist: a link to nothing is a warning.
"""

import re

from sphinx.domains.python import PyXRefRole


def unlinked(app, env, node, contnode):
    """Leave a mention that is no name of the API as it is written."""
    is_mention = node.get("refdomain") == "py" and node.get("mention")
    return contnode if is_mention and not node["reftarget"].startswith("cbackprop.") else None


class Mention(PyXRefRole):
    """A link to what the name means here, if it means anything."""

    def process_link(self, env, refnode, has_explicit_title, title, target):
        refnode["mention"] = True
        refnode["reftype"] = "obj"
        return super().process_link(env, refnode, has_explicit_title, title, target)


def escape_bars(app, what, name, obj, options, lines):
    """Keep the bars of an absolute value from being taken for a substitution of reStructuredText."""
    lines[:] = [re.sub(r"(?<![\\`])\|(\w+)\|", r"\\|\1\\|", line) for line in lines]


def is_left_out(app, what, name, obj, skip, options):
    """Skip what another module's page documents, and what nobody has written a word about.

    That is: fields of a named tuple, which its signature has, and methods that scikit-learn generates.
    """
    module = getattr(obj, "__module__", None)
    page = app.env.current_document.autodoc_module
    if what == "module" and isinstance(module, str) and page and not module.startswith(page):
        return True
    if type(obj).__name__ == "_tuplegetter":
        return True
    if name == "get_metadata_routing" or (name.startswith("set_") and name.endswith("_request")):
        return True
    return skip


def setup(app):
    """Register the role, and what happens to names that mean nothing."""
    app.add_role_to_domain("py", "mention", Mention())
    app.connect("missing-reference", unlinked)
    app.connect("autodoc-process-docstring", escape_bars, priority=900)  # after numpydoc
    app.connect("autodoc-skip-member", is_left_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
