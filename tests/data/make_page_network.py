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
from scipy import optimize, special

from sk_mnist_cnn._pictures.detection import KINDS, detect
from tests.benchmarks.pages import intersection_over_union

from . import page_network
from .compose import load_composer

FILE = Path(__file__).parents[2] / "sk_mnist_cnn" / "data" / "page_network.onnx"
# New tiles, epochs, and highest learning rate.
ROUNDS = (
    (20_000, 4, 4e-3),
    (20_000, 3, 2e-3),
    (12_000, 3, 1.5e-3),
    (20_000, 4, 2e-3),
    (8_000, 2, 1e-3),
    (6_000, 2, 8e-4),
    (12_000, 3, 8e-4),
)
FIRST_VALIDATION, N_VALIDATION = 1_000_000, 300  # seeds of tiles with other fonts and other digits
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


def train(files, folder, epochs, peak, start=None):
    """Return the network, trained on tiles in one cycle of the learning rate from the weights `start` on."""
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
            keras.callbacks.CSVLogger(str(folder / "log.csv"), append=True),
        ],
    )
    return network


def mean_network(files):
    """Return the network with the mean of the weights in the files."""
    network, weights = page_network.build(), []
    for file in files:
        network.load_weights(file)
        weights.append(network.get_weights())
    network.set_weights([np.mean(values, axis=0) for values in zip(*weights, strict=True)])
    return network


def calibrate(composer):
    """Return the slope and the intercept of the logits of each kind, fitted to the tiles of a composer."""
    found = [[] for _ in KINDS]  # pairs of a logit, and whether such a mark is there
    for seed in range(FIRST_VALIDATION, FIRST_VALIDATION + N_VALIDATION):
        picture, tile = composer.compose(seed)
        for kind, logits, is_true in _compare(detect(picture / np.float32(255)), tile):
            found[kind] += zip(logits, is_true, strict=True)
    return [_fit_logistic(*np.transpose(pairs)) for pairs in found]


def _compare(detections, tile):
    """Yield for each kind the logits of its detections, and whether each is a mark of the tile."""
    shift = np.tile(tile.area[0], 2)
    boxes, ignored = (np.reshape(boxes, (-1, 4)) - shift for boxes in (tile.boxes, tile.ignored))
    scores = np.clip(detections.scores, 1e-6, 1 - 1e-6)
    for kind, name in enumerate(KINDS):
        chosen = np.flatnonzero((detections.kinds == kind) & (detections.is_first | (kind > 0)))
        common = intersection_over_union(detections.boxes[chosen], boxes[np.array(tile.kinds, int) == kind])
        is_true = np.zeros(len(chosen), bool)
        least = 0.1 if name in ("point", "comma", "dash") else 0.4
        for row, overlap in enumerate(common):  # the most probable ones first; each mark is found once
            if overlap.max(initial=0) > least:
                is_true[row], common[:, overlap.argmax()] = True, 0
        beside = intersection_over_union(detections.boxes[chosen], ignored).max(axis=1, initial=0) < 0.3
        counts = is_true | beside
        yield kind, special.logit(scores[chosen][counts]), is_true[counts]


def _fit_logistic(logits, is_true):
    sign = 2 * is_true - 1
    return optimize.minimize(
        lambda line: np.mean(np.logaddexp(0, -sign * (line[0] * logits + line[1]))), [1, 0]
    ).x


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for fonts, tiles and weights, to continue from")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    mnist = os.environ["SK_MNIST_CNN_DATA"]
    composer = load_composer(folder, mnist)
    first_seed, weights = 0, []
    for number, (n_tiles, epochs, peak) in enumerate(ROUNDS, 1):
        here = folder / f"round_{number}"
        here.mkdir(exist_ok=True)
        if not (here / "final.weights.h5").exists():
            files = compose_tiles(here, composer, n_tiles, first_seed)
            start = weights[-1] if weights else None
            train(files, here, epochs, peak, start).save_weights(here / "final.weights.h5")
        first_seed += n_tiles
        weights.append(here / "final.weights.h5")
    network = mean_network(weights[-2:])  # finds fewer false digits than the last one
    FILE.write_bytes(page_network.to_onnx(network))  # `detect` finds with it
    calibration = calibrate(load_composer(folder, mnist, validation=True))
    FILE.write_bytes(page_network.to_onnx(network, calibration))
    print(f"{FILE.name}: {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
