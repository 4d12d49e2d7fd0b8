"""The server without a browser: files, answers, and requests that it must refuse."""

import http.client
import json
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_info

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor
from sk_mnist_cnn.draw import __main__ as command
from sk_mnist_cnn.draw._recognizer import Recognizer
from sk_mnist_cnn.draw._server import MAX_BODY, DrawingServer
from sk_mnist_cnn.persistence import load_model, save_model
from tests.draw.strokes import DIGITS, NO_DIGITS, as_png

JSON, PNG = ({"Content-Type": kind} for kind in ("application/json", "image/png"))


@pytest.fixture(scope="module")
def server(quick_model):
    with DrawingServer(0) as server:
        server.recognizer = Recognizer(quick_model)
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def request_(server):
    """Send one request, and return the status, the headers and the body of the response."""

    def send(method, path, body=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    return send


@pytest.fixture
def post(request_):
    def send(path, **data):
        status, _, body = request_("POST", path, json.dumps(data), JSON)
        return status, json.loads(body)

    return send


@pytest.fixture
def answer(request_):
    def send(strokes):
        status, _, body = request_("POST", "/answer", as_png(strokes), PNG)
        assert status == 200
        return json.loads(body)

    return send


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html"),
        ("/style.css", "text/css"),
        ("/script.js", "text/javascript"),
        ("/painting.js", "text/javascript"),
    ],
)
def test_sends_the_files_of_the_page(request_, path, content_type):
    status, headers, body = request_("GET", path)
    assert status == 200
    assert headers.get_content_type() == content_type
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert body


@pytest.mark.parametrize(
    "path",
    ["/other", "/../__init__.py", "/%2e%2e/__init__.py", "//etc/passwd", "/page/index.html", "/answer"],
)
def test_sends_no_other_files(request_, path):
    assert request_("GET", path)[0] == 404


def test_answers(post, answer):
    [digit] = answer(DIGITS[7])["digits"]
    assert np.argmax(digit["probabilities"]) == 7
    status, evidence = post("/evidence", image=digit["image"])
    assert status == 200
    assert len(evidence["saliency"]) == 28


def test_counts_corrections(post, answer):
    image = answer(NO_DIGITS["zigzag"])["digits"][0]["image"]
    requests = ("corrections", {}), ("correct", {"image": image, "digit": 4}), ("undo", {})
    for (path, data), count in zip([*requests, requests[1], ("reset", {})], [0, 1, 0, 1, 0], strict=True):
        status, reply = post(f"/{path}", **data)
        assert (status, reply["corrections"]) == (200, count)
    assert reply["can_train"] is True


def test_says_that_a_correction_needs_tensorflow(server, post, monkeypatch):
    message = "Training needs tensorflow. Run: pip install tensorflow"

    def correct(image, digit):
        raise ImportError(message)

    monkeypatch.setattr(server.recognizer, "correct", correct)
    status, reply = post("/correct", image=[[0] * 28] * 28, digit=4)
    assert (status, reply["error"]) == (501, message)


