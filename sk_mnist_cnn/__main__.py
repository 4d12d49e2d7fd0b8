"""Command line: print the digits in picture files, recognized by the pretrained network or a saved model."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline, make_pipeline

from ._mnist_models import split_normalizer
from ._pieces import load_detector
from ._pictures.mnist_format import normalize_digit
from ._pictures.reading import MAX_SIDE, Page, read_page, reduce_gray
from .normalization import MNISTNormalizer
from .persistence import load_model
from .pretrained import load_pretrained
from .reading import ReadDigits, read_decoded

_DPI = 200  # of the file that --save writes


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, and return the exit status: 1 if a picture could not be recognized."""
    options = _parse(arguments)
    model = _load(options.model)
    # The labels of other models need not be digits.
    detector = load_detector() if options.model is None else None
    status = 0
    for file in options.pictures:
        try:
            page = read_page(file, file)
            answer, digits = recognize(model, page, file, detector)
            if options.save:
                _save(page, digits, options.save)
        except (OSError, ValueError) as error:
            answer, status = {"file": file, "error": str(error)}, 1
        _print(answer, options.json)
    return status


def recognize(model: Any, page: Page, file: str, detector: Any = None) -> tuple[dict[str, Any], ReadDigits]:
    """Recognize the digits in one picture.

    Parameters
    ----------
    model : Pipeline
        Its first step is a `MNISTNormalizer`, and its last step a fitted classifier.
    page : Page
        The picture.
    file : str
        Its path.
    detector : ImageNoveltyDetector or None, default=None
        Fitted on images in MNIST's format.

    Returns
    -------
    answer : dict
        The file, and either the label of a single digit, its probability, and with a detector `is_digit`,
        which is False for outliers; or the text of each line, and the label, probability, line and box of
        each digit.
    digits : ReadDigits
        Result of :func:`read_digits`.

    Raises
    ------
    ValueError
        If the picture shows no ink.
    """
    normalizer, classifier = split_normalizer(model)
    digits = read_decoded(normalizer, classifier, page, file)
    if len(digits.labels) > 1:
        return {"file": file, "lines": digits.lines, "digits": _as_dicts(digits)}, digits
    # As model[0].transform([gray]) does, but without its warnings, which the answers below replace.
    gray = reduce_gray(page.gray, MAX_SIDE)
    image = normalize_digit(gray, model[0].size, model[0].box, model[0].invert)[np.newaxis]
    if not image.any():
        raise ValueError(
            f"{file} must show a digit on plain paper, got no ink. Write the digit darker or larger."
        )
    probabilities = model[1:].predict_proba(image)[0]
    best = probabilities.argmax()
    label = model.classes_[best : best + 1].tolist()[0]  # a number or str of Python, which JSON needs
    answer = {"file": file, "label": label, "probability": float(probabilities[best])}
    if detector is not None:
        answer["is_digit"] = bool(detector.predict(image)[0] > 0)
    return answer, digits


def _as_dicts(digits):
    """Return the label, probability, line and box of each digit, for JSON."""
    names = "label", "probability", "line", "box"
    columns = digits.labels, digits.probabilities.max(axis=1).astype(float), digits.line, digits.boxes
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def _save(page, digits, path):
    """Write the picture with a box and a label around each digit."""
    from .plotting import ReadingDisplay

    ReadingDisplay(page.gray, digits, shape=page.shape).plot().figure_.savefig(path, dpi=_DPI)


def _parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m sk_mnist_cnn",
        description="Print the digits in each picture: a single one with its probability, several as lines.",
        epilog="If a picture cannot be recognized, the others still are, and the exit status is 1.",
    )
    parser.add_argument(
        "pictures", nargs="+", metavar="picture", help="BMP, GIF, JPEG, PNG, PPM, TIFF or WEBP"
    )
    parser.add_argument(
        "--model",
        type=Path,
        help="file saved by save_model, for images in MNIST's format (default: the model of load_pretrained)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per picture and line")
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        help="write the picture with boxes, for example as PNG",
    )
    options = parser.parse_args(arguments)
    if options.save and len(options.pictures) > 1:
        parser.error(f"argument --save: requires a single picture, got {len(options.pictures)}")
    return options


def _load(path):
    """Return a model for pictures: a pipeline that starts with a `MNISTNormalizer`."""
    if path is None:
        return make_pipeline(MNISTNormalizer(), load_pretrained())
    try:
        model = load_model(path)
    except (OSError, ValueError) as error:
        raise SystemExit(f"Cannot use --model {path}: {error}") from error
    if not hasattr(model, "predict_proba"):
        raise SystemExit(f"Cannot use --model {path}: it must hold a fitted classifier, got {model!r}.")
    has_normalizer = isinstance(model, Pipeline) and isinstance(model[0], MNISTNormalizer)
    return model if has_normalizer else make_pipeline(MNISTNormalizer(), model)


def _print(answer, as_json):
    if as_json:
        print(json.dumps(answer), flush=True)
    elif "error" in answer:
        print(answer["error"], file=sys.stderr, flush=True)
    elif "lines" in answer:
        print(*(f"{answer['file']}: {line}" for line in answer["lines"]), sep="\n", flush=True)
    else:
        remark = "" if answer.get("is_digit", True) else ", possibly not a digit"
        print(f"{answer['file']}: {answer['label']} ({answer['probability']:.1%}){remark}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
