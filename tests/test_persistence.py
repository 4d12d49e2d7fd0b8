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
from functools import partial
from importlib.metadata import version
from operator import methodcaller
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import joblib
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

import sk_mnist_cnn
from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, MNISTNormalizer, persistence
from sk_mnist_cnn.persistence import load_model, save_model

DATA = Path(__file__).parent / "data"
RELEASES = sorted(DATA.glob("pipeline-*.skops"))


def write_release_files():
    """Write the file of this release, once: `python tests/test_persistence.py`."""
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
    """Return the hyper-parameters as text, because nested estimators are not equal to their copies."""
    return {name: repr(value) for name, value in estimator.get_params().items()}


@pytest.mark.parametrize("name", ["fitted", "fitted_pipeline", "fitted_search"])
def test_loaded_model_predicts_the_same(name, request, path):
    model = request.getfixturevalue(name)
    X = load_digits().data / (16 if name == "fitted" else 1)  # Pipelines take raw pixels
    loaded = saved_and_loaded(model, path)
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert parameters(loaded) == parameters(model)


def test_loaded_search_keeps_its_results(fitted_search, path):
    loaded = saved_and_loaded(fitted_search, path)
    assert loaded.best_params_ == fitted_search.best_params_
    assert loaded.cv_results_.keys() == fitted_search.cv_results_.keys()
    assert_array_equal(loaded.cv_results_["mean_test_score"], fitted_search.cv_results_["mean_test_score"])
    assert loaded.score(*load_digits(return_X_y=True)) == fitted_search.score(*load_digits(return_X_y=True))


