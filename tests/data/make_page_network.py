"""Train the network that finds digits on pages: ``python -m tests.data.make_page_network --help``.

The tiles are composed of the first 50,000 training images of MNIST, drawn digits, and fonts from npm. An
interrupted run continues where it stopped: with the tiles that are in the folder, and the last epoch.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np

from . import page_network
from .compose import load_composer
from .glyphs import install_fonts

CHUNK = 500  # tiles in one file
_ARRAYS = "pictures", "owner", "rules", "areas"
_LISTS = {"boxes": "n", "kinds": "n", "ignored": "n_ignored"}  # and the number of entries of each tile


def compose_chunk(start):
    """Return the tiles with the seeds from `start` on, as arrays."""
    keep = {name: [] for name in (*_ARRAYS, *_LISTS, *_LISTS.values())}
    for seed in range(start, start + CHUNK):
        picture, tile = _composer.compose(seed)
        full = np.zeros((page_network.SIDE,) * 2, np.uint8)
        full[: picture.shape[0], : picture.shape[1]] = picture
        step = page_network.INK_STRIDE
        keep["pictures"].append(full)
        keep["owner"].append(tile.owner[::step, ::step])
        keep["rules"].append(tile.rules[::step, ::step] > 0.4)
        keep["areas"].append(tile.area)
        keep["boxes"] += tile.boxes
        keep["kinds"] += tile.kinds
        keep["n"].append(len(tile.boxes))
        keep["ignored"] += tile.ignored
        keep["n_ignored"].append(len(tile.ignored))
    return {name: np.array(values) for name, values in keep.items()}


def _compose_to_file(arguments):
    start, file = arguments
    if not file.exists():
        part = file.with_suffix(".part.npz")
        np.savez(part, **compose_chunk(start))
        part.rename(file)
    return file


def compose_tiles(folder, composer, n_tiles, first_seed=0):
    """Compose tiles to files of a folder, those that are missing, and return the files."""
    global _composer  # forked processes share the glyphs
    _composer = composer
    tasks = [
        (start, folder / f"tiles_{start}.npz") for start in range(first_seed, first_seed + n_tiles, CHUNK)
    ]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_compose_to_file, tasks))


class Tiles(keras.utils.PyDataset):
    """Batches of tiles and of what the network should predict for them."""

    def __init__(self, files, batch_size=16, seed=0):
        super().__init__(workers=1)
        self.batch_size, self._random = batch_size, np.random.default_rng(seed)
        parts = [dict(np.load(file)) for file in files]
        self.arrays = {name: np.concatenate([part[name] for part in parts]) for name in _ARRAYS}
        for name, count in _LISTS.items():
            values = [np.split(part[name], np.cumsum(part[count])[:-1]) for part in parts]
            self.arrays[name] = [value for rows in values for value in rows]
        self.order = np.arange(len(self.arrays["pictures"]))

    def __len__(self):
        return len(self.order) // self.batch_size

    def __getitem__(self, index):
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        rows = [page_network.targets(*self._tile(i)) for i in chosen]
        x, centers, ink = (np.stack(values) for values in zip(*rows, strict=True))
        return x, (centers, ink)

    def on_epoch_end(self):
        self._random.shuffle(self.order)

    def _tile(self, i):
        arrays = self.arrays
        area = arrays["areas"][i].tolist()
        picture = arrays["pictures"][i][: area[1][0] - area[0][0], : area[1][1] - area[0][1]]
        names = "owner", "rules", "boxes", "kinds", "ignored"
        return picture, SimpleNamespace(area=area, **{name: arrays[name][i] for name in names})


def train(files, folder, epochs, start=None, peak=4e-3):
    """Return the network, trained on tiles in one cycle of the learning rate."""
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    network = page_network.build()
    if start:
        network.load_weights(start)
    tiles = Tiles(files)
    steps = epochs * len(tiles)
    rate = keras.optimizers.schedules.CosineDecay(
        peak / 25, steps, alpha=1e-3, warmup_target=peak, warmup_steps=steps // 8
    )
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-4, global_clipnorm=5.0),
        loss=[page_network.center_loss, page_network.ink_loss],
    )
    network.fit(
        tiles,
        epochs=epochs,
        verbose=2,
        callbacks=[
            keras.callbacks.BackupAndRestore(str(folder / "backup")),
            keras.callbacks.ModelCheckpoint(str(folder / "last.weights.h5"), save_weights_only=True),
            keras.callbacks.CSVLogger(str(folder / "log.csv"), append=True),
        ],
    )
    return network


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for fonts, tiles and weights, to continue from")
    parser.add_argument("--tiles", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    install_fonts(options.folder)
    composer = load_composer(options.folder, os.environ["SK_MNIST_CNN_DATA"])
    files = compose_tiles(options.folder, composer, options.tiles)
    train(files, options.folder, options.epochs)


if __name__ == "__main__":
    main()
