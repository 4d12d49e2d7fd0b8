"""What the files say before and after the publication."""

import re
import shutil
import tomllib

import pytest

from tests import publishing
from tests.publishing import FILES, ROOT, published, unpublished

# Of the repository of this package, of its documentation, and of its releases.
ADDRESSES = re.compile(r"\w+://(?:[\w.-]+/)*(?:[\w-]*mnist[\w-]*\.readthedocs|sk[_-]mnist[_-]cnn)\b")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_address_of_the_project_before(path):
    assert not ADDRESSES.findall(unpublished(path.read_text(encoding="utf-8")))


def test_package_has_no_address_of_the_project():
    """The addresses are in its metadata, from the publication on."""
    for path in sorted((ROOT / "sk_mnist_cnn").rglob("*.py")):
        assert not ADDRESSES.findall(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_text_has_both_marks_and_none_remains(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("<!-- unpublished -->\n") == text.count("<!-- published\n")
    for after in (published(text), unpublished(text)):
        assert not re.findall(r"^<!-- (?:un)?published|^ *# published|# unpublished$", after, re.MULTILINE)


def first_install_command(readme):
    return re.search(r"^pip install .*", readme, re.MULTILINE)[0]


def test_command_changes_readme_and_metadata(tmp_path, monkeypatch, capsys):
    copies = [tmp_path / path.relative_to(ROOT) for path in FILES]
    for path, copy in zip(FILES, copies, strict=True):
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    assert first_install_command(unpublished((tmp_path / "README.md").read_text())) == "pip install ."
    before = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]

    monkeypatch.setattr(publishing, "ROOT", tmp_path)
    monkeypatch.setattr(publishing, "FILES", copies)
    publishing.main()
    assert "changed README.md" in capsys.readouterr().out
    assert first_install_command((tmp_path / "README.md").read_text()) == "pip install sk_mnist_cnn"
    after = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    assert ("urls" in before, "urls" in after) == (False, True)
    added = set(after["classifiers"]) - set(before["classifiers"])
    assert added == {"Development Status :: 4 - Beta"}
