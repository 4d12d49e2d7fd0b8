"""Command line: print the digits in picture files, recognized by the pretrained network or a saved model."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from sklearn.pipeline import Pipeline, make_pipeline

from ._pillow.reading import read_gray
from .normalization import MNISTNormalizer
from .persistence import load_model
from .pretrained import load_pretrained


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, and return the exit status: 1 if a picture could not be recognized."""
    options = _parse(arguments)
    model = _load(options.model)
    # The labels of other models need not be digits.
    detector = load_pretrained("mnist_novelty") if options.model is None else None
    status = 0
    for file in options.pictures:
        try:
            answer = recognize(model, file, detector)
        except (OSError, ValueError) as error:
            answer, status = {"file": file, "error": str(error)}, 1
        _print(answer, options.json)
    return status


def recognize(model: Any, file: str, detector: Any = None) -> dict[str, Any]:
    """Recognize the digit in one picture file.

    Parameters
    ----------
    model : Pipeline
        Its first step is a `MNISTNormalizer`, and its last step a fitted classifier.
    file : str
        Path of the picture.
    detector : ImageNoveltyDetector or None, default=None
        Fitted on images in MNIST's format.

    Returns
    -------
    answer : dict
        The file, the label of the most probable class, and its probability; with a detector also `is_digit`,
        which is False for outliers.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If the file is not an intact picture, or the picture shows no ink.
    """
    image = model[0].transform([read_gray(file, file)])
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
    return answer


def _parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m sk_mnist_cnn",
        description="Print the digit in each picture, with its probability. A picture shows one digit.",
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
    return parser.parse_args(arguments)


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
    else:
        remark = "" if answer.get("is_digit", True) else ", possibly not a digit"
        print(f"{answer['file']}: {answer['label']} ({answer['probability']:.1%}){remark}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
