"""A package index of a test's own, on the loopback interface, with wheels that hold next to nothing."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass
class PackageIndex:
    """Serves what was added, as the simple API of PEP 503 says, for as long as it `has` it."""

    wheels: dict[str, bytes] = field(default_factory=dict)
    has: Callable[[str], bool] = lambda wheel: True
    """Whether a wheel, by its name, is there now."""
    url: str = ""

    def add(self, name: str, version: str, module: str | None = None, needs: tuple[str, ...] = ()) -> None:
        """A distribution with one module, or with none."""
        folder = f"{name}-{version}.dist-info"
        requires = "".join(f"Requires-Dist: {each}\n" for each in needs)
        files = {
            f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
            f"{folder}/WHEEL": WHEEL,
        }
        if module is not None:
            files[f"{module}.py"] = f"VERSION = {version!r}\n"
        record = "".join(f"{file},,\n" for file in [*files, f"{folder}/RECORD"])
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for file, text in {**files, f"{folder}/RECORD": record}.items():
                archive.writestr(file, text)
        self.wheels[f"{name}-{version}-py3-none-any.whl"] = packed.getvalue()

    def page(self, name: str) -> str:
        """The links to the wheels of a distribution."""
        start = name.strip("/").replace("-", "_") + "-"
        wanted = [wheel for wheel in self.wheels if wheel.startswith(start) and self.has(wheel)]
        links = (
            f'<a href="/files/{wheel}#sha256={hashlib.sha256(self.wheels[wheel]).hexdigest()}">{wheel}</a>'
            for wheel in wanted
        )
        return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>"


@contextmanager
def package_index() -> Iterator[PackageIndex]:
    """One that is empty at first."""
    index = PackageIndex()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _, name = self.path.strip("/").partition("/")
            content = index.wheels.get(name) if kind == "files" else index.page(name).encode()
            self.send_response(200 if content is not None else 404)
            self.send_header("content-type", "text/html" if kind == "simple" else "application/octet-stream")
            self.send_header("content-length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Not on the terminal of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    index.url = f"http://127.0.0.1:{server.server_address[1]}/simple"
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
