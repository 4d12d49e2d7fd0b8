"""Results as text for the terminal, and as reStructuredText for the documentation."""

from statistics import median

HEADER = "", "median", "range", "first row is better by"
METHOD = (
    "Each round runs every library once. The tables show the median and the range over the rounds, and the "
    "factor by which the first row is better than another row in the same round, again as median and range. "
    "A factor above 1 means that the first row is better."
)


def as_text(case):
    lines = [f"{case.title} ({case.unit})"]
    lines += ["  ".join(part for part in row if part) for row in _rows(case)]
    return "\n  ".join(lines)


def as_rst(results):
    """Return one section with a table per case."""
    parts = [measured_with(results.machine), METHOD, *map(_rst_case, results.cases)]
    return "\n\n".join([".. This file is written by tests/benchmarks.", *parts]) + "\n"


def measured_with(machine):
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    later = ", ".join(f"``{name}`` on {date}" for name, date in machine.get("later", {}).items())
    return (
        f"Measured with ``{machine['command']}`` on {machine['date']}: {machine['cores']} cores of "
        f"{machine['cpu']}, {machine['system']}, Python {machine['python']}, {versions}."
        + (f" Measured later, with this command and the name of the case: {later}." if later else "")
    )


def rst_table(title, rows, description=""):
    """Return a heading, a description and a table; the first row is the header."""
    lines = [title, "~" * len(title), "", *([description, ""] if description else [])]
    classes = "numbers stacked" if len(rows[0]) > 5 else "numbers"  # see docs/_static/custom.css
    lines += [".. list-table::", "   :header-rows: 1", f"   :class: {classes}", ""]
    for row in rows:
        lines += [f"   {'  -' if i else '* -'} {cell}".rstrip() for i, cell in enumerate(row)]
    return "\n".join(lines)


def _rst_case(case):
    return rst_table(f"{case.title}, {case.unit}", [HEADER, *_rows(case)], case.description)


def _rows(case):
    for row in case.rows:
        label = f"{row.label} ({row.note})" if row.note and row.values else row.label
        if not row.values:
            yield label, row.note, "", ""
            continue
        low, high = min(row.values), max(row.values)
        spread = f"{number(low)} - {number(high)}" if high > low else ""
        yield label, number(median(row.values)), spread, "" if row is case.rows[0] else _advantage(case, row)


def _advantage(case, row):
    ratios = case.advantages(row)
    if not ratios:
        return ""
    low_high = f" ({min(ratios):.2f} - {max(ratios):.2f})" if len(ratios) > 1 else ""
    return f"{median(ratios):.2f}{low_high}"


def number(value):
    """Format a value with three significant digits and no exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.1 or not value else f"{value:.3f}"
