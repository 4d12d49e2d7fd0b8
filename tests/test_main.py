"""`python -m sk_mnist_cnn`: the digits in picture files."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_mnist_cnn import ImagePreprocessor, MNISTNormalizer, load_mnist_sample, save_model
from sk_mnist_cnn.__main__ import main
from tests.estimators import small_classifier


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with photos of a 7 and of a 2, a blank page, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("pictures")
    mnist = load_mnist_sample()
    for digit, name in ((7, "seven.png"), (2, "two.jpg")):
        image = mnist.x_test[mnist.y_test == digit][0]
        Image.fromarray(np.pad(220 - image // 2, 20, constant_values=220)).resize((300, 300)).save(
            folder / name
        )
    Image.new("L", (100, 100), 230).save(folder / "blank.png")
    (folder / "notes.png").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def letters():
    """A pipeline for images in MNIST's format, whose labels are the letters "a" to "j"."""
    mnist = load_mnist_sample()
    X, y = mnist.x_train[:300], np.array(list("abcdefghij"))[mnist.y_train[:300]]
    classifier = small_classifier(epochs=6, optimizer="adam", learning_rate=0.01)
    return make_pipeline(ImagePreprocessor(), classifier).fit(X, y)


def test_command_answers(folder):
    command = [sys.executable, "-m", "sk_mnist_cnn", "seven.png", "two.jpg"]
    shown = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    seven, two = shown.stdout.splitlines()
    assert seven.startswith("seven.png: 7 (")
    assert seven.endswith("%)")
    assert two.startswith("two.jpg: 2 (")
    assert shown.stderr == ""


def test_bad_files_are_named_and_the_others_answered(folder, capsys):
    files = [str(folder / name) for name in ("missing.png", "notes.png", "blank.png", "seven.png")]
    assert main(files) == 1
    shown = capsys.readouterr()
    assert shown.out.startswith(f"{files[-1]}: 7 (")
    missing, notes, blank = shown.err.splitlines()
    assert "No such file" in missing
    assert "notes.png must be an intact picture" in notes
    assert "blank.png must show a digit on plain paper, got no ink" in blank


def test_json_has_one_object_per_picture(folder, capsys):
    files = [str(folder / name) for name in ("two.jpg", "missing.png")]
    assert main(["--json", *files]) == 1
    two, missing = map(json.loads, capsys.readouterr().out.splitlines())
    assert (two["file"], two["label"]) == (files[0], 2)
    assert 0.5 < two["probability"] <= 1
    assert two["is_digit"] is True
    assert missing["file"] == files[1]
    assert files[1] in missing["error"]


def test_pictures_that_show_no_digit_get_a_remark(folder, tmp_path, capsys):
    turned = str(tmp_path / "turned.png")
    Image.open(folder / "two.jpg").transpose(Image.Transpose.ROTATE_90).save(turned)
    assert main([turned, str(folder / "seven.png")]) == 0
    answer, of_digit = capsys.readouterr().out.splitlines()
    assert answer.endswith("%), possibly not a digit")
    assert of_digit.endswith("%)")
    assert main(["--json", turned]) == 0
    assert json.loads(capsys.readouterr().out)["is_digit"] is False


@pytest.mark.parametrize("with_normalizer", [False, True])
def test_model_of_the_user_answers(folder, letters, tmp_path, capsys, with_normalizer):
    model = make_pipeline(MNISTNormalizer(), *letters) if with_normalizer else letters
    save_model(model, tmp_path / "letters.skops")
    picture = str(folder / "seven.png")
    assert main([picture, "--json", "--model", str(tmp_path / "letters.skops")]) == 0
    answer = json.loads(capsys.readouterr().out)
    image = MNISTNormalizer().transform([picture])
    assert "is_digit" not in answer
    assert answer["label"] == letters.predict(image)[0]
    assert answer["probability"] == pytest.approx(letters.predict_proba(image).max())


def test_unusable_models_are_refused(folder, tmp_path):
    path, picture = tmp_path / "model.skops", str(folder / "seven.png")
    with pytest.raises(SystemExit, match=r"Cannot use --model .*model\.skops: .*No such file"):
        main([picture, "--model", str(path)])
    path.write_bytes(b"no model")
    with pytest.raises(SystemExit, match=r"Cannot use --model .*model\.skops: path must be an intact file"):
        main([picture, "--model", str(path)])
    save_model(StandardScaler(), path)
    with pytest.raises(SystemExit, match=r"it must hold a fitted classifier, got StandardScaler\(\)"):
        main([picture, "--model", str(path)])


@pytest.fixture(scope="module")
def page(folder):
    """The path of a picture with two lines of digits, and its text."""
    mnist = load_mnist_sample()
    picture = np.full((160, 240), 255, np.uint8)
    for i, image in enumerate(mnist.x_test[:5]):
        top, left = (20, 100)[i > 2], 20 + 50 * (i % 3)
        picture[top : top + 28, left : left + 28] -= image
    Image.fromarray(picture).save(folder / "page.png")
    text = "".join(map(str, mnist.y_test[:5]))
    return str(folder / "page.png"), [text[:3], text[3:]]


def test_lines_of_a_page(folder, page, capsys):
    path, lines = page
    assert main([path, str(folder / "seven.png")]) == 0
    *shown, seven = capsys.readouterr().out.splitlines()
    assert shown == [f"{path}: {line}" for line in lines]
    assert "7 (" in seven


def test_json_of_a_page(page, capsys):
    path, lines = page
    assert main(["--json", path]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["file"], answer["lines"]) == (path, lines)
    assert "".join(str(digit["label"]) for digit in answer["digits"]) == "".join(lines)
    assert [digit["line"] for digit in answer["digits"]] == [0, 0, 0, 1, 1]
    assert all(0 < digit["probability"] <= 1 and len(digit["box"]) == 4 for digit in answer["digits"])


def test_saves_the_picture_with_boxes(folder, page, tmp_path, capsys):
    path, _ = page
    assert main([path, "--save", str(tmp_path / "read.png")]) == 0
    with Image.open(tmp_path / "read.png") as saved:
        assert min(saved.size) > 500
        assert np.ptp(np.asarray(saved.convert("RGB")), axis=-1).max() > 50  # it has colors
    assert main([path, "--save", str(tmp_path / "read.xyz")]) == 1
    assert "xyz" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([path, str(folder / "seven.png"), "--save", str(tmp_path / "both.png")])
    assert "requires a single picture, got 2" in capsys.readouterr().err


def test_a_picture_is_decoded_once(page, tmp_path, monkeypatch, capsys):
    opened, open_image = [], Image.open

    def open_and_count(file, *args, **kwargs):
        opened.append(file)
        return open_image(file, *args, **kwargs)

    monkeypatch.setattr(Image, "open", open_and_count)
    assert main([page[0], "--save", str(tmp_path / "read.png")]) == 0
    assert len(opened) == 1
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_boxes_are_in_pixels_of_a_large_picture(page, tmp_path, capsys):
    path, large = page[0], str(tmp_path / "large.png")
    with Image.open(path) as picture:
        picture.resize((20 * picture.width, 20 * picture.height), Image.Resampling.NEAREST).save(large)
    assert main(["--json", path, large]) == 0
    small, large = (
        [digit["box"] for digit in json.loads(line)["digits"]]
        for line in capsys.readouterr().out.splitlines()
    )
    assert np.abs(np.array(large) - 20 * np.array(small)).max() <= 60
