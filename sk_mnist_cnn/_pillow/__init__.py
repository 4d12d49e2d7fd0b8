"""Picture files and photos for `MNISTNormalizer`. It imports Pillow and scipy.ndimage."""
