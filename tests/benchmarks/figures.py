"""Figures of the documentation, for wide screens and phones, and for its light and its dark theme."""

import matplotlib

FOREGROUND = "0.8"
DARK = {
    **dict.fromkeys(
        ["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"], FOREGROUND
    ),
    "grid.color": "0.5",
    "axes.facecolor": "none",
    "figure.facecolor": "none",
}


def save(draw, folder, name):
    """Save the figures that ``draw(phone=...)`` returns. The directive ``chart`` shows them."""
    for phone in (False, True):
        for theme, style in {"": {}, "_dark": DARK}.items():
            with matplotlib.rc_context(style):
                path = folder / f"{name}{'_phone' if phone else ''}{theme}.png"
                draw(phone=phone).savefig(path, dpi=150 if phone else 120)
