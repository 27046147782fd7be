"""The server under clients that take their time, in this process so that their time may be short."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from deployment_system.monitoring.api_request import json_answer, refuse
from deployment_system.monitoring.http_server import MOST_CONNECTIONS, Answer, HttpServer, Request

PATIENCE_SECONDS = 30
THREAD = "the server of a test"


@contextmanager
def running(
    answer: Callable[[Request], Answer], *, request_seconds: float = 60, answer_seconds: float = 60
) -> Iterator[HttpServer]:
    """A server in a thread."""
    server = HttpServer(
        ("127.0.0.1", 0), answer, refuse, request_seconds=request_seconds, answer_seconds=answer_seconds
    )
    thread = threading.Thread(target=server.run, name=THREAD)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()


def hello(request: Request) -> Answer:
    return json_answer(HTTPStatus.OK, {"target": request.target})


def connected(server: HttpServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.server_port), timeout=PATIENCE_SECONDS)


def asked(connection: socket.socket, target: str = "/") -> bytes:
    connection.sendall(f"GET {target} HTTP/1.1\r\n\r\n".encode())
    return connection.recv(65536)


def test_a_request_that_does_not_end_is_broken_off() -> None:
    """A byte now and then does not help."""
    with running(hello, request_seconds=0.3) as server, connected(server) as connection:
        connection.settimeout(0.05)
        deadline = time.monotonic() + PATIENCE_SECONDS
        ended = False
        while not ended and time.monotonic() < deadline:
            try:
                connection.send(b"G")
                ended = connection.recv(10) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
        assert ended


def test_an_answer_that_nobody_takes_is_broken_off() -> None:
    """Its thread is free again."""
    large = Answer(HTTPStatus.OK, b"x" * 50_000_000, "text/plain")
    with running(lambda request: large, answer_seconds=0.3) as server, connected(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not server._answering and time.monotonic() < deadline:
            time.sleep(0.01)
        while server._deadlines and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not server._deadlines


def test_one_connection_too_many_is_told_so() -> None:
    """And when one ends, the next is answered."""
    with running(hello) as server:
        held = [connected(server) for _ in range(MOST_CONNECTIONS)]
        assert all(b"200 OK" in asked(connection) for connection in held)
        with connected(server) as one_more:
            answer = one_more.recv(65536)
        assert b"503 Service Unavailable" in answer
        assert b"REQUEST_INVALID" in answer
        held.pop().close()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(server._deadlines) == MOST_CONNECTIONS and time.monotonic() < deadline:
            time.sleep(0.01)
        with connected(server) as next_one:
            assert b"200 OK" in asked(next_one)
        for connection in held:
            connection.close()


def test_the_end_waits_for_an_answer_on_its_way() -> None:
    """And for nobody who only keeps a connection."""
    begun, goes_on = threading.Event(), threading.Event()

    def slow(request: Request) -> Answer:
        begun.set()
        goes_on.wait(PATIENCE_SECONDS)
        return hello(request)

    with running(slow) as server:
        idle, connection = connected(server), connected(server)
        connection.sendall(b"GET /slow HTTP/1.1\r\n\r\n")
        assert begun.wait(PATIENCE_SECONDS)
        (serving,) = (each for each in threading.enumerate() if each.name == THREAD)
        ending = threading.Thread(target=server.shutdown)
        ending.start()
        assert idle.recv(1) == b"", "who only keeps a connection is sent away"
        assert serving.is_alive(), "it ended before the answer was given"
        goes_on.set()
        assert b'"target": "/slow"' in connection.recv(65536)
        ending.join()
        idle.close()
        connection.close()


def test_several_requests_on_one_connection() -> None:
    """As scrapers do."""
    with running(hello) as server, connected(server) as connection:
        for number in range(5):
            assert f'"/{number}"'.encode() in asked(connection, f"/{number}")
