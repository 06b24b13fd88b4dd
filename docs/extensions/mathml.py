"""Formulas as MathML, which browsers show and screen readers read without a script or a network."""

from docutils.nodes import SkipNode
from docutils.utils.math import latex2mathml


def visit_math(self, node):
    """Write a formula within a line."""
    # A word joiner keeps a comma that follows on the same line.
    self.body.append(latex2mathml.tex2mathml(node.astext()) + "\u2060")
    raise SkipNode


def visit_displaymath(self, node):
    """Write a formula on a line of its own."""
    self.body.append('<div class="math">')
    self.body.append(latex2mathml.tex2mathml(node.astext(), as_block=True))
    self.body.append("</div>")
    raise SkipNode


def setup(app):
    """Register the renderer, and choose it."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
