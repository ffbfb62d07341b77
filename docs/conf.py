"""How `make docs` builds the site: Sphinx reads docs/ and the documents beside README.md; a warning is an error.

The site needs no network: nothing on its pages is loaded from elsewhere. Its navigation is docs/index.md, whose lists a
reader of the files sees as they are: each heading there is a part of the site, and each link below it one of its pages.
"""

import re
import tomllib
from pathlib import Path

from pygments.lexers.special import TextLexer

HERE = Path(__file__).parent
PACKAGE = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]

project = PACKAGE["name"].capitalize()
version = release = PACKAGE["version"]
html_title = f"{project} {version}"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["docs/**", "*.md"]
exclude_patterns = ["docs/conf.py"]
myst_heading_anchors = 4
html_theme = "furo"
html_extra_path = ["start"]
html_show_copyright = False
html_copy_source = False
nitpicky = True
smartquotes = False  # two hyphens are an option, and no dash


def with_navigation(app, document, source):
    """Make of each list of an index the part of the navigation that its heading names."""
    if Path(document).name != "index":
        return
    for heading, text in re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", source[0], re.MULTILINE):
        links = re.findall(r"^- \[(.+?)\]\((\S+?)\.md\)", text, re.MULTILINE)
        entries = "\n".join(f"{title} </{(Path(document).parent / path).as_posix()}>" for title, path in links)
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{entries}\n```\n".replace("/docs/../", "/")


def setup(app):
    """Sphinx calls this. A picture in Mermaid's words, which GitHub draws, stays words here."""
    app.add_lexer("mermaid", TextLexer)
    app.connect("source-read", with_navigation)