@pytest.mark.slow
def test_new_process_predicts_the_same(fitted_pipeline, path):
    X = load_digits().data[:50]
    save_model(fitted_pipeline, path)
    code = f"""
import sys
import numpy as np
from sklearn.datasets import load_digits
from sk_mnist_cnn.persistence import load_model, save_model
model = load_model({str(path)!r})
save_model(model, {str(path)!r})
assert not {{"keras", "tensorflow"}} & sys.modules.keys(), "loading and saving imported Keras"
np.save({str(path.with_suffix(".npy"))!r}, model.predict_proba(load_digits().data[:50]))
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert_array_equal(np.load(path.with_suffix(".npy")), fitted_pipeline.predict_proba(X))


def test_training_continues_after_loading(fitted, digits, path):
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


def test_memory_mapped_arrays_round_trip(fitted, digits, path, tmp_path):
    joblib.dump(fitted, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert isinstance(mapped._weights[0], np.memmap)
    loaded = saved_and_loaded(mapped, path)
    assert_array_equal(loaded.predict_proba(digits[0][:50]), fitted.predict_proba(digits[0][:50]))
    assert isinstance(mapped._weights[0], np.memmap)


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
def test_files_of_all_releases_can_be_loaded(file):
    model = load_model(file)
    with np.load(file.with_suffix(".npz")) as expected:
        assert_allclose(model.predict_proba(expected["X"]), expected["probabilities"], atol=1e-5)
    assert clone(model).get_params().keys() == model.get_params().keys()


@pytest.mark.parametrize("restored", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_parameters_of_later_releases_get_their_defaults(fitted, restored):
    older = copy.deepcopy(fitted)
    del older.label_smoothing
    assert restored(older).get_params() == fitted.get_params()


def test_there_is_a_file_of_each_release():
    assert RELEASES


# Saving


def test_accepts_str_and_pathlike(path):
    save_model(CNNDigitClassifier(epochs=3), str(path))
    assert load_model(str(path)).epochs == load_model(path).epochs == 3


def test_files_hold_the_versions(path):
    save_model(CNNDigitClassifier(), path)
    versions = json.loads(members(path)["versions.json"])
    assert versions == {name: version(name) for name in ("sk_mnist_cnn", "scikit-learn", "keras", "numpy")}


@pytest.mark.parametrize("package", ["sk_mnist_cnn", "scikit-learn"])
def test_warns_about_other_versions(package, path):
    save_model(CNNDigitClassifier(epochs=3), path)
    versions = json.loads(members(path)["versions.json"])
    forge(path, {"versions.json": json.dumps({**versions, package: "0.0.1"})})
    with pytest.warns(UserWarning, match=rf"{package} 0\.0\.1 .* {version(package)}") as caught:
        assert load_model(path).epochs == 3
    assert caught[0].filename == __file__


def test_failed_write_keeps_the_old_file(path, monkeypatch):
    save_model(CNNDigitClassifier(epochs=3), path)

    def full(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_model(CNNDigitClassifier(epochs=4), path)
    assert load_model(path).epochs == 3
    assert os.listdir(path.parent) == [path.name]


def out_of_memory(*args, **kwargs):
    raise MemoryError


def test_too_little_memory_is_not_a_damaged_file(path, monkeypatch):
    save_model(CNNDigitClassifier(epochs=3), path)
    monkeypatch.setattr(persistence, "read_members", out_of_memory)
    with pytest.raises(MemoryError):
        load_model(path)
    with pytest.raises(MemoryError):
        save_model(CNNDigitClassifier(epochs=4), path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in directories")
def test_a_pipe_is_not_replaced(path):
    os.mkfifo(path)
    with pytest.raises(FileNotFoundError, match="not a regular file"):
        save_model(CNNDigitClassifier(epochs=4), path)
    assert path.is_fifo()


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (
            CNNDigitClassifier(learning_rate_schedule=lambda step: 0.1),
            r"learning_rate_schedule must hold no lambda or local .* set_params\(learning_rate_schedule=",
        ),
        (
            make_pipeline(FunctionTransformer(partial(lambda X, y: X, y=2))),
            "functiontransformer__func must hold no lambda",
        ),
        (
            GridSearchCV(CNNDigitClassifier(), {"learning_rate_schedule": ["cosine", lambda step: 0.1]}),
            "param_grid must hold no lambda",
        ),
        (
            FunctionTransformer(kw_args={"matrix": csr_array(np.eye(2))}),
            "estimator must hold only what can be loaded again, got FunctionTransformer: .*sparse matrix",
        ),
    ],
    ids=["lambda", "partial", "search", "sparse"],
)
def test_raises_for_objects_that_cannot_be_loaded(model, problem, path):
    save_model(CNNDigitClassifier(epochs=3), path)
    with pytest.raises(ValueError, match=problem):
        save_model(model, path)
    assert load_model(path).epochs == 3


def test_raises_for_keras_objects(path):
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


def test_raises_for_wrong_arguments(path):
    with pytest.raises(TypeError, match="estimator must be a scikit-learn estimator, got"):
        save_model({}, path)
    with pytest.raises(TypeError, match=r"estimator must be .* Pass an instance"):
        save_model(CNNDigitClassifier, path)
    with pytest.raises(TypeError, match="path must be a str or a PathLike, got 3"):
        save_model(CNNDigitClassifier(), 3)
    with pytest.raises(FileNotFoundError, match="path must be a file in an existing directory"):
        save_model(CNNDigitClassifier(), path / "below")
    with pytest.raises(FileNotFoundError, match="path must be a file in an existing directory"):
        save_model(CNNDigitClassifier(), path.parent)
    with pytest.raises(TypeError, match="path must be a str or a PathLike, got None"):
        load_model(None)
    with pytest.raises(
        FileNotFoundError, match=r"path must be an existing file, got .*model\.skops.* Correct"
    ):
        load_model(path)
    with pytest.raises(IsADirectoryError, match=r"path must be an existing file, got .* Correct the path"):
        load_model(path.parent)
    for trusted in (True, "sk_mnist_cnn.Type"):
        with pytest.raises(TypeError, match="trusted must be a list"):
            load_model(path, trusted=trusted)


# Files that are read without skops


def classifier_of_many_types():
    """A classifier with all types of values that are read without skops, fitted on labels of type object."""
    X, y = load_digits(n_class=3, return_X_y=True)
    return CNNDigitClassifier(
        filters=np.array([2]),
        kernel_size=[(3, 2)],
        dense_units=(np.int64(4),),
        learning_rate=np.float32(0.5),
        early_stopping=np.bool_(False),
        optimizer=np.str_("adam"),
        class_weight={"0": 1, "1": 0.5, "2": 2.0},
        epochs=1,
        warm_start=True,
        random_state=0,
    ).fit(X / 16, y.astype(str).astype(object))


def assert_same(one, other):
    """Assert that two objects hold the same values of the same types."""
    assert type(one) is type(other)
    if isinstance(one, BaseEstimator):
        assert_same(vars(one), vars(other))
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        assert_same(list(one.values()), list(other.values()))
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for item, other_item in zip(one, other, strict=True):
            assert_same(item, other_item)
    elif isinstance(one, np.ndarray):
        assert_array_equal(one, other, strict=True)
    else:
        assert one == other


@pytest.mark.parametrize(
    "make_model",
    [
        lambda pipeline: pipeline,
        lambda pipeline: classifier_of_many_types(),
        lambda pipeline: MNISTNormalizer(size=14),
        lambda pipeline: make_pipeline(MNISTNormalizer(), pipeline, memory="cache"),
        lambda pipeline: CNNDigitClassifier(class_weight={1: 2.0, 2: 0.5}, image_shape=np.array([8, 8])),
        lambda pipeline: CNNDigitClassifier(image_shape=np.array([[8, 8]], dtype=object)),
    ],
    ids=["pipeline", "types", "normalizer", "nested", "parameters", "object array"],
)
def test_plain_files_load_as_with_skops(make_model, fitted_pipeline, path, monkeypatch):
    from skops import io

    save_model(make_model(fitted_pipeline), path)
    expected = io.load(path, trusted=persistence.TRUSTED_TYPES)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    assert_same(load_model(path), expected)


def test_shared_objects_are_read_once(path):
    shared = [1, 2]
    save_model(CNNDigitClassifier(filters=shared, dense_units=shared), path)
    loaded = load_model(path)
    assert loaded.filters is loaded.dense_units


def test_loading_imports_neither_skops_nor_keras(fitted_pipeline, path):
    save_model(fitted_pipeline, path)
    code = f"""
