"""Makes the pictures of the README from a real session: `make pictures`.

docs/images/terminal.svg is what a terminal showed while the commands ran in it; docs/images/prefect-ui.png is
what headless Chromium showed of the Prefect UI afterwards. Server and worker are this script's own.
"""

import errno
import fcntl
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pyte
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

import demo
from browser import browser_page

IMAGES = demo.ROOT / "docs" / "images"
COLUMNS, LINES = 100, 400
SESSION = (
    ("deployment-cli", "plan"),
    ("deployment-cli", "deploy"),
    ("deployment-cli", "plan"),
)
# The pictures must not call a font server when somebody looks at them.
FONT_FACES = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)
LARGEST_PICTURE_BYTES = 300_000


def recorded(command: tuple[str, ...], folder: Path, environ: dict[str, str]) -> bytes:
    """Everything that a terminal of our size gets to show while the command runs in it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    with subprocess.Popen(
        command, cwd=folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: read_until_hangup(ours), b""))
    os.close(ours)
    if process.returncode != 0:
        words = shown.decode(errors="replace")
        raise RuntimeError(f"{shlex.join(command)} exited {process.returncode}: {words}")
    return shown


def read_until_hangup(descriptor: int) -> bytes:
    """What stands to be read; nothing once the other end is closed, which Linux calls an I/O error."""
    try:
        return os.read(descriptor, 65536)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""


def screen_of(output: bytes) -> Text:
    """The screen after all of the output, as progress bars overwrite what they drew before."""
    screen = pyte.Screen(COLUMNS, LINES)
    pyte.ByteStream(screen).feed(output)
    text = Text()
    for row in range(screen.cursor.y + 1):
        line = Text()
        cells = (screen.buffer[row][column] for column in range(COLUMNS))
        for style, alike in groupby(cells, style_of):
            line.append("".join(cell.data for cell in alike), style)
        line.rstrip()
        text.append_text(line).append("\n")
    text.rstrip()
    return text


def style_of(cell: pyte.screens.Char) -> Style:
    """How one character looks."""
    return Style(
        color=color_of(cell.fg),
        bgcolor=color_of(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


def color_of(name: str) -> Color | None:
    """Terminal names and hexadecimal values as rich knows them."""
    if name == "default":
        return None
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return Color.parse(f"#{name}")
    plain = {"brown": "yellow", "brightbrown": "bright_yellow"}.get(name, name)
    return Color.parse(re.sub(r"^bright(?=[a-z])", "bright_", plain))


def draw_terminal(session: Sequence[tuple[tuple[str, ...], bytes]], target: Path) -> None:
    """The session as SVG."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(
            record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor"
        )
        for command, output in session:
            console.print(Text.assemble(("$ ", "bold green"), (shlex.join(command), "bold")))
            console.print(screen_of(output))
            console.print()
        svg = console.export_svg(
            title="deployment-cli",
            theme=MONOKAI,
            code_format=FONT_FACES.sub("", CONSOLE_SVG_FORMAT),
            unique_id="terminal",
        )
    target.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")


def photograph_ui(target: Path) -> None:
    """The deployments page as a person sees it."""
    with (
        tempfile.TemporaryDirectory() as profile,
        browser_page(Path(profile), width=1700, height=820) as page,
    ):
        page.open(f"{demo.SERVER}/deployments")
        page.wait_for_text("nightly-orders-python-development", "At 05:00 AM")
        page.wait_for_text("Ready")
        target.write_bytes(page.screenshot())


def main() -> None:
    """Server up, session recorded, page photographed, server down."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        repository = Path(folder) / "shop"
        shutil.copytree(demo.ROOT / "examples" / "flows", repository)
        environ = {**demo.environment(), "PREFECT_HOME": f"{folder}/prefect-home", "TERM": "xterm-256color"}
        up = ("deployment-cli", "up", "--port", str(demo.PORT))
        subprocess.run(up, cwd=repository, env=environ, check=True)
        try:
            session = [(command, recorded(command, repository, environ)) for command in SESSION]
            draw_terminal(session, IMAGES / "terminal.svg")
            photograph_ui(IMAGES / "prefect-ui.png")
        finally:
            subprocess.run(("deployment-cli", "down"), cwd=repository, env=environ, check=True)
    for picture in IMAGES.iterdir():
        if picture.stat().st_size > LARGEST_PICTURE_BYTES:
            sys.exit(f"{picture.name} is larger than {LARGEST_PICTURE_BYTES} bytes")


if __name__ == "__main__":
    main()
