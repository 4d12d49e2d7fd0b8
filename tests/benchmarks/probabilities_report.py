"""Numbers and tables of the guide to probabilities, from the results of `tests.benchmarks.probabilities`."""

from pandas import DataFrame

from .saved import load

SMOOTHINGS = {"plain": 0.0, "smoothed": 0.05}
COVERAGES = 0.99, 0.95, 0.9


def scores(model, scaling="none"):
    """Return a row for each network or committee, by its label smoothing."""
    rows = DataFrame(load("probabilities")["scores"])
    return rows.query("model == @model and scaling == @scaling").set_index("label_smoothing")


def numbers():
    """Return the numbers in the text. Those of networks without label smoothing are in "plain"."""
    networks, committees = scores("network"), scores("committee")
    thresholds = DataFrame(load("probabilities")["thresholds"]).mean()
    found = {
        "networks": str(len(networks) // len(SMOOTHINGS)),
        "committees": str(len(committees) // len(SMOOTHINGS)),
        "threshold": f"{thresholds['threshold']:.3f}",
        "coverage": f"{thresholds['coverage']:.1%}",
        "accuracy": f"{thresholds['accuracy']:.2%}",
    }
    scaled = scores("committee", "temperature")["log_loss"]
    for name, smoothing in SMOOTHINGS.items():
        rows = networks.loc[[smoothing]]
        kept = 0.95 * (1 - rows["accuracy_0.95"].mean()) / (1 - rows["accuracy"].mean())
        errors = committees.loc[[smoothing], "errors"].mean()
        found[name] = {
            "lowest": str(rows["errors"].min()),
            "highest": str(rows["errors"].max()),
            "kept_errors": f"{kept:.0%}",
            "fewer_errors": f"{1 - errors / rows['errors'].mean():.0%}",
            "scaled_committee": f"{scaled.loc[[smoothing]].mean():.4f}",
        }
    return found


def calibration():
    """Return the scores of the networks before and after temperature scaling."""
    rows = [["label smoothing", "scaling", "errors", "log loss", "calibration error"]]
    for smoothing in SMOOTHINGS.values():
        for scaling in ("none", "temperature"):
            means = scores("network", scaling).loc[[smoothing]].mean(numeric_only=True)
            cells = [
                f"{means['errors']:.1f}",
                f"{means['log_loss']:.4f}",
                f"{means['calibration_error']:.4f}",
            ]
            rows.append([f"{smoothing:g}", scaling, *cells])
    return rows


def rejection():
    """Return the accuracy of the networks if uncertain images are rejected."""
    rows = [["label smoothing", "all images", *(f"{coverage:.0%} coverage" for coverage in COVERAGES)]]
    for smoothing in SMOOTHINGS.values():
        means = scores("network").loc[[smoothing]].mean(numeric_only=True)
        columns = ["accuracy", *(f"accuracy_{coverage}" for coverage in COVERAGES)]
        rows.append([f"{smoothing:g}", *(f"{means[column]:.2%}" for column in columns)])
    return rows


def sets_of_labels():
    """Return how often sets contain the true label, and their sizes."""
    sizes = {"size_0": "empty", "size_1": "one label", "size_2": "two", "size_3_or_more": "three or more"}
    rows = [["`confidence_level`", "with the true label", *sizes.values()]]
    means = DataFrame(load("probabilities")["sets"]).groupby("confidence_level").mean()
    return rows + [
        [f"{level:g}", f"{row['true_label']:.2%}", *(f"{row[size]:.2%}" for size in sizes)]
        for level, row in means.iterrows()
    ]


def committees():
    """Return the scores of networks and of committees."""
    rows = [["", "label smoothing", "errors", "range", "log loss", "accuracy at 95% coverage"]]
    for smoothing in SMOOTHINGS.values():
        for model in ("network", "committee"):
            found = scores(model).loc[[smoothing]]
            errors, means = found["errors"], found.mean(numeric_only=True)
            cells = [f"{errors.mean():.1f}", f"{errors.min()} to {errors.max()}", f"{means['log_loss']:.4f}"]
            rows.append([model, f"{smoothing:g}", *cells, f"{means['accuracy_0.95']:.2%}"])
    return rows