import sys
from sk_mnist_cnn import load_model
load_model({str(path)!r})
costly = {{"dask", "keras", "matplotlib", "scikeras", "skops", "sklearn.metrics", "tensorflow", "torch"}}
assert not costly & sys.modules.keys(), costly & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_trusted_types_are_the_estimators_of_this_package():
    public = (getattr(sk_mnist_cnn, name) for name in sk_mnist_cnn.__all__)
    estimators = [item for item in public if isinstance(item, type) and issubclass(item, BaseEstimator)]
    names = {f"{item.__module__}.{item.__qualname__}" for item in estimators}
    assert names == set(persistence.TRUSTED_TYPES)
    own = {name for name in persistence._trusted_names() if name.startswith("sk_mnist_cnn.")}
    assert own == names


# Fitted classifiers whose arrays are not those of their network


def save_unchecked(model, path):
    """Save a model as save_model does, but without its checks."""
    from skops import io

    path.write_bytes(persistence._add_versions(io.dumps(model)))


def with_network(model, **changes):
    """Return a copy of a fitted classifier with changes to its architecture."""
    model = copy.deepcopy(model)
    (network,) = (value for value in vars(model).values() if isinstance(value, dict) and "blocks" in value)
    network.update(changes)
    return model


def with_attributes(model, **changes):
    model = copy.deepcopy(model)
    vars(model).update(changes)
    return model


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"dense_units": (10**9, 16)}, "the weights must have the shapes"),
        ({"dense_units": (32, 16, 16)}, "the weights must have the shapes"),
        ({"dense_units": (32.0, 16)}, "dense_units must be a sequence of integers"),
        ({"dense_units": [32, 16]}, "impossible network"),
        ({"n_classes": 9}, "the weights must have the shapes"),
        ({"n_classes": 1}, "n_classes"),
        ({"image_shape": (10**9, 10**9, 1)}, "the weights must have the shapes"),
        ({"image_shape": (-8, -8, 1)}, "image_shape"),
        ({"blocks": ((8, (3, 3), (0, 0)), (16, (3, 3), (2, 2)))}, "pool_size"),
        ({"blocks": ((8, (3, 3), (2, 2)), (16, (9, 9), (2, 2)))}, "impossible network"),
        ({"blocks": ((8, (3, 3)),)}, "not enough values"),
        ({"blocks": 5}, "intact file"),
        ({"dtype": "float64"}, "the weights must have the shapes and dtypes"),
        ({"dtype": "complex64"}, "dtype must be one of"),
        ({"activation": {"class_name": "Lambda"}}, "activation"),
        ({"surprise": 1}, "surprise"),
    ],
    ids=str,
)
def test_raises_for_another_network(fitted, path, changes, match):
    save_unchecked(with_network(fitted, **changes), path)
    tracemalloc.start()
    refuses(path, match)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda w: w[:-1], "the weights must have the shapes"),
        (lambda w: (w[0][:2], *w[1:]), "the weights must have the shapes"),
        (
            lambda w: tuple(array.astype(np.float64) for array in w),
            "the weights must have the shapes and dtypes",
        ),
        (lambda w: (w[0] * np.float32("nan"), *w[1:]), "the weights must be finite"),
        (lambda w: (*w[:-1], w[-1] + np.float32("inf")), "the weights must be finite"),
        (lambda w: (), "the weights must have the shapes"),
        (lambda w: None, "intact file"),
        (lambda w: tuple(array.tolist() for array in w), "intact file"),
    ],
    ids=["fewer", "shape", "dtype", "nan", "infinite", "none", "None", "lists"],
)
def test_raises_for_wrong_weights(fitted, path, change, match):
    save_unchecked(with_attributes(fitted, _weights=change(fitted._weights)), path)
    refuses(path, match)


