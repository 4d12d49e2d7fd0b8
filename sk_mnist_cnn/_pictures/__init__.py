"""Pictures and pixels: files, MNIST format, digits on pages. Pillow and scipy.ndimage do the work."""
