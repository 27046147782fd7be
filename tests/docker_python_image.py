"""A base image with this machine's own Python and Prefect, made without any registry or download.

Everything is copied from here: the interpreter with its standard library, the packages of the virtual
environment that the tests run in, and the shared libraries that they load. Kept as an archive below the
repository, so that the next session only imports it.
"""

import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from deployment_system.builders.engine import DockerEngine
from tests.docker_engine import CACHE, PROJECT, busybox_rootfs

PYTHON_IMAGE = "python-prefect:test"
IMPORT_SECONDS = 300.0
_LEFT_OUT = re.compile(
    r"(^|/)(__pycache__|test|tests|idlelib|tkinter|turtledemo|ensurepip|lib2to3|config-[^/]*|site-packages"
    r"|mypy|mypyc|hypothesis|pip|_pytest|ui-v2|ui_build)(/|$)|\.(pyc|a|exe)$|/_tkinter\.|/ruff$"
)
_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")
_ALSO = ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2")
"""Loaded by name when a host is looked up, so that `ldd` does not see them."""


def import_python(engine_url: str) -> str:
    """Gives an engine the image; its name. Python and pip-installed commands are on its PATH."""
    archive = _archive()
    changes = [
        "ENV PATH=/opt/site/bin:/usr/bin:/bin",
        f"ENV PYTHONHOME={sys.base_prefix} PYTHONPATH=/opt/site",
    ]
    repository, _, tag = PYTHON_IMAGE.partition(":")
    with DockerEngine(engine_url, timeout_seconds=IMPORT_SECONDS, environ={}) as client:
        client.call(
            lambda api: api.import_image_from_file(
                str(archive), repository=repository, tag=tag, changes=[*changes, "CMD python3"]
            )
        )
    return PYTHON_IMAGE


def _archive() -> Path:
    lock = (PROJECT / "requirements-dev.lock").read_bytes()
    own = Path(__file__).read_bytes()
    key = hashlib.sha256(lock + own + sys.version.encode() + sys.base_prefix.encode()).hexdigest()[:16]
    archive = CACHE / f"python-{key}.tar"
    if not archive.exists():
        CACHE.mkdir(exist_ok=True)
        for old in CACHE.glob("python-*.tar"):
            old.unlink(missing_ok=True)
        unfinished = archive.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(busybox_rootfs())
        with tarfile.open(unfinished, "a") as tar:
            _add_python(tar)
        unfinished.rename(archive)
    return archive


def _add_python(tar: tarfile.TarFile) -> None:
    interpreter = Path(sys.executable).resolve()
    stdlib = Path(sysconfig.get_path("stdlib")).resolve()
    site = Path(sysconfig.get_path("purelib"))
    trees = ((stdlib, str(stdlib)), (site, "/opt/site"))
    libraries = {interpreter}
    for source, target in trees:
        for path in _files(source):
            tar.add(path, f"{target}/{path.relative_to(source)}", recursive=False)
            if ".so" in path.suffixes:
                libraries.add(path)
    for name in ("python3", "python"):
        tar.add(interpreter, f"usr/bin/{name}")
    for library in _libraries(libraries):
        tar.add(Path(library).resolve(), library)
    for folder in ("/usr/share/zoneinfo", "/etc/ssl/certs"):
        if Path(folder).exists():
            tar.add(folder, folder)
    scripts = Path(sys.executable).parent / "prefect"
    text = re.sub(r"\A#!.*", "#!/usr/bin/python3", scripts.read_text())
    started = CACHE / "prefect"
    started.write_text(text)
    started.chmod(0o755)
    tar.add(started, "opt/site/bin/prefect")


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        folders[:] = [name for name in folders if not _LEFT_OUT.search(f"{name}/")]
        for name in files:
            if not _LEFT_OUT.search(f"/{name}"):
                yield here / name


def _libraries(binaries: Iterable[Path]) -> set[str]:
    shown = subprocess.run(
        ["ldd", *(str(path) for path in binaries)], capture_output=True, text=True, check=False
    ).stdout
    known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    also = {match[1] for name in _ALSO if (match := re.search(rf"{name} .*=> (\S+)", known))}
    found = {match[1] for match in _LIBRARY.finditer(shown)}
    # Those of a package's own folder are there already, and are found from there.
    return {library for library in found | also if "/site-packages/" not in library}
