import contextlib
import copy
import io
import json
import os
import pickle
import random
import subprocess
import sys
import tracemalloc
from importlib.metadata import version
from operator import methodcaller
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor
from sk_mnist_cnn.persistence import load_model, save_model

pytest.importorskip("skops")

DATA = Path(__file__).parent / "data"
RELEASES = sorted(DATA.glob("pipeline-*.skops"))


def write_release_files():
    """Write this release's fixture, once: `python tests/test_persistence.py`."""
    X, y = load_digits(return_X_y=True)
    classifier = CNNDigitClassifier(
        filters=(4,),
        kernel_size=3,
        dense_units=(8,),
        optimizer="adam",
        learning_rate=0.01,
        batch_size=32,
        epochs=5,
        random_state=0,
    )
    pipeline = make_pipeline(ImagePreprocessor(), classifier).fit(X, y)
    path = DATA / f"pipeline-{version('sk_mnist_cnn')}.skops"
    path.parent.mkdir(exist_ok=True)
    save_model(pipeline, path)
    np.savez(path.with_suffix(".npz"), X=X[:5].astype(np.uint8), probabilities=pipeline.predict_proba(X[:5]))


# Round trips


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


@pytest.fixture(scope="module")
def fitted_search(fitted_pipeline):
    X, y = load_digits(return_X_y=True)
    grid = {"cnndigitclassifier__dense_dropout": [0.0, 0.5], "cnndigitclassifier__epochs": [1]}
    cv = ShuffleSplit(2, train_size=300, test_size=100, random_state=0)
    return GridSearchCV(fitted_pipeline, grid, cv=cv, scoring="neg_log_loss").fit(X, y)


def saved_and_loaded(estimator, path):
    save_model(estimator, path)
    return load_model(path)


def parameters(estimator):
    """Hyper-parameters as text: nested estimators are never equal to their copies."""
    return {name: repr(value) for name, value in estimator.get_params().items()}


@pytest.mark.parametrize("name", ["fitted", "fitted_pipeline", "fitted_search"])
def test_a_loaded_model_predicts_the_same(name, request, path):
    model = request.getfixturevalue(name)
    X = load_digits().data / (16 if name == "fitted" else 1)  # Pipelines take raw pixels
    loaded = saved_and_loaded(model, path)
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert parameters(loaded) == parameters(model)


def test_a_loaded_search_keeps_its_results(fitted_search, path):
    loaded = saved_and_loaded(fitted_search, path)
    assert loaded.best_params_ == fitted_search.best_params_
    assert loaded.cv_results_.keys() == fitted_search.cv_results_.keys()
    assert_array_equal(loaded.cv_results_["mean_test_score"], fitted_search.cv_results_["mean_test_score"])
    assert loaded.score(*load_digits(return_X_y=True)) == fitted_search.score(*load_digits(return_X_y=True))


