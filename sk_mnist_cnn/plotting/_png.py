"""Write figures into HTML, as PNG files in data URLs."""

import base64
import io

from ._matplotlib import plt


def as_data_url(figure):
    """Return a figure as the address of an HTML image, and close it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=120, transparent=True)
    plt.close(figure)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
