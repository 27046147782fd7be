"""Snippets on names: how the decorator is reached, how the flow is called, what is no flow at all."""

from flow_snippets import Snippet

REACHED = (
    Snippet("plain", "from prefect import flow\n\n@flow\ndef f(): pass\n", (("f", "f", 3),)),
    Snippet("empty_call", "from prefect import flow\n@flow()\ndef f(): pass\n", (("f", "f", 2),)),
    Snippet("alias", "from prefect import flow as job\n@job\ndef f(): pass\n", (("f", "f", 2),)),
    Snippet("module", "import prefect\n@prefect.flow\ndef f(): pass\n", (("f", "f", 2),)),
    Snippet("module_alias", "import prefect as p\n@p.flow(retries=1)\ndef f(): pass\n", (("f", "f", 2),)),
    Snippet("submodule", "import prefect.flows\n@prefect.flows.flow\ndef f(): pass\n", (("f", "f", 2),)),
    Snippet("submodule_alias", "import prefect.flows as pf\n@pf.flow\ndef f(): pass\n", (("f", "f", 2),)),
    Snippet("from_submodule", "from prefect.flows import flow\n@flow\ndef f(): pass\n", (("f", "f", 2),)),
    Snippet("from_main", "from prefect.main import flow\n@flow\ndef f(): pass\n", (("f", "f", 2),)),
    Snippet("flows_from", "from prefect import flows\n@flows.flow\ndef f(): pass\n", (("f", "f", 2),)),
    Snippet("star", "from prefect import *\n@flow\ndef f(): pass\n", (("f", "f", 2),)),
    Snippet("star_submodule", "from prefect.flows import *\n@flow\ndef f(): pass\n", (("f", "f", 2),)),
    Snippet("bound_again", "import prefect\njob = prefect.flow\n\n@job\ndef f(): pass\n", (("f", "f", 4),)),
    Snippet(
        "try_import",
        """
        try:
            from prefect import flow
        except ImportError:
            flow = None
        @flow
        def f(): pass
        """,
        (("f", "f", 5),),
    ),
    Snippet(
        "fallback_import",
        """
        try:
            from prefect_of_the_future import flow
        except ImportError:
            from prefect import flow
        @flow
        def f(): pass
        """,
        (("f", "f", 5),),
    ),
    Snippet(
        "condition_import",
        """
        import sys
        if sys.version_info >= (3, 8):
            from prefect import flow
        else:
            flow = None
        @flow
        def f(): pass
        """,
        (("f", "f", 6),),
    ),
    Snippet(
        "type_checking_only",
        """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from prefect import flow
        @flow
        def f(): pass
        """,
        imports=False,
    ),
    Snippet(
        "type_checking_else",
        """
        import typing as t
        if t.TYPE_CHECKING:
            flow = None
        else:
            from prefect import flow
        @flow
        def f(): pass
        """,
        (("f", "f", 6),),
    ),
    Snippet(
        "not_type_checking",
        """
        from typing import TYPE_CHECKING
        if not TYPE_CHECKING:
            from prefect import flow
        @flow
        def f(): pass
        """,
        (("f", "f", 4),),
    ),
)

NAMED = (
    Snippet(
        "underscores",
        "from prefect import flow\n@flow\ndef load_all_(): pass\n",
        (("load_all_", "load-all-", 2),),
    ),
    Snippet(
        "given", 'from prefect import flow\n@flow(name="Load all")\ndef f(): pass\n', (("f", "Load all", 2),)
    ),
    Snippet("none", "from prefect import flow\n@flow(name=None)\ndef f_f(): pass\n", (("f_f", "f-f", 2),)),
    Snippet("empty", 'from prefect import flow\n@flow(name="")\ndef f_f(): pass\n', (("f_f", "f-f", 2),)),
    Snippet(
        "constant",
        'from prefect import flow\nNAME = "load"\n@flow(name=NAME)\ndef f(): pass\n',
        (("f", "load", 3),),
    ),
    Snippet(
        "annotated_constant",
        'from prefect import flow\nNAME: str = "load"\n@flow(name=NAME)\ndef f(): pass\n',
        (("f", "load", 3),),
    ),
    Snippet(
        "f_string",
        'from prefect import flow\nTEAM = "shop"\n@flow(name=f"{TEAM}-load-{3}")\ndef f(): pass\n',
        (("f", "shop-load-3", 3),),
    ),
    Snippet(
        "joined",
        """
        from prefect import flow
        TEAM = "shop"
        NAME = TEAM + "-" "load"
        @flow(name=NAME)
        def f(): pass
        """,
        (("f", "shop-load", 4),),
    ),
    Snippet(
        "grown",
        'from prefect import flow\nNAME = "shop"\nNAME += "-load"\n@flow(name=NAME)\ndef f(): pass\n',
        (("f", "shop-load", 4),),
    ),
    Snippet(
        "unpacked",
        'from prefect import flow\n@flow(**{"name": "load", "retries": 2})\ndef f(): pass\n',
        (("f", "load", 2),),
    ),
    Snippet(
        "unpacked_constant",
        'from prefect import flow\nCOMMON = {"name": "load"}\n@flow(**COMMON)\ndef f(): pass\n',
        (("f", "load", 3),),
    ),
    Snippet(
        "unpacked_without_name",
        "from prefect import flow\nCOMMON = dict(retries=2)\n@flow(**COMMON)\ndef f(): pass\n",
        (("f", "f", 3),),
    ),
    Snippet(
        "imported_constant",
        "from prefect import flow\nfrom constants import NAME\n@flow(name=NAME)\ndef f(): pass\n",
        errors=(("FLOW_INVALID_STRUCTURE", 3),),
    ),
    Snippet(
        "environment",
        'import os\nfrom prefect import flow\n@flow(name=os.environ.get("N", "n"))\ndef f(): pass\n',
        errors=(("FLOW_INVALID_STRUCTURE", 3),),
    ),
    Snippet(
        "one_of_two",
        """
        import os
        from prefect import flow
        if os.environ.get("PRODUCTION"):
            NAME = "production"
        else:
            NAME = "development"
        @flow(name=NAME)
        def f(): pass
        """,
        errors=(("FLOW_INVALID_STRUCTURE", 7),),
    ),
    Snippet(
        "changed_perhaps",
        """
        import os
        from prefect import flow
        NAME = "development"
        if os.environ.get("PRODUCTION"):
            NAME = "production"
        @flow(name=NAME)
        def f(): pass
        """,
        errors=(("FLOW_INVALID_STRUCTURE", 6),),
    ),
    Snippet(
        "loop_variable",
        """
        from prefect import flow
        name = "before"
        for name in ("a", "b"):
            @flow(name=name)
            def f(): pass
        """,
        errors=(("FLOW_INVALID_STRUCTURE", 4),),
    ),
    Snippet(
        "changed_later",
        'from prefect import flow\nN = "a"\n@flow(name=N)\ndef f(): pass\nN = "b"\n',
        (("f", "a", 3),),
    ),
)

