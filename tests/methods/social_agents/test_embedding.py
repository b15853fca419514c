"""Embedding: what is alike lies near, a vector depends on its text alone, and servers may say anything."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.embedding import Embedder, EmbeddingFailed, EndpointEmbedder, HashedNgrams


def test_vectors_have_length_one_or_none() -> None:
    vectors = HashedNgrams().embed(["ring", "", "😀 the a", "보라 ngũgĩ", "x"])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 0, 0, 1, 1])
    assert HashedNgrams(64).embed([]).shape == (0, 64)


def test_forms_and_slips_lie_near_and_the_rest_apart() -> None:
    told = ["the dentist appointment", "dentists appointments", "dentsit apointment", "a red bicycle for sale"]
    vectors = HashedNgrams().embed(told)
    near = vectors @ vectors[0]
    assert near[1] > 0.6
    assert near[2] > 0.3
    assert abs(near[3]) < 0.15


def test_a_vector_depends_on_its_own_text_and_not_on_its_order_in_a_list() -> None:
    embedder = HashedNgrams()
    told = ["golden ring", "silver spoon", "golden spoon"]
    assert np.array_equal(embedder.embed(told)[::-1], embedder.embed(told[::-1]))
    assert embedder.embed(["ring golden"])[0] @ embedder.embed(["golden ring"])[0] > 0.7


def test_vectors_stay_what_they_are() -> None:
    """They are kept for years: another hash would need another name."""
    vector = HashedNgrams(64).embed(["golden ring"])[0]
    assert HashedNgrams(64).name == "ngrams-64-3-5"
    assert vector @ np.arange(64) == pytest.approx(-21.386932, abs=1e-5)


@pytest.mark.parametrize("flaw", [{"dimensions": 100}, {"dimensions": 32}, {"shortest": 0}, {"shortest": 6}])
def test_sizes_out_of_range_are_told(flaw: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="must be"):
        HashedNgrams(**flaw)


@pytest.fixture
def server() -> Iterator[SimpleNamespace]:
    told = SimpleNamespace(asked=[], answer=None, status=200, key=[])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.asked.append((self.path, body))
            told.key.append(self.headers["Authorization"])
            rows = [{"index": at, "embedding": [len(text), 1.0]} for at, text in enumerate(body["input"])]
            answer = told.answer if told.answer is not None else json.dumps({"data": rows[::-1]})
            self.send_response(told.status)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        told.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
        yield told
        http.shutdown()
        thread.join()


def test_a_server_is_asked_in_batches_and_its_order_is_mended(server: SimpleNamespace) -> None:
    embedder = EndpointEmbedder(server.url, "small", 2, key="k", batch_size=2)
    vectors = embedder.embed(["a", "", "bb", "ccc"])
    assert isinstance(embedder, Embedder)
    assert [(path, body["input"]) for path, body in server.asked] == [
        ("/v1/embeddings", ["a", "bb"]),
        ("/v1/embeddings", ["ccc"]),
    ]
    assert server.key == ["Bearer k"] * 2
    expected = np.array([[1, 1], [0, 0], [2, 1], [3, 1]]) / np.array([[2**0.5], [1], [5**0.5], [10**0.5]])
    assert vectors == pytest.approx(expected)
    assert "k'" not in repr(embedder)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("", 200),
        ("[]", 200),
        ("{}", 200),
        ('{"data": [{"index": 0, "embedding": [1]}]}', 200),
        ('{"data": [{"index": 0, "embedding": [1, NaN]}]}', 200),
        ('{"data": [{"index": 0, "embedding": ["a", "b"]}]}', 200),
        ('{"data": []}', 200),
        ("busy", 503),
    ],
)
def test_a_server_that_says_something_else_is_told(server: SimpleNamespace, answer: str, status: int) -> None:
    server.answer, server.status = answer, status
    with pytest.raises(EmbeddingFailed, match=r"answered|must answer"):
        EndpointEmbedder(server.url, "small", 2).embed(["a"])


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(EmbeddingFailed, match="see that it runs"):
        EndpointEmbedder("http://127.0.0.1:9/v1", "small", 2).embed(["a"])


@pytest.mark.parametrize("url", ["ftp://x/v1", "file:///etc/passwd", "nowhere", "http://"])
def test_an_address_of_nothing_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="base_url"):
        EndpointEmbedder(url, "small", 2)
    with pytest.raises(InvalidInput, match="above 0"):
        EndpointEmbedder("http://localhost/v1", "small", 0)
