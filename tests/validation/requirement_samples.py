"""Files that declare requirements, and what each of them says."""

from typing import NamedTuple


class Says(NamedTuple):
    """Files of a repository, what they declare, and the lines of what is wrong with them."""

    files: dict[str, str]
    declared: set[str]
    """`name`, `name==1 @line`: the version and the line where they matter."""
    faults: tuple[tuple[str, int], ...] = ()


def pip(text: str, *declared: str, faults: tuple[int, ...] = (), **more: str) -> Says:
    """A requirements.txt, with other files beside it."""
    files = {"requirements.txt": text, **{name.replace("__", "."): text for name, text in more.items()}}
    return Says(files, set(declared), tuple(("requirements.txt", line) for line in faults))


def project(text: str, *declared: str, faults: tuple[int, ...] = ()) -> Says:
    """A pyproject.toml."""
    return Says({"pyproject.toml": text}, set(declared), tuple(("pyproject.toml", line) for line in faults))


SAYS = {
    # requirements.txt
    "names and versions": pip("pandas\nrequests >= 2, <3\n", "pandas", "requests<3,>=2 @2"),
    "names are canonical": pip("Ruamel.YAML\nPy_JWT\n", "ruamel-yaml", "py-jwt"),
    "comments": pip("# a\npandas # b\n#numpy\nscipy#c\n", "pandas", faults=(4,)),
    "blank lines and spaces": pip("\n\n   pandas   \n\t\n", "pandas @3"),
    "a continued line": pip("pandas \\\n  >=1\nnumpy\n", "pandas>=1 @1", "numpy @3"),
    "a continued line at the end": pip("pandas \\\n", "pandas"),
    "a comment does not continue": pip("# a \\\npandas\n", "pandas @2"),
    "hashes": pip("pandas==1 \\\n  --hash=sha256:ab \\\n --hash=sha256:c\nnumpy\n", "pandas==1", "numpy @4"),
    "extras": pip("celery[redis,auth]>=5\n", "celery>=5"),
    "a marker that holds": pip('pandas; python_version >= "3"\n', "pandas"),
    "a marker that does not": pip('pandas; python_version < "3"\nnumpy\n', "numpy"),
    "a URL with a name": pip("pandas @ https://example.com/p.whl\n", "pandas"),
    "a git URL with a name": pip("lib @ git+https://example.com/lib.git@v1#subdirectory=a\n", "lib"),
    "a URL with an egg": pip("git+https://example.com/x.git#egg=my_lib\n", "my-lib"),
    "a URL with an egg and more": pip("git+https://example.com/x.git#subdirectory=a&egg=my_lib\n", "my-lib"),
    "a wheel": pip("https://example.com/my_lib-1.0-py3-none-any.whl\n", "my-lib"),
    "an archive": pip("https://example.com/my-lib-1.0.tar.gz#sha256=ab\n", "my-lib"),
    "a URL that does not say": pip("git+https://example.com/x.git\n"),
    "editable with an egg": pip("-e git+https://example.com/x.git#egg=lib\n", "lib"),
    "editable folder": Says(
        {"requirements.txt": "-e ./lib\n", "lib/pyproject.toml": '[project]\nname="lib"\ndependencies=["a"]'},
        {"lib", "a"},
    ),
    "a folder": Says(
        {"requirements.txt": "./lib[x]\n", "lib/setup.cfg": "[options]\ninstall_requires =\n  a\n"}, {"a"}
    ),
    "a folder that is not there": pip("pandas\n./lib\n", "pandas", faults=(2,)),
    "an include": Says(
        {"requirements.txt": "-r more/x.txt\n", "more/x.txt": "-r y.txt\na\n", "more/y.txt": "b"},
        {"a", "b"},
    ),
    "an include with equals": Says({"requirements.txt": "--requirement=x.txt\n", "x.txt": "a"}, {"a"}),
    "an include of itself": pip("-r requirements.txt\na\n", "a"),
    "an include that is not there": pip("a\n-r none.txt\n", "a", faults=(2,)),
    "a constraint declares nothing": Says({"requirements.txt": "-c c.txt\na\n", "c.txt": "a<2\nb\n"}, {"a"}),
    "options": pip("--index-url https://u@example.com\n--no-binary x\n-i x\n--pre\na --no-deps\n", "a @5"),
    "lines that are none": pip("a\n!!\nb==\nc d\n1 2 3\n==1\n", "a", faults=(2, 3, 4, 5, 6)),
    "Windows line ends and a BOM": pip("\ufeffa\r\nb\r\n", "a", "b @2"),
    "several files": Says(
        {"requirements-dev.txt": "a", "requirements.in": "b", "requirements/x.txt": "c"}, {"a", "b", "c"}
    ),
    "nothing": pip(""),
    # pyproject.toml
    "project": project(
        '[project]\nname = "me"\ndependencies = [\n  "a>=1",\n  "b",\n]\n', "me", "a>=1 @4", "b @5"
    ),
    "optional": project('[project]\n[project.optional-dependencies]\nx = ["a"]\ny = ["b"]\n', "a @3", "b @4"),
    "groups": project(
        '[dependency-groups]\ndev = ["a", {include-group = "lint"}]\nlint = ["b"]\n', "a @2", "b @3"
    ),
    "poetry": project(
        '[tool.poetry]\nname = "me"\n[tool.poetry.dependencies]\n'
        'python = "^3.11"\na = "^1.2.3"\nb = "^0.2.3"\n'
        'c = "~1.2"\nd = "*"\ne = {version = "1.5", extras = ["x"]}\n'
        'f = {git = "https://example.com/f.git"}\n'
        'g = ">=1,<2"\nh = "^0.0.3"\ni = "~1"\nj = "1.*"\n'
        'k = "^1 || ^2"\n[tool.poetry.group.dev.dependencies]\nl = "^1"\n',
        "me",
        "a<2,>=1.2.3 @5",
        "b<0.3,>=0.2.3",
        "c<1.3,>=1.2",
        "d",
        "e==1.5",
        "f",
        "g<2,>=1",
        "h<0.0.4,>=0.0.3",
        "i<2,>=1",
        "j==1.*",
        "k",
        "l<2,>=1 @17",
    ),
    "pdm": project('[tool.pdm.dev-dependencies]\ntest = ["a>=1"]\n', "a>=1 @2"),
    "hatch": project('[tool.hatch.envs.test]\ndependencies = ["a"]\nextra-dependencies = ["b"]\n', "a", "b"),
    "uv": project('[tool.uv]\ndev-dependencies = ["a"]\nconstraint-dependencies = ["b<2"]\n', "a"),
    "an entry that is none": project('[project]\ndependencies = [\n  "a",\n  "b b",\n]\n', "a", faults=(4,)),
    "no TOML": project("[project]\nname = \n", faults=(2,)),
    "tables of the wrong shape": project('project = 3\ntool = []\ndependency-groups = "x"\n'),
    "entries of the wrong shape": project(
        "[project]\ndependencies = [1, {a = 2}, []]\n"
        "[dependency-groups]\na = 3\n[tool.poetry.dependencies]\nb = 5\n",
        "b",
    ),
    # the others
    "setup.cfg": Says(
        {
            "setup.cfg": "[options]\ninstall_requires =\n  a>=1\n"
            "  # no\n  b\n[options.extras_require]\nx = c\n"
        },
        {"a>=1 @3", "b @5", "c"},
    ),
    "no setup.cfg": Says({"setup.cfg": "no section\n"}, set(), (("setup.cfg", 1),)),
    "setup.py": Says(
        {"setup.py": "R = ['a>=1']\nsetup(\n  install_requires=R,\n  extras_require={'x': ['b', 'c']},\n)\n"},
        {"a>=1 @1", "b", "c @4"},
    ),
    "setup.py that is computed": Says({"setup.py": "setup(install_requires=read('r.txt'))\n"}, set()),
    "no setup.py": Says({"setup.py": "setup(\n"}, set(), (("setup.py", 1),)),
    "Pipfile": Says(
        {
            "Pipfile": '[packages]\na = "*"\nb = ">=1"\n'
            'c = {version = "==2", extras = ["x"]}\n[dev-packages]\nd = "*"\n'
        },
        {"a @2", "b>=1 @3", "c==2 @4", "d @6"},
    ),
    "environment.yml": Says(
        {
            "environment.yml": "name: x\nchannels: [a]\ndependencies:\n"
            "  - python=3.11\n  - a=1.5\n  - b>=2  # c\n"
            "  - conda-forge::d\n  - pip\n  - pip:\n    - e==1\n"
            "    - -r r.txt\n  - f==1.0=build\nprefix: /x\n",
            "r.txt": "g\n",
        },
        {"a==1.5.* @5", "b>=2 @6", "d @7", "e==1 @10", "f @12", "g"},
    ),
    "uv.lock": Says(
        {"uv.lock": '[[package]]\nname = "a"\nversion = "1.0"\n[[package]]\nname = "b"\nversion = "2"\n'},
        {"a", "b"},
    ),
    "poetry.lock": Says({"poetry.lock": '[[package]]\nname = "A_b"\nversion = "1.0"\n'}, {"a-b"}),
    "no lock": Says({"uv.lock": "[[["}, set(), (("uv.lock", 1),)),
    "not text": Says({"requirements.txt": "\udcff\udcfe"}, set(), (("requirements.txt", 1),)),
}