def test_a_fresh_process_predicts_the_same(fitted_pipeline, path):
    X = load_digits().data[:50]
    save_model(fitted_pipeline, path)
    code = f"""
import sys
import numpy as np
from sklearn.datasets import load_digits
from sk_mnist_cnn.persistence import load_model, save_model
model = load_model({str(path)!r})
save_model(model, {str(path)!r})
assert not {{"keras", "tensorflow"}} & sys.modules.keys(), "loading and saving need no Keras"
np.save({str(path.with_suffix(".npy"))!r}, model.predict_proba(load_digits().data[:50]))
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert_array_equal(np.load(path.with_suffix(".npy")), fitted_pipeline.predict_proba(X))


def test_training_goes_on_after_loading(fitted, digits, path):
    X, y = digits
    model = clone(fitted).partial_fit(X[:200], y[:200], classes=range(10))
    loaded = saved_and_loaded(model, path)
    model.partial_fit(X[200:400], y[200:400])
    loaded.partial_fit(X[200:400], y[200:400])
    assert_array_equal(loaded.predict_proba(X[:50]), model.predict_proba(X[:50]))
    assert loaded.n_iter_ == 2


@pytest.mark.parametrize(
    "model",
    [
        CNNDigitClassifier(filters=[3], kernel_size=[(3, 2)], class_weight={1: 2.0, 7: 0.5}, random_state=3),
        make_pipeline(ImagePreprocessor(image_shape=(8, 8), max_value=16), CNNDigitClassifier()),
        GridSearchCV(CNNDigitClassifier(), {"filters": [(4,), (8, 16)]}, cv=ShuffleSplit(2)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_unfitted_estimators_round_trip(model, path):
    loaded = saved_and_loaded(model, path)
    assert parameters(loaded) == parameters(model)
    with pytest.raises(NotFittedError):
        loaded.predict(load_digits().images)


@pytest.mark.parametrize(
    "model",
    [
        VotingClassifier([("a", LogisticRegression())]),
        CalibratedClassifierCV(LogisticRegression(), cv=2),
    ],
    ids=lambda model: type(model).__name__,
)
def test_ensembles_of_scikit_learn_round_trip(model, path):
    X, y = load_digits(n_class=2, return_X_y=True)
    model.fit(X, y)
    assert_array_equal(saved_and_loaded(model, path).predict(X), model.predict(X))


def test_metadata_requests_round_trip(path):
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = CNNDigitClassifier().set_fit_request(sample_weight=True, X_val="X_aside")
        owner = classifier._metadata_request.owner
        loaded = saved_and_loaded(make_pipeline(ImagePreprocessor(), classifier), path)
        requests = loaded[-1].get_metadata_routing().fit.requests
        assert requests == classifier.get_metadata_routing().fit.requests
        assert classifier._metadata_request.owner is owner, "saving changed the estimator"


@pytest.mark.parametrize("file", RELEASES, ids=lambda file: file.stem)
@pytest.mark.filterwarnings("ignore:This Pipeline was saved with:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_files_of_all_releases_load(file):
    model = load_model(file)
    with np.load(file.with_suffix(".npz")) as expected:
        assert_allclose(model.predict_proba(expected["X"]), expected["probabilities"], atol=1e-5)
    assert clone(model).get_params().keys() == model.get_params().keys()


@pytest.mark.parametrize("restored", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_parameter_that_came_after_the_release_has_its_default(fitted, restored):
    older = copy.deepcopy(fitted)
    del older.label_smoothing
    assert restored(older).get_params() == fitted.get_params()


def test_there_is_a_file_of_a_release():
    assert RELEASES


# What saving promises


def test_paths_are_str_or_pathlike(path):
    save_model(CNNDigitClassifier(epochs=3), str(path))
    assert load_model(str(path)).epochs == load_model(path).epochs == 3


def test_files_carry_the_versions(path):
    save_model(CNNDigitClassifier(), path)
    versions = json.loads(members(path)["versions.json"])
    assert versions == {name: version(name) for name in ("sk_mnist_cnn", "scikit-learn", "keras", "numpy")}


@pytest.mark.parametrize("package", ["sk_mnist_cnn", "scikit-learn"])
def test_other_versions_give_a_warning(package, path):
    save_model(CNNDigitClassifier(epochs=3), path)
    versions = json.loads(members(path)["versions.json"])
    forge(path, {"versions.json": json.dumps({**versions, package: "0.0.1"})})
    with pytest.warns(UserWarning, match=rf"{package} 0\.0\.1 .* {version(package)}") as caught:
        assert load_model(path).epochs == 3
    assert caught[0].filename == __file__


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    save_model(CNNDigitClassifier(epochs=3), path)

    def full(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_model(CNNDigitClassifier(epochs=4), path)
    assert load_model(path).epochs == 3
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (FunctionTransformer(lambda X: X), "lambda"),
        (FunctionTransformer(kw_args={"matrix": csr_array(np.eye(2))}), "sparse matrix"),
    ],
    ids=["lambda", "sparse"],
)
def test_what_could_not_be_loaded_is_not_saved(model, problem, path):
    save_model(CNNDigitClassifier(epochs=3), path)
    with pytest.raises(ValueError, match=f"`estimator` must hold only what can be loaded again.*{problem}"):
        save_model(model, path)
    assert load_model(path).epochs == 3


def test_keras_objects_are_refused_by_name(path):
    import keras

    class Quiet(keras.callbacks.Callback):
        pass

    pipeline = make_pipeline(ImagePreprocessor(), CNNDigitClassifier(callbacks=[Quiet()]))
    with pytest.raises(ValueError, match=r"cnndigitclassifier__callbacks must hold no Keras .*set_params\("):
        save_model(pipeline, path)
    with pytest.raises(ValueError, match="optimizer must hold no Keras object"):
        save_model(CNNDigitClassifier(optimizer=keras.optimizers.Adam()), path)
    search = GridSearchCV(CNNDigitClassifier(), {"optimizer": ["sgd", keras.optimizers.Adam()]})
    with pytest.raises(ValueError, match="param_grid must hold no Keras object"):
        save_model(search, path)
    assert not path.exists()


def test_wrong_arguments_are_named(path):
    with pytest.raises(TypeError, match="`estimator` must be a scikit-learn estimator, got"):
        save_model({}, path)
    with pytest.raises(TypeError, match=r"`estimator` must be .* Pass an instance"):
        save_model(CNNDigitClassifier, path)
    with pytest.raises(TypeError, match="`path` must be a str or a PathLike, got 3"):
        save_model(CNNDigitClassifier(), 3)
    with pytest.raises(FileNotFoundError, match="`path` must be a file in an existing directory"):
        save_model(CNNDigitClassifier(), path / "below")
    with pytest.raises(FileNotFoundError, match="`path` must be a file in an existing directory"):
        save_model(CNNDigitClassifier(), path.parent)
    with pytest.raises(TypeError, match="`path` must be a str or a PathLike, got None"):
        load_model(None)
    with pytest.raises(FileNotFoundError, match=r"model\.skops"):
        load_model(path)
    for trusted in (True, "sk_mnist_cnn.Type"):
        with pytest.raises(TypeError, match="`trusted` must be a list"):
            load_model(path, trusted=trusted)


def test_without_skops_the_error_says_how_to_install_it(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops.io", None)
    for use in (lambda: save_model(CNNDigitClassifier(), path), lambda: load_model(path)):
        with pytest.raises(ImportError, match=r'pip install "sk_mnist_cnn\[persistence\]"'):
            use()


# Hostile files. Payloads leave a marker, which a test looks for.


class Bomb(BaseEstimator):
    """Runs when it is unpickled."""

    def __init__(self, marker=None):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.fixture
def marker(tmp_path):
    marker = tmp_path / "marker"
    yield str(marker)
    assert not marker.exists(), "the payload was run"


@pytest.fixture
def good(path):
    """A small file as save_model writes it, with an array in it."""
    save_model(FunctionTransformer(kw_args={"array": np.arange(10.0)}), path)
    return path


def members(path):
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def forge(path, changes=(), compression=ZIP_STORED):
    """Write a file anew with some of its members changed or added."""
    contents = {**members(path), **dict(changes)}
    with ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def forge_schema(path, change):
    schema = json.loads(members(path)["schema.json"])
    forge(path, {"schema.json": json.dumps(change(schema) or schema)})


def parameter_nodes(schema):
    """The parameters of the estimator that a schema describes, by name."""
    return schema["content"]["content"]


def refuses(path, match="must be an intact file written by save_model"):
    with pytest.raises(ValueError, match=match):
        load_model(path)


def node(module, name, loader="ObjectNode", **content):
    return {"__module__": module, "__class__": name, "__loader__": loader, "__id__": 1, **content}


def test_a_pickle_is_not_unpickled(path, marker):
    path.write_bytes(pickle.dumps(Bomb(marker)))
    refuses(path)


def test_arrays_are_not_unpickled(good, marker):
    array = io.BytesIO()
    np.save(array, np.array([Bomb(marker)]), allow_pickle=True)
    forge(good, {name: array.getvalue() for name in members(good) if name.endswith(".npy")})
    refuses(good, "allow_pickle=False")


def test_a_keras_file_is_refused(path, marker):
    import keras

    function = eval(f"lambda x: __import__('os').mkdir({marker!r})")
    network = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(function, output_shape=(2,))])
    network.save(path.with_suffix(".keras"))
    path.with_suffix(".keras").rename(path)
    refuses(path)


def test_foreign_types_are_named_and_not_imported(good, tmp_path, monkeypatch):
    marker = tmp_path / "marker"
    (tmp_path / "foreign_to_us.py").write_text(
        f"open({str(marker)!r}, 'w').close()\nclass Foreign:\n    def get_params(self): return {{}}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "foreign_to_us", raising=False)
    forge_schema(good, lambda schema: {**node("foreign_to_us", "Foreign"), "protocol": schema["protocol"]})
    refuses(good, r"(?s)`trusted` must name .*'foreign_to_us.Foreign'.*pass their names")
    assert not marker.exists()
    assert type(load_model(good, trusted=["foreign_to_us.Foreign"])).__name__ == "Foreign"
    assert marker.exists(), "the payload does not work, so that this test shows nothing"


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.system, f"{os.system.__module__}.system"),
        (eval, "builtins.eval"),
        (methodcaller("mkdir"), "operator.methodcaller"),
        (subprocess.Popen, "subprocess.Popen"),
        (load_digits, "sklearn.datasets._base.load_digits"),
        (CNNDigitClassifier().predict, "sk_mnist_cnn.classifier.CNNDigitClassifier.predict"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_functions_inside_trusted_estimators_are_refused(function, name, path):
    save_model(FunctionTransformer(function), path)
    refuses(path, f"(?s)`trusted` must name .*{name}")
    assert isinstance(load_model(path, trusted=[name]), FunctionTransformer)


def test_calls_in_a_schema_are_refused(good, marker):
    def call(loader, module, name, *args, **extra):
        args = node("builtins", "tuple", "TupleNode", content=[args_node(arg) for arg in args], __id__=2)
        return node(module, name, loader, content=args, attrs=args, **extra)

    def args_node(arg):
        return node("builtins", "str", "JsonNode", content=json.dumps(arg), __id__=3)

    calls = [
        call("ConstructorFromReduceNode", "os", "mkdir", marker),
        call("ConstructorFromReduceNode", "builtins", "eval", f"__import__('os').mkdir({marker!r})"),
        call("OperatorFuncNode", "operator", "methodcaller", "mkdir"),
        {
            **call("LossNode", "os", "mkdir", marker),
            "__reduce__": {"args": call("", "", "", marker)["content"]},
        },
    ]
    for hostile in calls:
        forge_schema(good, lambda schema, hostile=hostile: parameter_nodes(schema).update(func=hostile))
        refuses(good, "(?s)`trusted` must name .*Untrusted types found")


def test_nothing_is_decompressed(good):
    forge(good, {"0.npy": bytes(50_000_000)}, ZIP_DEFLATED)
    assert good.stat().st_size < 100_000
    tracemalloc.start()
    refuses(good, "must be stored uncompressed")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_members_do_not_share_their_bytes(good):
    forge(good, {"0.npy": bytes(100_000)})
    with ZipFile(good, "a") as archive:
        for i in range(1, 5):
            twin = copy.copy(archive.getinfo("0.npy"))
            twin.filename = f"{i}.npy"
            archive.filelist.append(twin)
        archive.comment = b"so that the table of contents is written anew"
    refuses(good, "must not claim to be larger")


def test_a_member_is_read_for_one_object(good):
    def reuse(schema):
        array = parameter_nodes(schema)["kw_args"]["content"]["array"]
        arrays = [{**array, "__id__": i} for i in range(1, 100)]
        parameter_nodes(schema)["func"] = node("builtins", "list", "ListNode", content=arrays)

    forge_schema(good, reuse)
    refuses(good, "belongs to more than one object")


def test_objects_cannot_multiply(good):
    """Each level names the one below twice, by its id: skops alone would audit 2^40 nodes."""

    def multiply(schema):
        level = node("builtins", "list", "ListNode", content=[])
        for i in range(2, 42):
            again = {**node("builtins", "list", "ListNode", content=[]), "__id__": level["__id__"]}
            level = {**node("builtins", "list", "ListNode", content=[level, again]), "__id__": i}
        parameter_nodes(schema)["func"] = level

    forge_schema(good, multiply)
    refuses(good, "in more than one way")


@pytest.mark.parametrize("name", ["../evil.npy", "/etc/evil.npy", "a\\..\\evil.npy", "folder/"])
def test_odd_member_names_are_refused(good, name):
    forge(good, {name: b""})
    refuses(good, "must have plain names")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_repeated_member_names_are_refused(good):
    with ZipFile(good, "a") as archive:
        archive.writestr("schema.json", "{}")
    refuses(good, "one twice")


@pytest.mark.parametrize("part", [0, 1, 21, 0.5, -23, -1])
def test_a_truncated_file_is_refused(good, part):
    whole = good.read_bytes()
    good.write_bytes(whole[: int(part * len(whole)) if part == 0.5 else part])
    refuses(good)


DEEP = 100_000


@pytest.mark.parametrize(
    "schema",
    [
        b"",
        b"\xff\xfe",
        "{",
        "[]",
        "null",
        "17",
        '"text"',
        "{}",
        '{"protocol": true}',
        "[" * DEEP + "]" * DEEP,
        '{"content":' * DEEP + "1" + "}" * DEEP,
        json.dumps({**node("builtins", "list", "ListNode", content=[]), "protocol": 2}),
        json.dumps({**node("sklearn.pipeline", "Pipeline", "NoNode"), "protocol": 2}),
        json.dumps({**node("sklearn.pipeline", "NoPipeline"), "protocol": 99}),
        json.dumps({**node(["sklearn"], {}), "protocol": 2}),
    ],
    ids=range(15),
)
def test_a_nonsense_schema_is_refused(good, schema):
    forge(good, {"schema.json": schema})
    refuses(good)


def test_a_deeply_nested_object_is_refused(good):
    def nest(schema):
        level = node("builtins", "list", "ListNode", content=[])
        for i in range(2, 300):
            level = {**node("builtins", "list", "ListNode", content=[level]), "__id__": i}
        parameter_nodes(schema)["func"] = level

    forge_schema(good, nest)
    refuses(good, "RecursionError")


def test_an_array_that_claims_to_be_vast_is_refused(good):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }\n"
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    forge(good, {name: array for name in members(good) if name.endswith(".npy")})
    refuses(good)


def test_a_file_without_versions_is_refused(good):
    with ZipFile(good) as archive:
        schema = archive.read("schema.json")
    with ZipFile(good, "w") as archive:
        archive.writestr("schema.json", schema)
    refuses(good, r"versions\.json")


def test_any_damage_to_a_schema_gives_a_value_error_or_an_estimator(good):
    schema = json.loads(members(good)["schema.json"])
    places = list(places_in(schema))
    chance = random.Random(0)
    for _ in range(150):
        damaged = copy.deepcopy(schema)
        *parents, last = chance.choice(places)
        place = damaged
        for key in parents:
            place = place[key]
        place[last] = chance.choice([None, 0, -1, "text", [], {}, ["a"], {"__id__": 1}])
        forge(good, {"schema.json": json.dumps(damaged)})
        with contextlib.suppress(ValueError):
            assert hasattr(load_model(good), "get_params")


def places_in(part, place=()):
    """Yield the way to every value in a schema."""
    keys = part.keys() if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ()
    for key in keys:
        yield (*place, key)
        yield from places_in(part[key], (*place, key))


if __name__ == "__main__":
    write_release_files()
