"""Damaged and forged pictures: an image in MNIST's format is returned, or a ValueError names the file."""

import io
import math
import re
import zlib
from functools import partial

import numpy as np
import pytest
from PIL import Image

from sk_mnist_cnn import MNISTNormalizer
from sk_mnist_cnn._pictures.reading import MAX_PIXELS
from tests.fuzz import n_examples
from tests.fuzz.guard import linux_only, run_guarded
from tests.fuzz.mutations import mutations

pytestmark = [
    pytest.mark.slow,
    linux_only,
    pytest.mark.filterwarnings("ignore"),  # Pillow warns of damaged metadata
]

N_WARM_UP = 100  # errors import modules when they are raised for the first time
ORIENTATION = Image.Exif()
ORIENTATION[0x0112] = 6

FILES = {
    "BMP": {},
    "GIF": {"mode": "P", "transparency": 3},
    "JPEG": {"mode": "RGB", "exif": ORIENTATION},
    "progressive JPEG": {"mode": "L", "progressive": True},
    "PNG": {"mode": "RGBA", "exif": ORIENTATION},
    "palette PNG": {"mode": "P", "transparency": bytes(range(256))},
    "16-bit PNG": {"mode": "I;16"},
    "PPM": {"mode": "RGB"},
    "TIFF": {"mode": "RGB", "exif": ORIENTATION},
    "LZW TIFF": {"mode": "RGBA", "compression": "tiff_lzw"},
    "JPEG TIFF": {"mode": "RGB", "compression": "jpeg"},
    "WEBP": {"mode": "RGB", "exif": ORIENTATION},
    "lossless WEBP": {"mode": "RGBA", "lossless": True},
}


def picture(kind):
    """Return the content of an intact file."""
    options = dict(FILES[kind])
    row, column = np.indices((40, 30))
    digit = (255 * (np.abs(np.hypot(row - 20, column - 15) - 10) > 3)).astype(np.uint8)
    image = Image.fromarray(digit).convert(options.pop("mode", "L"))
    file = io.BytesIO()
    image.save(file, kind.split()[-1], **options)
    return file.getvalue()


def check(path, mutant):
    """Read a mutant; return whether it was accepted."""
    path.write_bytes(mutant)
    try:
        digits = MNISTNormalizer().transform([path])
    except ValueError as error:
        assert re.match(rf"X\[0\] must be .*, got the file '{path}'", str(error))  # noqa: PT017
        return False
    assert digits.shape == (1, 28, 28)
    return True


def check_all(path, mutants):
    accepted = [check(path, mutant) for mutant in mutants[:N_WARM_UP]]
    accepted += [run_guarded(partial(check, path, mutant), seconds=2, megabytes=300) for mutant in mutants]
    assert 0 < sum(accepted) < len(accepted)


@pytest.mark.parametrize("kind", FILES)
def test_mutations_of_pictures(tmp_path, kind):
    content = picture(kind)
    check_all(tmp_path / "picture", [content, *mutations(content, n_examples(400), seed=2)])


def png_mutations(content, n, seed):
    """Yield copies of a PNG file with changes inside one chunk, so that all checksums are right."""
    chunks, start = [], 8
    while start < len(content):
        size = int.from_bytes(content[start : start + 4])
        chunks.append((content[start + 4 : start + 8], content[start + 8 : start + 8 + size]))
        start += size + 12
    for i in range(n):
        changed = list(chunks)
        name, data = changed[i % len(chunks)]
        changed[i % len(chunks)] = name, next(mutations(data, 1, seed + i))
        yield content[:8] + b"".join(map(_chunk, changed))


def _chunk(part):
    name, data = part
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)


@pytest.mark.parametrize("kind", ["PNG", "palette PNG", "16-bit PNG"])
def test_mutations_of_png_chunks(tmp_path, kind):
    content = picture(kind)
    check_all(tmp_path / "picture", [content, *png_mutations(content, n_examples(400), seed=3)])


LARGE = {
    "palette PNG": {"mode": "P", "transparency": bytes(256)},
    "16-bit PNG": {"mode": "I;16"},
    "GIF": {"mode": "L"},
    "JPEG": {"mode": "CMYK", "progressive": True, "exif": ORIENTATION},
    "TIFF": {"mode": "RGBA", "compression": "tiff_adobe_deflate"},
    "WEBP": {"mode": "RGB"},
}


@pytest.mark.parametrize("kind", LARGE)
def test_the_largest_pictures_are_bounded(tmp_path, kind):
    options = dict(LARGE[kind])
    side = math.isqrt(MAX_PIXELS)
    Image.new(options.pop("mode"), (side, side)).save(tmp_path / "large", kind.split()[-1], **options)
    MNISTNormalizer().transform([np.zeros((9, 9)), tmp_path / "large"])
    run_guarded(lambda: MNISTNormalizer().transform([tmp_path / "large"]), seconds=5, megabytes=800)