LOOK_ALIKES = (
    Snippet("metaflow_flow", "import prefect\nfrom metaflow import flow\n@flow\ndef f(): pass\n"),
    Snippet("metaflow_called", "import prefect\nimport metaflow\n@metaflow.flow(name='x')\ndef f(): pass\n"),
    Snippet("own_flow", "import prefect\ndef flow(fn):\n    return fn\n@flow\ndef f(): pass\n"),
    Snippet(
        "own_class", "import prefect\nclass flow:\n    def __init__(self, fn): pass\n@flow\ndef f(): pass\n"
    ),
    Snippet(
        "shadowed",
        "from prefect import flow\n@flow\ndef f(): pass\ndef flow(fn): return fn\n@flow\ndef g(): pass\n",
        (("f", "f", 2),),
    ),
    Snippet(
        "shadowed_by_import",
        "from prefect import flow\nfrom metaflow import flow\n@flow\ndef f(): pass\n",
    ),
    Snippet("prefect_task", "from prefect import flow, task\n@task\ndef f(): pass\n"),
    Snippet("only_words", '"""About flow and prefect."""\n# from prefect import flow\nflow = "prefect"\n'),
    Snippet("never_called", "from prefect import flow\nmaker = flow\nagain = flow(name='x')\n"),
    Snippet("in_a_string", "CODE = '''\nfrom prefect import flow\n@flow\ndef f(): pass\n'''\n"),
    Snippet("result_of_run", "from prefect import flow\nx = flow.__doc__\ny = flow.from_source\n"),
    Snippet("redefined", "from prefect import flow\n@flow\ndef f(): pass\ndef f(): pass\n"),
    Snippet(
        "redefined_as_flow",
        "from prefect import flow\n@flow\ndef f(): pass\n@flow(name='second')\ndef f(): pass\n",
        (("f", "second", 4),),
    ),
    Snippet("overwritten", "from prefect import flow\n@flow\ndef f(): pass\nf = None\n"),
    Snippet("overwritten_by_import", "from prefect import flow\n@flow\ndef f(): pass\nimport json as f\n"),
    Snippet("overwritten_by_class", "from prefect import flow\n@flow\ndef f(): pass\nclass f: pass\n"),
    Snippet("overwritten_by_loop", "from prefect import flow\n@flow\ndef f(): pass\nfor f in [1]: pass\n"),
    Snippet(
        "overwritten_by_with",
        "import io\nfrom prefect import flow\n@flow\ndef f(): pass\nwith io.StringIO() as f: pass\n",
    ),
    Snippet(
        "overwritten_where_something_fails",
        """
        from prefect import flow
        @flow
        def f(): pass
        try:
            pass
        except ValueError as f:
            pass
        """,
        (("f", "f", 2),),
    ),
    Snippet(
        "deleted",
        "from prefect import flow\n@flow\ndef f(): pass\n@flow\ndef g(): pass\ndel f\n",
        (("g", "g", 4),),
    ),
    Snippet(
        "deleted_both", "from prefect import flow\n@flow\ndef f(): pass\n@flow\ndef g(): pass\ndel (f, g)\n"
    ),
    Snippet("deleted_maker", "from prefect import flow\n@flow\ndef f(): pass\ndel flow\n", (("f", "f", 2),)),
    Snippet(
        "re_exported",
        "from library import imported  # a flow made with prefect\n",
        gaps=(("library-flow", "it is deployed from the file that defines it, not a second time from here"),),
    ),
    Snippet(
        "star_of_first_party",
        "from library import *  # brings a flow of prefect\n",
        gaps=(("library-flow", "it is deployed from the file that defines it, not a second time from here"),),
    ),
    Snippet(
        "passed_on_decorator",
        "from passing_on import flow  # which is prefect's\n@flow\ndef f(): pass\n",
        gaps=(("f", "files are read one by one: what another file's `flow` is, is not known"),),
    ),
)

ALL = (*REACHED, *NAMED, *LOOK_ALIKES)
