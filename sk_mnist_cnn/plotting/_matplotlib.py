"""matplotlib, which is imported when a display is drawn, and figures as images of HTML pages."""

import base64
import io

from .._packages import LateModule

_PURPOSE = "Displays and figures"

mpl = LateModule("matplotlib", _PURPOSE)
patheffects = LateModule("matplotlib.patheffects", _PURPOSE)
plt = LateModule("matplotlib.pyplot", _PURPOSE)


def as_data_url(figure):
    """Return a figure as the address of an HTML image, and close it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=120, transparent=True)
    plt.close(figure)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
