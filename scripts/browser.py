"""A headless Chromium, spoken to over its own debugging protocol: for the tests of the Prefect UI and the
pictures.

https://chromedevtools.github.io/devtools-protocol/ is the protocol. It needs one websocket, and the library
for that comes with Prefect; a driver such as Selenium would be a second program and twenty more packages.
"""

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import connect
from websockets.sync.connection import Connection

NAMES = ("chromium", "chromium-browser", "google-chrome")
START_SECONDS = 60.0
POLL_SECONDS = 0.1
# Without these it calls the houses of its makers at every start, also where there is no way out.
QUIET = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--lang=en-GB",
)


def find_chromium() -> str | None:
    """The program of this machine's Chromium; CHROMIUM in the environment names another one."""
    candidates = [os.environ.get("CHROMIUM", ""), *NAMES]
    return next((found for name in candidates if name and (found := shutil.which(name))), None)


class Page:
    """The one page of a browser."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers = count(1)

    def open(self, url: str) -> None:
        """Go there; what the page then loads is to be waited for by what it shows."""
        answer = self._call("Page.navigate", url=url)
        if "errorText" in answer:
            raise ConnectionError(f"{url}: {answer['errorText']}")

    def text(self) -> str:
        """What a person can read on the page."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise ValueError(f"{expression}: {answer['exceptionDetails']['text']}")
        return answer["result"].get("value")

    def wait_for_text(self, *wanted: str, seconds: float = 60.0) -> str:
        """The page's text as soon as all of this stands in it; TimeoutError says what it showed instead."""
        deadline = time.monotonic() + seconds
        while True:
            shown = self.text()
            missing = [part for part in wanted if part not in shown]
            if not missing:
                return shown
            if time.monotonic() > deadline:
                raise TimeoutError(f"{missing} did not appear within {seconds} s; the page shows:\n{shown}")
            time.sleep(POLL_SECONDS)

    def screenshot(self) -> bytes:
        """The visible part of the page as PNG."""
        return base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=START_SECONDS))
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return dict(message["result"])


@contextmanager
def browser_page(profile: Path, *, width: int = 1280, height: int = 800) -> Iterator[Page]:
    """A fresh browser with its profile in this empty folder; it ends with the block."""
    program = find_chromium()
    if program is None:
        raise FileNotFoundError(f"none of {', '.join(NAMES)} is installed")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to sandbox for root
    with (profile / "chromium.log").open("w") as log:
        process = subprocess.Popen(
            [
                program,
                *QUIET,
                *sandbox,
                f"--user-data-dir={profile}",
                f"--window-size={width},{height}",
                "--remote-debugging-port=0",
                "about:blank",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        with connect(_page_address(profile, process), max_size=None) as connection:
            yield Page(connection)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _page_address(profile: Path, process: "subprocess.Popen[bytes]") -> str:
    """The websocket of the first page, once the browser has written down where it listens."""
    port_file = profile / "DevToolsActivePort"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if port_file.exists() and (lines := port_file.read_text().splitlines()):
            targets = httpx.get(f"http://127.0.0.1:{lines[0]}/json/list", trust_env=False, timeout=10).json()
            pages = [target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page"]
            if pages:
                return str(pages[0])
        time.sleep(POLL_SECONDS)
    raise ConnectionError(f"Chromium did not start: {(profile / 'chromium.log').read_text()[-2000:]}")
