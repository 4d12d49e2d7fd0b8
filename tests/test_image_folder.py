"""`load_image_folder`: pictures in folders that are named by their labels."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import ImagePreprocessor, MNISTNormalizer, load_image_folder
from tests.estimators import small_classifier


@pytest.fixture
def make_folder(tmp_path):
    """Return a function that makes a folder with empty files, and returns its path."""

    def make(*files):
        for file in files:
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return make


def names_of(data, root):
    return [str(name).removeprefix(f"{root}/").replace("\\", "/") for name in data.filenames]


def test_pictures_are_sorted_by_label_and_by_name(make_folder):
    root = make_folder("10/b.png", "2/c.png", "10/a.jpg", "2/scans/d.png")
    data = load_image_folder(str(root))
    assert names_of(data, root) == ["2/c.png", "2/scans/d.png", "10/a.jpg", "10/b.png"]
    assert_array_equal(data["target"], [2, 2, 10, 10], strict=True)
    assert_array_equal(data.target_names, ["2", "10"], strict=True)
    assert data.data is data.filenames
    assert str(root) in data.DESCR


def test_return_x_y_returns_data_and_target(make_folder):
    root = make_folder("b/1.png", "a/2.png")
    data = load_image_folder(root)
    X, y = load_image_folder(root, return_X_y=True)
    assert_array_equal(X, data.data, strict=True)
    assert_array_equal(y, data.target, strict=True)
    assert data.target_names.tolist() == ["a", "b"]


@pytest.mark.parametrize("names", [["0", "a"], ["07", "7"], ["1.5", "2"], ["٣", "4"]])
def test_labels_are_strings_unless_all_are_integers(make_folder, names):
    data = load_image_folder(make_folder(*(f"{name}/picture.png" for name in names)))
    assert data.target.tolist() == sorted(names)


def test_hidden_files_and_folders_are_ignored(make_folder):
    hidden = [".git/config", "1/.DS_Store", "1/._a.png", "1/Thumbs.db", "1/.cache/b.png", "0/desktop.ini"]
    root = make_folder("0/a.png", "1/a.png", "notes.txt", *hidden)
    assert names_of(load_image_folder(root), root) == ["0/a.png", "1/a.png"]


def test_a_folder_inside_a_hidden_one_is_read(make_folder):
    root = make_folder(".digits/0/a.png", ".digits/1/a.png")
    assert load_image_folder(root / ".digits").target.tolist() == [0, 1]


def test_pipeline_is_fitted_on_the_pictures(tmp_path, digits):
    images, y = digits
    for i in range(20):
        (tmp_path / str(y[i])).mkdir(exist_ok=True)
        pixels = (255 * images[i, ..., 0]).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / str(y[i]) / f"{i}.png")
    data = load_image_folder(tmp_path)
    model = make_pipeline(MNISTNormalizer(), ImagePreprocessor(), small_classifier(epochs=1))
    model.fit(data.filenames, data.target)
    assert_array_equal(model.classes_, np.arange(10))
    assert model.predict(data.filenames[data.target == 3]).shape == (2,)


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ([], ValueError, "path must be a folder with one subfolder for each label, got .* no subfolders"),
        (["a.png"], ValueError, "path must be a folder with one subfolder for each label, got "),
        (["0/a.png", "1/.a.png", "2/.b"], ValueError, re.escape("with empty subfolders ['1', '2']. Add")),
    ],
)
def test_folders_without_pictures_are_refused(make_folder, files, error, message):
    with pytest.raises(error, match=message):
        load_image_folder(make_folder(*files))


def test_wrong_paths_are_refused(make_folder):
    root = make_folder("0/a.png")
    for path in (root / "missing", root / "0" / "a.png"):
        with pytest.raises(FileNotFoundError, match=f"path must be an existing folder, got .*{path.name}"):
            load_image_folder(path)
    with pytest.raises(TypeError, match="path must be a str or a PathLike, got None"):
        load_image_folder(None)
