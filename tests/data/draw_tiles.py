"""Draw tiles that the page network learned from: ``python -m tests.data.draw_tiles FOLDER``.

The fonts are installed in the folder with npm. MNIST is the file in ``SK_MNIST_CNN_DATA``.
"""

import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from .compose import LAYOUTS, load_composer
from .photograph import SIDE

FILE = Path(__file__).parents[2] / "docs" / "_static" / "page_tiles.png"
N_TILES, EDGE = 6, 4  # of each layout; between tiles, in pixels


def main():
    (folder,) = sys.argv[1:]
    composer = load_composer(folder, os.environ["SK_MNIST_CNN_DATA"])
    rows = [
        np.hstack([_on_white(composer.compose(seed, layout)[0]) for seed in range(N_TILES)])
        for layout in LAYOUTS
    ]
    sheet = Image.fromarray(np.vstack(rows))
    sheet.reduce(2).save(FILE, optimize=True)


def _on_white(picture):
    tile = np.full((SIDE + EDGE,) * 2, 255, np.uint8)
    tile[: picture.shape[0], : picture.shape[1]] = picture
    return tile


if __name__ == "__main__":
    main()
