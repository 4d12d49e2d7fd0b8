"""matplotlib, which is imported when a display is drawn."""

from .._packages import LateModule

_PURPOSE = "Displays and figures"

mpl = LateModule("matplotlib", _PURPOSE)
patheffects = LateModule("matplotlib.patheffects", _PURPOSE)
plt = LateModule("matplotlib.pyplot", _PURPOSE)
