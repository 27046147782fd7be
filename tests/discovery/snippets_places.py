"""Snippets on where a flow stands, what is stacked on it, and files of Prefect 1."""

from flow_snippets import Snippet

PLACES = (
    Snippet("asynchronous", "from prefect import flow\n@flow\nasync def f(): pass\n", (("f", "f", 2),)),
    Snippet(
        "nested",
        "from prefect import flow\n@flow\ndef f():\n    @flow\n    def g(): pass\n",
        (("f", "f", 2),),
        (("g", "g", "function"),),
    ),
    Snippet(
        "nested_import",
        "def f():\n    from prefect import flow\n    @flow\n    def g(): pass\n",
        not_deployable=(("g", "g", "function"),),
    ),
    Snippet(
        "parameter_called_flow",
        "from prefect import flow\ndef f(flow):\n    @flow\n    def g(): pass\n",
    ),
    Snippet(
        "method",
        "from prefect import flow\nclass A:\n    @flow(name='m')\n    def f(self): pass\n",
        not_deployable=(("m", "f", "method"),),
    ),
    Snippet(
        "static_and_class_method",
        """
        from prefect import flow
        class A:
            @staticmethod
            @flow
            def s(): pass
            @flow
            @staticmethod
            def t(): pass
            @classmethod
            @flow
            def c(cls): pass
        """,
        not_deployable=(("s", "s", "method"), ("t", "t", "method"), ("c", "c", "method")),
    ),
    Snippet(
        "method_of_nested_class",
        "from prefect import flow\nclass A:\n    class B:\n        @flow\n        def f(self): pass\n",
        not_deployable=(("f", "f", "method"),),
    ),
    Snippet(
        "class_in_function",
        "from prefect import flow\ndef a():\n    class B:\n        @flow\n        def f(self): pass\n",
        not_deployable=(("f", "f", "method"),),
    ),
    Snippet(
        "if_and_else",
        """
        import os
        from prefect import flow
        if os.sep == '/':
            @flow
            def f(): pass
        else:
            f = None
        """,
        (("f", "f", 4),),
    ),
    Snippet("never", "from prefect import flow\nif False:\n    @flow\n    def f(): pass\n"),
    Snippet("always", "from prefect import flow\nif True:\n    @flow\n    def f(): pass\n", (("f", "f", 3),)),
    Snippet(
        "try_and_finally",
        """
        from prefect import flow
        try:
            @flow
            def f(): pass
        finally:
            @flow
            def g(): pass
        """,
        (("f", "f", 3), ("g", "g", 6)),
    ),
    Snippet(
        "under_with",
        """
        import contextlib
        from prefect import flow
        with contextlib.suppress(OSError):
            @flow
            def f(): pass
        """,
        (("f", "f", 4),),
    ),
    Snippet(
        "under_for",
        "from prefect import flow\nfor i in [1]:\n    @flow\n    def f(): pass\n",
        (("f", "f", 3),),
    ),
    Snippet(
        "under_while",
        "from prefect import flow\nwhile True:\n    @flow\n    def f(): pass\n    break\n",
        (("f", "f", 3),),
    ),
    Snippet(
        "under_match",
        """
        import os
        from prefect import flow
        match os.sep:
            case _:
                @flow
                def f(): pass
        """,
        (("f", "f", 5),),
    ),
    Snippet(
        "script_only",
        "from prefect import flow\nif __name__ == '__main__':\n    @flow\n    def f(): pass\n    f()\n",
        not_deployable=(("f", "f", "__main__"),),
    ),
    Snippet(
        "script_only_turned",
        "from prefect import flow\nif '__main__' == __name__:\n    g = flow(lambda: 1, name='g')\n",
        not_deployable=(("g", "g", "__main__"),),
    ),
    Snippet(
        "all_but_script",
        "from prefect import flow\nif __name__ != '__main__':\n    @flow\n    def f(): pass\n",
        (("f", "f", 3),),
    ),
    Snippet(
        "script_runs_it",
        """
        from prefect import flow
        @flow
        def f(): pass
        if __name__ == '__main__':
            f = f.with_options(name='x')
        """,
        (("f", "f", 2),),
        (("x", "f", "__main__"),),
    ),
)

STACKED = (
    Snippet(
        "above_and_below",
        """
        import atexit
        from prefect import flow
        def seen(fn):
            return fn
        @seen
        @flow(name="n")
        @seen
        def f(): pass
        """,
        (("f", "n", 6),),
    ),
    Snippet(
        "cached_flow", "import functools\nfrom prefect import flow\n@functools.cache\n@flow\ndef f(): pass\n"
    ),
    Snippet("task_of_flow", "from prefect import flow, task\n@task\n@flow\ndef f(): pass\n"),
    Snippet("task_of_flow_called", "import prefect\n@prefect.task(name='t')\n@prefect.flow\ndef f(): pass\n"),
    Snippet(
        "flow_of_flow",
        "from prefect import flow\n@flow(name='outer')\n@flow(name='inner')\ndef f(): pass\n",
        gaps=(("inner", "Prefect fails when a worker loads its entrypoint"),),
    ),
    Snippet(
        "wrapped",
        """
        from functools import wraps
        from prefect import flow
        def base_name(): pass
        @flow
        @wraps(base_name)
        def f(): pass
        """,
        (("f", "base-name", 4),),
    ),
)

PREFECT_1 = (
    Snippet(
        "with_flow",
        "from prefect import Flow\nwith Flow('etl') as flow:\n    pass\n",
        errors=(("FLOW_LEGACY_PREFECT", 2),),
        imports=False,
    ),
    Snippet(
        "with_module_flow",
        "import prefect\nwith prefect.Flow('etl', schedule=None) as f:\n    pass\n",
        errors=(("FLOW_LEGACY_PREFECT", 2),),
        imports=False,
    ),
    Snippet(
        "flow_of_a_name",
        "from prefect import Flow\nf = Flow('etl')\n",
        errors=(("FLOW_LEGACY_PREFECT", 2),),
        imports=False,
    ),
    Snippet(
        "with_flow_in_function",
        """
        from prefect import Flow
        def build():
            with Flow('etl') as flow:
                pass
            return flow
        """,
        errors=(("FLOW_LEGACY_PREFECT", 3),),
    ),
)

ALL = (*PLACES, *STACKED, *PREFECT_1)