@pytest.mark.parametrize(
    "changes",
    [
        {"classes_": np.arange(9)},
        {"classes_": np.arange(20).reshape(10, 2)},
        {"classes_": list(range(10))},
        {"image_shape_": (64, 1, 1)},
    ],
    ids=str,
)
def test_raises_for_attributes_that_do_not_fit(fitted, path, changes):
    save_unchecked(with_attributes(fitted, **changes), path)
    refuses(path)


def test_raises_for_wrong_weights_inside_a_search(fitted, path):
    search = GridSearchCV(fitted, {"epochs": [1]})
    search.best_estimator_ = with_attributes(fitted, _weights=fitted._weights[1:])
    save_unchecked(search, path)
    refuses(path, "the weights must have the shapes")


@pytest.mark.parametrize("name", ["_weights", "classes_", "image_shape_"])
def test_raises_for_missing_attributes(fitted, path, name):
    model = copy.deepcopy(fitted)
    delattr(model, name)
    save_unchecked(model, path)
    refuses(path, name)


def test_raises_for_a_pipeline_without_steps(path):
    pipeline = make_pipeline(ImagePreprocessor())
    del pipeline.steps
    save_unchecked(pipeline, path)
    refuses(path, "steps")


# Hostile files, whose payload would leave a marker


class Bomb(BaseEstimator):
    """Creates a directory when it is unpickled."""

    def __init__(self, marker=None):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.fixture
def marker(tmp_path):
    marker = tmp_path / "marker"
    yield str(marker)
    assert not marker.exists(), "the payload was executed"


@pytest.fixture
def good(path):
    """A small file that was saved by save_model, with an array in it."""
    save_model(FunctionTransformer(kw_args={"array": np.arange(10.0)}), path)
    return path


def members(path):
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def forge(path, changes=(), compression=ZIP_STORED):
    """Change or add members of a file."""
    contents = {**members(path), **dict(changes)}
    with ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def forge_schema(path, change):
    schema = json.loads(members(path)["schema.json"])
    forge(path, {"schema.json": json.dumps(change(schema) or schema)})


def parameter_nodes(schema):
    """Return the nodes of the parameters of the estimator that a schema describes."""
    return schema["content"]["content"]


def refuses(path, match="must be an intact file saved by save_model"):
    with pytest.raises(ValueError, match=match):
        load_model(path)


def node(module, name, loader="ObjectNode", **content):
    return {"__module__": module, "__class__": name, "__loader__": loader, "__id__": 1, **content}


def test_pickles_are_not_unpickled(path, marker):
    path.write_bytes(pickle.dumps(Bomb(marker)))
    refuses(path)


def test_arrays_are_not_unpickled(good, marker):
    array = io.BytesIO()
    np.save(array, np.array([Bomb(marker)]), allow_pickle=True)
    forge(good, {name: array.getvalue() for name in members(good) if name.endswith(".npy")})
    refuses(good, "allow_pickle=False")


def test_raises_for_a_keras_file(path, marker):
    import keras

    function = eval(f"lambda x: __import__('os').mkdir({marker!r})")
    network = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(function, output_shape=(2,))])
    network.save(path.with_suffix(".keras"))
    path.with_suffix(".keras").rename(path)
    refuses(path)


