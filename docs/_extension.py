"""What the documentation needs of its own: a conditional directive, a rule for examples, a last check."""

import re
from pathlib import Path

from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

# What a browser fetches by itself when it opens a page.
_FETCHED = re.compile(r'<(?:img|script|source|iframe|link)\b[^>]*?\b(?:src|href)="((?:https?:)?//[^"]+)')


class IfExists(SphinxDirective):
    """Content that is shown only where a file, named from the documentation's root, exists."""

    required_arguments = 1
    has_content = True

    def run(self):
        path = Path(self.env.srcdir, self.arguments[0])
        self.env.note_dependency(path)
        return self.parse_content_to_nodes() if path.is_file() else []


def as_a_module(gallery_conf, script_vars):
    """Have the gallery run an example as if imported, without what it does as a script: write files."""
    script_vars["example_globals"]["__name__"] = "example"
    return []


def check_self_contained(app, exception):
    """Refuse pages that would make a reader's browser ask another host."""
    if exception or app.builder.format != "html":
        return
    found = {
        f"{page.relative_to(app.outdir)}: {address}"
        for page in Path(app.outdir).rglob("*.html")
        for address in _FETCHED.findall(page.read_text(encoding="utf-8"))
    }
    if found:
        raise ExtensionError("Pages fetch from other hosts:\n" + "\n".join(sorted(found)))


def setup(app):
    app.add_directive("if-exists", IfExists)
    app.connect("build-finished", check_self_contained)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