def first_replies(server, request):
    """Send raw bytes, and return all that the server sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: {length}",
        "Content-Length: 0\r\nContent-Length: {length}",
        "Transfer-Encoding: chunked",
        "Content-Length: {length}\r\nTransfer-Encoding: chunked",
        "Content-Length : {length}",
        "Transfer-Encoding : chunked",
        "no header\r\nContent-Length: {length}",
    ],
)
@pytest.mark.parametrize("request_line", ["GET / HTTP/1.1", "POST /undo HTTP/1.1"])
def test_a_body_is_no_second_request(server, framing, request_line):
    host = f"Host: 127.0.0.1:{server.server_port}\r\n"
    second = f"GET /style.css HTTP/1.1\r\n{host}Connection: close\r\n\r\n"
    head = f"{request_line}\r\n{host}Content-Type: application/json\r\n"
    request = f"{head}{framing.format(length=len(second))}\r\n\r\n{second}"
    replies = first_replies(server, request.encode())
    assert replies.startswith(b"HTTP/1.1 400")
    assert replies.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "127.0.0.1.example.com",
        "localhost.example.com:80",
        "127.0.0.1:80@example.com",
        "user@127.0.0.1",
        "localhost:",
        "127.0.0.1:80:80",
        "127.0.0.1:80 ",
        "",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/answer")])
def test_refuses_names_of_other_hosts(request_, method, path, host):
    assert request_(method, path, "{}", {**JSON, "Host": host})[0] == 403


@pytest.mark.parametrize(
    "origin", ["http://example.com", "null", "https://127.0.0.1", "http://127.0.0.1:1", "http://[", ""]
)
def test_refuses_other_sites(request_, origin):
    assert request_("POST", "/reset", "{}", {**JSON, "Origin": origin})[0] == 403


@pytest.mark.parametrize("name", ["Host", "Origin", "Content-Type"])
def test_refuses_repeated_headers(server, name):
    host = f"127.0.0.1:{server.server_port}"
    headers = {"Host": host, "Origin": f"http://{host}", "Content-Type": "application/json"}
    lines = [f"{key}: {value}" for key, value in headers.items()]
    lines += [f"{name}: example.com", "Content-Length: 2", "Connection: close"]
    request = "\r\n".join(["POST /reset HTTP/1.1", *lines, "", "{}"])
    assert first_replies(server, request.encode()).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_accepts_its_own_pages(request_, server, name):
    host = f"{name}:{server.server_port}"
    headers = {**JSON, "Host": host, "Origin": f"http://{host}"}
    assert request_("POST", "/corrections", "{}", headers)[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "headers", "expected"),
    [
        ("/other", "{}", JSON, 404),
        ("/answer", "{}", {"Content-Type": "text/plain"}, 415),
        ("/answer", "{}", JSON, 415),
        ("/answer", "{}", {}, 415),
        ("/correct", "{}", PNG, 415),
        ("/answer", "", {**PNG, "Content-Length": "x"}, 411),
        ("/answer", "", {**PNG, "Content-Length": "-1"}, 411),
        ("/answer", "", {**PNG, "Content-Length": str(MAX_BODY + 1)}, 413),
        ("/answer", "", {**JSON, "Content-Length": "9" * 5000}, 415),
        ("/evidence", "", {**JSON, "Content-Length": "9" * 5000}, 413),
        ("/answer", "", PNG, 400),
        ("/answer", as_png(DIGITS[7])[:200], PNG, 400),
        ("/evidence", "{", JSON, 400),
        ("/evidence", "[" * 100_000, JSON, 400),
        ("/evidence", "[]", JSON, 400),
        ("/evidence", "{}", JSON, 400),
        ("/evidence", '{"image": [[0]]}', JSON, 400),
        ("/correct", json.dumps({"image": [[0] * 28] * 28, "digit": 10}), JSON, 400),
    ],
)
def test_refuses_requests_with_a_reason(request_, path, body, headers, expected):
    status, response, content = request_("POST", path, body, headers)
    assert status == expected
    assert response["Connection"] == "close"
    assert json.loads(content)["error"]


def test_listens_on_this_computer_only(server):
    assert server.server_address[0] == "127.0.0.1"


@pytest.fixture
def no_serving(monkeypatch):
    """Let the command end where it would serve the page."""
    monkeypatch.setattr(DrawingServer, "serve_forever", lambda self: None)


@pytest.mark.usefixtures("no_serving")
def test_command_takes_a_free_port_before_it_loads_the_model(server, quick_model, tmp_path, capsys):
    save_model(quick_model, tmp_path / "model.skops")
    taken = str(server.server_port)
    command.main(["--no-browser", "--port", taken, "--model", str(tmp_path / "model.skops")])
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"Port {taken} cannot be used")
    port = first.rstrip(".").split()[-1]
    assert port != taken
    assert f"http://127.0.0.1:{port}/" in last


def test_command_uses_one_thread_for_small_matrices(quick_model, tmp_path, monkeypatch):
    def count_threads(self):
        n_threads.extend(info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas")

    n_threads: list[int] = []
    monkeypatch.setattr(DrawingServer, "serve_forever", count_threads)
    save_model(quick_model, tmp_path / "model.skops")
    command.main(["--no-browser", "--port", "0", "--model", str(tmp_path / "model.skops")])
    assert set(n_threads) == {1}


@pytest.mark.slow
@pytest.mark.usefixtures("no_serving")
def test_command_saves_the_pretrained_model_for_pictures(tmp_path, capsys):
    path = tmp_path / "model.skops"
    command.main(["--no-browser", "--port", "0", "--model", str(path)])
    shown = capsys.readouterr().out
    assert f"The model is saved as {path}." in shown
    assert "Draw at" in shown
    assert load_model(path).predict([as_png(DIGITS[5])]).tolist() == [5]


@pytest.mark.usefixtures("no_serving")
def test_command_loads_the_model_that_exists(quick_model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "load_pretrained", lambda: pytest.fail("another model"))
    save_model(quick_model, tmp_path / "model.skops")
    command.main(["--no-browser", "--port", "0", "--model", str(tmp_path / "model.skops")])
    assert "saved" not in capsys.readouterr().out


@pytest.mark.slow
def test_command_imports_no_tensorflow():
    code = """
import sys
from sk_mnist_cnn.draw import __main__ as command
command.DrawingServer.serve_forever = lambda self: None
command.main(["--no-browser", "--port", "0"])
assert not {"keras", "skops", "tensorflow"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize(
    "arguments",
    [["--port", "70000"], ["--port", "-1"], ["--model", "no/such/folder/model.skops"], ["--model", "."]],
)
def test_command_refuses_arguments_before_it_loads_the_model(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(arguments)
    assert stop.value.code == 2
    assert arguments[0] in capsys.readouterr().err


@pytest.mark.usefixtures("no_serving")
def test_command_names_a_model_of_images_of_another_size(digits, tmp_path):
    images, y = digits
    classifier = CNNDigitClassifier((4,), dense_units=(), epochs=1, random_state=0)
    path = tmp_path / "model.skops"
    save_model(make_pipeline(ImagePreprocessor(), classifier).fit(images, y), path)
    message = r"Cannot use --model .*model\.skops: X must hold images of shape \(8, 8, 1\), .* \(28, 28, 1\)"
    with pytest.raises(SystemExit, match=message):
        command.main(["--no-browser", "--port", "0", "--model", str(path)])


def test_command_names_a_model_that_it_cannot_use(tmp_path):
    path = tmp_path / "model.skops"
    path.write_bytes(b"no model")
    with pytest.raises(SystemExit, match=r"Cannot use --model .*model\.skops"):
        command.main(["--no-browser", "--port", "0", "--model", str(path)])