def test_types_of_other_packages_are_named_and_not_imported(good, tmp_path, monkeypatch):
    marker = tmp_path / "marker"
    (tmp_path / "foreign_to_us.py").write_text(
        f"open({str(marker)!r}, 'w').close()\nclass Foreign:\n    def get_params(self): return {{}}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "foreign_to_us", raising=False)
    forge_schema(good, lambda schema: {**node("foreign_to_us", "Foreign"), "protocol": schema["protocol"]})
    refuses(good, r"(?s)trusted must name .*'foreign_to_us.Foreign'.*pass their names")
    assert not marker.exists()
    assert type(load_model(good, trusted=["foreign_to_us.Foreign"])).__name__ == "Foreign"
    assert marker.exists(), "the payload does not work, so the test proves nothing"


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
def test_raises_for_functions_inside_trusted_estimators(function, name, path):
    save_model(FunctionTransformer(function), path)
    refuses(path, f"(?s)trusted must name .*{name}")
    assert isinstance(load_model(path, trusted=[name]), FunctionTransformer)


def test_raises_for_calls_in_a_schema(good, marker):
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
        refuses(good, "trusted must name the types of other packages in the file, which are")


def test_nothing_is_decompressed(good):
    forge(good, {"0.npy": bytes(50_000_000)}, ZIP_DEFLATED)
    assert good.stat().st_size < 100_000
    tracemalloc.start()
    refuses(good, "must be stored uncompressed")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_raises_for_members_that_share_their_bytes(good):
    forge(good, {"0.npy": bytes(100_000)})
    with ZipFile(good, "a") as archive:
        for i in range(1, 5):
            twin = copy.copy(archive.getinfo("0.npy"))
            twin.filename = f"{i}.npy"
            archive.filelist.append(twin)
        archive.comment = b"so that the table of contents is written again"
    refuses(good, "must not claim to be larger")


def test_raises_for_a_member_of_many_objects(good):
    def reuse(schema):
        array = parameter_nodes(schema)["kw_args"]["content"]["array"]
        arrays = [{**array, "__id__": i} for i in range(1, 100)]
        parameter_nodes(schema)["func"] = node("builtins", "list", "ListNode", content=arrays)

    forge_schema(good, reuse)
    refuses(good, "belongs to more than one object")


def test_raises_for_exponentially_nested_objects(good):
    """Each level holds the one below twice, by its id: skops alone would audit 2^40 nodes."""

    def multiply(schema):
        level = node("builtins", "list", "ListNode", content=[])
        for i in range(2, 42):
            again = {**node("builtins", "list", "ListNode", content=[]), "__id__": level["__id__"]}
            level = {**node("builtins", "list", "ListNode", content=[level, again]), "__id__": i}
        parameter_nodes(schema)["func"] = level

    forge_schema(good, multiply)
    refuses(good, "in more than one way")


@pytest.mark.parametrize("name", ["../evil.npy", "/etc/evil.npy", "a\\..\\evil.npy", "folder/"])
def test_raises_for_member_names_with_paths(good, name):
    forge(good, {name: b""})
    refuses(good, "must have plain, unique names")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_raises_for_repeated_member_names(good):
    with ZipFile(good, "a") as archive:
        archive.writestr("schema.json", "{}")
    refuses(good, "one name twice")


@pytest.mark.parametrize("part", [0, 1, 21, 0.5, -23, -1])
def test_raises_for_a_truncated_file(good, part):
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
def test_raises_for_a_damaged_schema(good, schema):
    forge(good, {"schema.json": schema})
    refuses(good)


def test_raises_for_a_deeply_nested_object(good):
    def nest(schema):
        level = node("builtins", "list", "ListNode", content=[])
        for i in range(2, 300):
            level = {**node("builtins", "list", "ListNode", content=[level]), "__id__": i}
        parameter_nodes(schema)["func"] = level

    forge_schema(good, nest)
    refuses(good, "RecursionError")


def test_raises_for_an_array_that_claims_to_be_huge(good):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }\n"
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    forge(good, {name: array for name in members(good) if name.endswith(".npy")})
    refuses(good)


def test_raises_for_a_file_without_versions(good):
    with ZipFile(good) as archive:
        schema = archive.read("schema.json")
    with ZipFile(good, "w") as archive:
        archive.writestr("schema.json", schema)
    refuses(good, r"versions\.json")


def test_damaged_schemas_give_a_value_error_or_an_estimator(good):
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
    """Yield the path to every value in a schema."""
    keys = part.keys() if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ()
    for key in keys:
        yield (*place, key)
        yield from places_in(part[key], (*place, key))


if __name__ == "__main__":
    write_release_files()
