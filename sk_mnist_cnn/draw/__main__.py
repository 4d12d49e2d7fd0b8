"""Command line of the drawing page: reserve a port, load a model, and serve the page."""

import argparse
import threading
import webbrowser
from pathlib import Path
from typing import Any

from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from .._files import is_destination
from ..datasets import load_mnist_sample
from ..normalization import MNISTNormalizer
from ..persistence import load_model, save_model
from ..pretrained import load_pretrained
from ._recognizer import Recognizer
from ._server import DrawingServer


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = _parse(arguments)
    one_thread = threadpool_limits(1, user_api="blas")  # more slow down the products of small matrices
    with one_thread, _open_server(options.port) as server:
        try:
            server.recognizer = Recognizer(load(options.model))
            mnist = load_mnist_sample()
            is_right = server.recognizer.model.predict_proba(mnist.x_test).argmax(axis=1) == mnist.y_test
        except (OSError, ValueError) as error:
            if options.model is None:
                raise
            raise SystemExit(f"Cannot use --model {options.model}: {error}") from error
        print(f"The test accuracy is {is_right.mean():.1%}.")
        print(f"Draw at {server.address} (press Ctrl+C to stop)", flush=True)
        if not options.no_browser:
            threading.Thread(target=webbrowser.open, args=[server.address], daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("Stopped.")


def load(path: Path | None) -> Any:
    """Return the model at `path`. If there is no file, return the pretrained model, saved at `path`."""
    if path is not None and path.is_file():
        return load_model(path)
    model = Pipeline([("mnistnormalizer", MNISTNormalizer()), *load_pretrained().steps])
    if path is not None:
        save_model(model, path)
        print(f"The model is saved as {path}.")
    return model


def _parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m sk_mnist_cnn.draw",
        description="Serve a web page on 127.0.0.1 that recognizes the digits you draw on it.",
    )
    parser.add_argument(
        "--model",
        type=Path,
        help="file saved by save_model; if it does not exist, the model of load_pretrained is saved there "
        "(default: use the model of load_pretrained and do not save it)",
    )
    parser.add_argument(
        "--port", type=int, default=7860, help="port on 127.0.0.1, or 0 for any free port (%(default)s)"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open the page in a browser")
    options = parser.parse_args(arguments)
    if not 0 <= options.port < 2**16:
        parser.error(f"--port must be between 0 and 65535, got {options.port}")
    if options.model is not None and not is_destination(options.model):
        parser.error(f"--model must be a file in an existing directory, got {options.model}")
    return options


def _open_server(port):
    """Return a server that listens on `port`, or else on a free port."""
    try:
        return DrawingServer(port)
    except OSError as error:
        server = DrawingServer(0)
        print(f"Port {port} cannot be used ({error.strerror}). Using port {server.server_port}.", flush=True)
        return server


if __name__ == "__main__":
    main()
