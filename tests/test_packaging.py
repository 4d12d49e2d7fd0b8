"""The files that describe the project agree: version, addresses, and the README as it appears on PyPI.

They are compared as they are after the publication, see `publishing`.
"""

import re
import tomllib

import pytest

from tests.publishing import FILES, ROOT, published


def read(file):
    return published((ROOT / file).read_text(encoding="utf-8"))


PYPROJECT = tomllib.loads(read("pyproject.toml"))
PROJECT = PYPROJECT["project"]


def test_citation_and_changelog_have_the_version_of_the_package():
    citation = read("CITATION.cff")
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1] == PROJECT["version"]
    released = re.search(r"^date-released: (.+)$", citation, re.MULTILINE)[1]
    assert re.search(r"^## \[(\d.*)\] - (.+)$", read("CHANGELOG.md"), re.MULTILINE).groups() == (
        PROJECT["version"],
        released,
    )


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_addresses_of_the_project_are_those_of_its_urls(file):
    text = read(file)
    urls = PROJECT["urls"]
    for owner in re.findall(r"https://(?:raw\.githubusercontent|github)\.com/([\w-]+)/sk_mnist_cnn", text):
        assert f"https://github.com/{owner}/sk_mnist_cnn" == urls["Source"]
    for page in re.findall(r"https://[\w-]*mnist[\w-]*\.readthedocs\.io", text):
        assert urls["Documentation"].startswith(f"{page}/")


def test_links_of_readme_are_absolute_on_pypi():
    page = read("README.md")
    hook = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    for rule in hook["substitutions"]:
        page = re.sub(rule["pattern"], rule["replacement"], page)
    links = re.findall(r'(?:\]\(|src=")([^)"]+)', page)
    assert len(links) > 5
    assert all(link.startswith(("https://", "#")) for link in links), links
    images = re.findall(r'(?:!\[[^]]*\]\(|src=")([^)"]+)', page)
    assert len(images) >= 3
    assert all(image.startswith("https://raw.githubusercontent.com/") for image in images), images
