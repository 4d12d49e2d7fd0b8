"""`python -m sk_mnist_cnn`: the numbers in picture files."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_mnist_cnn import (
    ImagePreprocessor,
    MNISTNormalizer,
    load_mnist_sample,
    load_pretrained,
    read_digits,
    save_model,
)
from sk_mnist_cnn.__main__ import main
from tests.estimators import small_classifier
from tests.pages import write_page

LINES = ["352", "97"]  # of the page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with photos of a 7 and of a 2, a page, a blank page, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("pictures")
    mnist = load_mnist_sample()
    for digit, name in ((7, "seven.png"), (2, "two.jpg")):
        image = mnist.x_test[mnist.y_test == digit][0]
        Image.fromarray(np.pad(220 - image // 2, 20, constant_values=220)).resize((300, 300)).save(
            folder / name
        )
    Image.fromarray(write_page(*LINES).picture).save(folder / "page.png")
    Image.new("L", (100, 100), 230).save(folder / "blank.png")
    (folder / "notes.png").write_text("no picture")
    return folder


@pytest.fixture
def inside(folder, monkeypatch):
    """The folder as the working directory."""
    monkeypatch.chdir(folder)


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


@pytest.mark.usefixtures("inside")
def test_bad_files_are_named_and_the_others_read(capsys):
    assert main(["missing.png", "notes.png", "seven.png", "blank.png"]) == 1
    shown = capsys.readouterr()
    seven, blank = shown.out.splitlines()
    assert seven.startswith("seven.png: 7 (")
    assert blank == "blank.png: no digits"
    missing, notes = shown.err.splitlines()
    assert "No such file" in missing
    assert "notes.png must be an intact picture" in notes


def test_any_name_of_a_file_is_read_and_printed(folder, tmp_path):
    names = [b"~odd.png", b"new\nline.png", b"no\xfftext.png", "größe.png".encode()]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes((folder / "seven.png").read_bytes())
    command = [sys.executable, "-m", "sk_mnist_cnn", *names]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    shown = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, env=environment)
    answers = shown.stdout.decode("ascii").splitlines()
    assert len(answers) == 4
    assert answers[0].startswith("~odd.png: 7 (")
    assert all(": 7 (" in answer for answer in answers)


@pytest.mark.usefixtures("inside")
def test_json_has_one_object_per_page(capsys):
    assert main(["--json", "page.png", "missing.png"]) == 1
    page, missing = map(json.loads, capsys.readouterr().out.splitlines())
    expected = read_digits(load_pretrained(), "page.png")
    assert (page["file"], page["page"], page["lines"]) == ("page.png", 0, LINES)
    assert "".join(str(digit["label"]) for digit in page["digits"]) == "".join(LINES)
    assert [digit["box"] for digit in page["digits"]] == expected.boxes.tolist()
    assert [digit["line"] for digit in page["digits"]] == [0, 0, 0, 1, 1]
    for found, number in zip(page["numbers"], expected.numbers, strict=True):
        assert (found["text"], found["candidates"]) == (number.text, dict(number.candidates))
        assert found["confidence"] == pytest.approx(number.confidence)
    assert missing["file"] == "missing.png"
    assert "missing.png" in missing["error"]


@pytest.mark.usefixtures("inside")
def test_lines_of_a_page(capsys):
    assert main(["page.png"]) == 0
    answers = capsys.readouterr().out.splitlines()
    assert [answer.partition(" (")[0] for answer in answers] == [f"page.png: {line}" for line in LINES]


def test_all_pages_of_a_file_are_read(folder, tmp_path, capsys):
    seven, page = (Image.open(folder / name).convert("L") for name in ("seven.png", "page.png"))
    seven.save(tmp_path / "scan.tif", save_all=True, append_images=[page])
    assert main([str(tmp_path / "scan.tif")]) == 0
    answers = [line.split(": ")[1].split(" ")[0] for line in capsys.readouterr().out.splitlines()]
    assert answers == ["7", *LINES]


@pytest.mark.usefixtures("inside")
def test_regions_and_table(tmp_path, capsys):
    regions = {"upper": [0, 0, 110, 300], "lower": [110, 0, 288, 300]}
    (tmp_path / "fields.json").write_text(json.dumps(regions), "utf-8-sig")  # as some editors do
    parameters = ["--regions", str(tmp_path / "fields.json"), "--csv", str(tmp_path / "table.csv")]
    assert main(["page.png", *parameters]) == 0  # this table is replaced
    capsys.readouterr()
    assert main(["page.png", "page.png", "missing.png", *parameters]) == 1
    answers = capsys.readouterr().out.splitlines()
    assert [answer.partition(" (")[0] for answer in answers[:2]] == [
        f"page.png: {name}: {line}" for name, line in zip(regions, LINES, strict=True)
    ]
    with open(tmp_path / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["region"], row["text"]) for row in rows] == 2 * [
        ("page.png", name, line) for name, line in zip(regions, LINES, strict=True)
    ]
    assert all(0 < float(row["confidence"]) <= 1 for row in rows)


def test_no_picture_is_replaced(folder, tmp_path, capsys):
    contents = {name: (folder / name).read_bytes() for name in ("seven.png", "page.png")}
    paths = [tmp_path / name for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        path.write_bytes(content)
    pictures = [*map(str, paths)]
    with pytest.raises(SystemExit):
        main(["--csv", *pictures])
    assert "argument --csv: " in capsys.readouterr().err
    for save in ([pictures[0], "--save", pictures[0]], [*pictures, "--save", str(tmp_path)]):
        assert main(save) == 1
        assert "--save would replace the picture" in capsys.readouterr().err
    assert [path.read_bytes() for path in paths] == [*contents.values()]


@pytest.mark.usefixtures("inside")
def test_candidates(tmp_path, capsys):
    (tmp_path / "numbers.txt").write_text(f"{LINES[0]}\n{LINES[1]}\n77\n", "utf-8-sig")
    parameters = ["--candidates", str(tmp_path / "numbers.txt"), "--csv", str(tmp_path / "table.csv")]
    assert main(["page.png", *parameters]) == 0
    assert [answer.split()[1] for answer in capsys.readouterr().out.splitlines()] == LINES
    with open(tmp_path / "table.csv", newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)] == LINES


@pytest.mark.parametrize("with_normalizer", [False, True])
def test_model_of_the_user_answers(folder, letters, tmp_path, capsys, with_normalizer):
    model = make_pipeline(MNISTNormalizer(), *letters) if with_normalizer else letters
    save_model(model, tmp_path / "letters.skops")
    picture = str(folder / "seven.png")
    assert main([picture, "--json", "--model", str(tmp_path / "letters.skops")]) == 0
    (digit,) = json.loads(capsys.readouterr().out)["digits"]
    image = MNISTNormalizer().transform([picture])
    assert digit["label"] == letters.predict(image)[0]
    assert digit["probability"] == pytest.approx(letters.predict_proba(image).max())


def test_wrong_use(folder, tmp_path, capsys):
    path, picture = tmp_path / "model.skops", str(folder / "seven.png")

    def assert_refused(message, *parameters):
        with pytest.raises(SystemExit) as refused:
            main([picture, *parameters])
        assert refused.value.code == 2
        assert message in capsys.readouterr().err

    assert_refused("No such file", "--model", str(path))
    path.write_bytes(b"no model")
    assert_refused("path must be an intact file", "--model", str(path))
    save_model(StandardScaler().fit(np.eye(4)), path)
    assert_refused("estimator must be a classifier", "--model", str(path))
    (tmp_path / "fields.json").write_text("[")
    assert_refused("Expecting value", "--regions", str(tmp_path / "fields.json"))
    (tmp_path / "fields.json").write_text("[" * 100_000)
    assert_refused("argument --regions: ", "--regions", str(tmp_path / "fields.json"))
    (tmp_path / "numbers.txt").write_bytes(b"\xff12")
    assert_refused("argument --candidates: ", "--candidates", str(tmp_path / "numbers.txt"))
    missing = str(tmp_path / "missing" / "file")
    for option in ("--model", "--regions", "--candidates", "--csv"):
        assert_refused(f"argument {option}: ", option, missing)
    assert_refused("argument --save: ", picture, "--save", str(path / "figures"))


def test_help_has_two_examples(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.count("  python -m sk_mnist_cnn ") == 2


@pytest.mark.usefixtures("inside")
def test_saves_the_pictures_with_numbers(folder, tmp_path, capsys):
    assert main(["page.png", "--save", str(tmp_path / "read.png")]) == 0
    with Image.open(tmp_path / "read.png") as saved:
        assert min(saved.size) > 500
        assert np.ptp(np.asarray(saved.convert("RGB")), axis=-1).max() > 50  # it has colors
    assert main(["page.png", "--save", str(tmp_path / "read.xyz")]) == 1
    shown = capsys.readouterr()
    assert "xyz" in shown.err
    assert LINES[0] in shown.out  # the reading is not lost
    assert main(["page.png", str(folder / "page.png"), "--save", str(tmp_path / "all")]) == 0
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["page-1.png", "page.png"]


def test_boxes_are_in_pixels_of_a_large_picture(folder, tmp_path, capsys):
    path, large = str(folder / "page.png"), str(tmp_path / "large.png")
    with Image.open(path) as picture:
        picture.resize((20 * picture.width, 20 * picture.height), Image.Resampling.NEAREST).save(large)
    assert main(["--json", path, large]) == 0
    small, large = (
        [digit["box"] for digit in json.loads(line)["digits"]]
        for line in capsys.readouterr().out.splitlines()
    )
    assert np.abs(np.array(large) - 20 * np.array(small)).max() <= 20 * 8
