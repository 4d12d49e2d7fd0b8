"""The files that describe the project agree: version, addresses, and the README as it appears on PyPI."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
FILES = [
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "docs/conf.py",
    "pyproject.toml",
]


def test_citation_and_changelog_have_the_version_of_the_package():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1] == PROJECT["version"]
    released = re.search(r"^date-released: (.+)$", citation, re.MULTILINE)[1]
    assert re.search(r"^## \[(\d.*)\] - (.+)$", changelog, re.MULTILINE).groups() == (
        PROJECT["version"],
        released,
    )


@pytest.mark.parametrize("file", FILES)
def test_addresses_of_the_project_are_those_of_its_urls(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    urls = PROJECT["urls"]
    for owner in re.findall(r"https://(?:raw\.githubusercontent|github)\.com/([\w-]+)/sk_mnist_cnn", text):
        assert f"https://github.com/{owner}/sk_mnist_cnn" == urls["Source"]
    for page in re.findall(r"https://[\w-]*mnist[\w-]*\.readthedocs\.io", text):
        assert urls["Documentation"].startswith(f"{page}/")


def test_links_of_readme_are_absolute_on_pypi():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    hook = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    for rule in hook["substitutions"]:
        page = re.sub(rule["pattern"], rule["replacement"], page)
    links = re.findall(r'(?:\]\(|src=")([^)"]+)', page)
    assert len(links) > 5
    assert all(link.startswith(("https://", "#")) for link in links), links
    images = re.findall(r'(?:!\[[^]]*\]\(|src=")([^)"]+)', page)
    assert len(images) >= 3
    assert all(image.startswith("https://raw.githubusercontent.com/") for image in images), images
