"""Change README, documentation and metadata to those of a published package: `python -m tests.publishing`.

Text that is true only before the publication is marked as "unpublished". Text that is true only after it,
such as addresses that do not exist yet, is in comments that start with "published".
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = [
    ROOT / "CITATION.cff",
    ROOT / "pyproject.toml",
    *sorted(ROOT.glob("*.md")),
    *sorted(path for path in ROOT.glob("docs/**/*.md") if "_build" not in path.parts),
]
MARKDOWN = re.compile(r"<!-- unpublished -->\n(.*?)<!-- published\n(.*?)-->\n", re.DOTALL)


def published(text):
    """Return the text of a file after the publication."""
    text = MARKDOWN.sub(r"\2", text)
    text = re.sub(r"^.*# unpublished\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^( *)# published: ", r"\1", text, flags=re.MULTILINE)


def unpublished(text):
    """Return the text of a file before the publication, without marks and comments."""
    text = MARKDOWN.sub(r"\1", text)
    text = re.sub(r" *# unpublished$", "", text, flags=re.MULTILINE)
    return re.sub(r"^ *# published: .*\n", "", text, flags=re.MULTILINE)


def main():
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        if published(text) != text:
            path.write_text(published(text), encoding="utf-8")
            print(f"changed {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
