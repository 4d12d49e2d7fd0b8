"""List the pictures in a folder with one subfolder for each label. `reading` opens them."""

import re

import numpy as np

_HIDDEN = {"desktop.ini", "thumbs.db"}  # files without a dot that Windows adds to folders


def list_pictures(root):
    """Return the names and the labels of the files in the subfolders of a folder.

    Parameters
    ----------
    root : Path

    Returns
    -------
    filenames : ndarray of shape (n_pictures,), str
        Sorted by label, then by name.
    labels : ndarray of shape (n_pictures,), int or str
        The names of the subfolders.

    Raises
    ------
    FileNotFoundError
        If `root` does not exist, or is not a folder.
    ValueError
        If `root` has no subfolders, or a subfolder is empty.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"path must be an existing folder, got {str(root)!r}. Pass the right path.")
    folders = [folder for folder in root.iterdir() if folder.is_dir() and not _is_hidden(folder, root)]
    if not folders:
        raise ValueError(
            f"path must be a folder with one subfolder for each label, got {str(root)!r}, which has no "
            "subfolders. Move the pictures to subfolders that are named after their labels."
        )
    by_label = sorted(zip(_as_labels(folders), folders, strict=True))
    files = [_find_files(folder) for _, folder in by_label]
    if empty := [folder.name for (_, folder), found in zip(by_label, files, strict=True) if not found]:
        raise ValueError(
            f"path must be a folder whose subfolders hold pictures, got {str(root)!r} with empty subfolders "
            f"{empty}. Add pictures to them, or remove them."
        )
    labels = np.repeat([label for label, _ in by_label], [len(found) for found in files])
    return np.array([str(file) for found in files for file in found]), labels


def _as_labels(folders):
    """Return the names of folders, as integers if all of them are integers without leading zeros."""
    names = [folder.name for folder in folders]
    if all(re.fullmatch("0|-?[1-9][0-9]*", name) for name in names):
        return [int(name) for name in names]
    return names


def _find_files(folder):
    return sorted(file for file in folder.rglob("*") if file.is_file() and not _is_hidden(file, folder))


def _is_hidden(path, root):
    parts = path.relative_to(root).parts
    return any(part.startswith(".") or part.lower() in _HIDDEN for part in parts)
