"""The web services of the page about serving answer requests with a picture."""

import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[1] / "docs" / "guide" / "serving.md"
FASTAPI, FLASK = re.findall(r"^```py\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def post_to_fastapi(content):
    pytest.importorskip("python_multipart")
    client = pytest.importorskip("fastapi.testclient").TestClient(run(FASTAPI)["app"])
    response = client.post("/read", files={"picture": content})
    return response.status_code, response.json()


def post_to_flask(content):
    pytest.importorskip("flask")
    response = run(FLASK)["app"].test_client().post("/read", data={"picture": (BytesIO(content), "photo")})
    return response.status_code, response.get_json()


def run(code):
    namespace = {"__name__": "serve"}
    exec(compile(code, str(PAGE), "exec", dont_inherit=True), namespace)
    return namespace


@pytest.mark.slow  # needs the group test-all
@pytest.mark.parametrize("post", [post_to_fastapi, post_to_flask])
def test_service_reads_a_picture_and_rejects_other_files(post, photo):
    status, answer = post(photo)
    assert (status, answer["lines"]) == (200, ["407"])
    assert np.shape(answer["boxes"]) == (3, 4)
    status, answer = post(b"not a picture")
    assert status == 422
    assert "picture" in str(answer)
