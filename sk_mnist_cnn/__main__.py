"""Command line: print the numbers in picture files, read by the pretrained network or by a saved model."""

import argparse
import json
import sys
import warnings
from pathlib import Path

from ._fitted import load_reader
from ._pictures.reading import read_pages
from .persistence import load_model
from .pretrained import load_pretrained
from .reading import ReadRegions, _read_decoded

_DPI = 200  # of the files that --save writes
_EXAMPLES = """examples:
  python -m sk_mnist_cnn page.jpg --save page_read.png
  python -m sk_mnist_cnn forms/*.png --regions fields.json --candidates marks.txt --csv marks.csv

The exit status is 0 if all pictures were read, 1 if some were not, and 2 if an argument is wrong.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, and return the exit status: 1 if a picture could not be read."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # so that the name of any file can be printed
    options, model, settings = _parse(arguments)
    files = enumerate(_show_progress(options.pictures))
    return int(sum(not _read_file(file, index, options, model, settings) for index, file in files) > 0)


def _show_progress(files):
    """Return the files, with a progress bar if there are several and the numbers go to a file."""
    try:
        from tqdm import tqdm
    except ImportError:  # an installation without TensorFlow
        return files
    hidden = True if len(files) == 1 or sys.stdout.isatty() else None  # None: if not on a terminal
    return tqdm(files, unit="picture", disable=hidden)


def _read_file(file, index, options, model, settings):
    """Read and print all pages of a file, and return whether that was possible."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            for page_number, page in enumerate(read_pages(file, file)):
                read = _read_decoded(model, page, file, **settings)
                _print(file, page_number, read, options.json)
                if options.csv:
                    _write_rows(file, page_number, read, options.csv)
                if options.save:
                    _save(page, read, _figure_path(options, index, page_number), options.pictures)
            error = None
        except (ImportError, OSError, ValueError) as raised:
            error = raised
    for message in [*(warning.message for warning in caught), *([error] if error else [])]:
        print(f"{_shown(file)}: {message}".replace("\n", " "), file=sys.stderr, flush=True)
    if error and options.json:
        print(json.dumps({"file": file, "error": str(error)}), flush=True)
    return error is None


def _print(file, page_number, read, as_json):
    if as_json:
        print(json.dumps({"file": file, "page": page_number, **_as_dict(read)}), flush=True)
        return
    for name, digits in _by_region(read):
        label = ": ".join([_shown(file), *([str(name)] if name != "" else [])])
        for line in range(len(digits.lines)):
            numbers = [f"{n.text} ({n.confidence:.1%})" for n in digits.numbers if n.line_index == line]
            print(f"{label}: {' '.join(numbers)}", flush=True)
        if not digits.lines:
            print(f"{label}: no digits", flush=True)


def _shown(file):
    """Return the name of a file on one line, without control characters."""
    return file if file.isprintable() else ascii(file)


def _by_region(read):
    """Return pairs of the name of a region, "" for a whole page, and its reading."""
    return read.readings.items() if isinstance(read, ReadRegions) else [("", read)]


def _as_dict(read):
    """Return a reading for JSON."""
    if isinstance(read, ReadRegions):
        return {"regions": {str(name): _as_dict(digits) for name, digits in read.readings.items()}}
    names = "label", "probability", "score", "line", "number", "box"
    columns = read.labels, read.probabilities.max(axis=1, initial=0), read.scores, read.line_index
    columns = *columns, read.number_index, read.boxes
    rows = zip(*(column.tolist() for column in columns), strict=True)
    numbers = [
        {**vars(n), "box": n.box.tolist(), "digits": n.digits.tolist(), "candidates": dict(n.candidates)}
        for n in read.numbers
    ]
    return {
        "lines": read.lines,
        "numbers": numbers,
        "digits": [dict(zip(names, row, strict=True)) for row in rows],
        "separators": [*zip(read.separators.tolist(), read.separator_boxes.tolist(), strict=True)],
        "rejected_boxes": read.rejected_boxes.tolist(),
        "orientation": read.orientation,
    }


def _write_rows(file, page_number, read, table):
    """Append the numbers, or the regions with their names, to the table."""
    frame = read.to_frame()
    if isinstance(read, ReadRegions):
        frame = frame.rename_axis("region").reset_index()
    if len(frame):
        frame.insert(0, "page", page_number)
        frame.insert(0, "file", file)
        frame.to_csv(table, mode="a", index=False, header=not table.stat().st_size, errors="backslashreplace")


def _start_table(path):
    """Create an empty table, or empty the one that this command has written before, and no other file."""
    start = b"file,page,"
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file:
            if file.read(len(start)) != start:
                raise ValueError(f"{path} is no table of this command, so it is kept. Pass a new name.")
    path.write_text("")


def _save(page, read, path, pictures):
    """Write the picture with the numbers that were read in it, but not over a picture to read."""
    if path.exists() and any(Path(file).exists() and path.samefile(file) for file in pictures):
        raise ValueError(f"--save would replace the picture {path}. Pass another file or folder.")
    from .plotting import ReadingDisplay

    ReadingDisplay(page.gray, read, shape=page.shape).plot().figure_.savefig(path, dpi=_DPI)


def _figure_path(options, index, page_number):
    """Return the path of the figure of a page; names that would repeat get numbers."""
    stems = [Path(file).stem for file in options.pictures]
    path = options.save
    if path.is_dir():
        path, repeated = path / f"{stems[index]}.png", stems[:index].count(stems[index])
        path = path.with_stem(f"{path.stem}-{repeated}") if repeated else path
    return path.with_stem(f"{path.stem}-{page_number}") if page_number else path


def _parse(arguments):
    """Return the options, the model, and the parameters of `_read_decoded`."""
    parser = argparse.ArgumentParser(
        prog="python -m sk_mnist_cnn",
        description="Print the handwritten numbers in each picture, line by line, with their confidence.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "pictures", nargs="+", metavar="PICTURE", help="BMP, GIF, JPEG, PNG, PPM, TIFF or WEBP"
    )
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="classifier that save_model saved (default: the shipped one)",
    )
    parser.add_argument(
        "--regions",
        type=Path,
        metavar="FILE",
        help='fields to read, as JSON: {"mark": [top, left, bottom, right]}, in pixels',
    )
    parser.add_argument("--candidates", type=Path, metavar="FILE", help="possible numbers, one a line")
    parser.add_argument("--json", action="store_true", help="print one JSON object per page and line")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a table of all numbers or regions")
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        help="write the page with its numbers; a folder for several pictures",
    )
    options = parser.parse_args(arguments)

    def use(name, function):
        """Call a function with the value of an option; an error names the option."""
        value = getattr(options, name)
        try:
            return None if value is None else function(value)
        except (ImportError, OSError, RecursionError, TypeError, ValueError) as error:
            parser.error(f"argument --{name}: {error}")

    if len(options.pictures) > 1:
        use("save", lambda path: path.mkdir(parents=True, exist_ok=True))
    model = use("model", lambda path: load_reader(load_model(path))) or load_reader(load_pretrained())
    settings = {
        "regions": use("regions", lambda path: json.loads(path.read_text("utf-8-sig"))),
        "candidates": use("candidates", lambda path: path.read_text("utf-8-sig").split()),
    }
    use("csv", _start_table)
    return options, model, settings


if __name__ == "__main__":
    sys.exit(main())
