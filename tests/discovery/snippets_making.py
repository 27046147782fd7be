"""Snippets on how a flow is made: assigned, with options, by factories and decorators of the file."""

from flow_snippets import Snippet

ASSIGNED = (
    Snippet("assigned", "from prefect import flow\ndef fn(): pass\nx = flow(fn)\n", (("x", "fn", 3),)),
    Snippet("in_place", "from prefect import flow\ndef fn(): pass\nfn = flow(fn)\n", (("fn", "fn", 3),)),
    Snippet(
        "curried", 'from prefect import flow\ndef fn(): pass\nx = flow(name="n")(fn)\n', (("x", "n", 3),)
    ),
    Snippet(
        "assigned_named",
        'from prefect import flow\ndef fn(): pass\nx = flow(fn, name="n")\n',
        (("x", "n", 3),),
    ),
    Snippet(
        "with_options",
        'from prefect import flow\n@flow\ndef f(): pass\nx = f.with_options(name="n")\n',
        (("f", "f", 2), ("x", "n", 4)),
    ),
    Snippet(
        "with_options_keeps_name",
        'from prefect import flow\n@flow(name="n")\ndef f(): pass\nf = f.with_options(retries=2)\n',
        (("f", "n", 4),),
    ),
    Snippet(
        "flow_class", 'from prefect import Flow\ndef fn(): pass\nx = Flow(fn, name="n")\n', (("x", "n", 3),)
    ),
    Snippet(
        "flow_class_keyword",
        "import prefect\ndef fn_a(): pass\nx = prefect.Flow(fn=fn_a)\n",
        (("x", "fn-a", 3),),
    ),
    Snippet("of_lambda", "from prefect import flow\nx = flow(lambda: 1)\n", (("x", "unknown-lambda", 2),)),
    Snippet(
        "two_at_once",
        "from prefect import flow\ndef a(): pass\ndef b(): pass\nx, y = flow(a), flow(b)\n",
        (("x", "a", 4), ("y", "b", 4)),
    ),
    Snippet("two_names", "from prefect import flow\ndef a(): pass\nx = y = flow(a)\n", (("x", "a", 3),)),
    Snippet("one_more_name", "from prefect import flow\n@flow\ndef a(): pass\nb = a\n", (("a", "a", 2),)),
    Snippet(
        "annotated", "from prefect import Flow, flow\ndef a(): pass\nx: Flow = flow(a)\n", (("x", "a", 3),)
    ),
    Snippet(
        "walrus", "from prefect import flow\ndef a(): pass\nif (x := flow(a)):\n    pass\n", (("x", "a", 3),)
    ),
    Snippet(
        "partial",
        """
        from functools import partial
        from prefect import flow
        shop_flow = partial(flow, name="shop")
        @shop_flow
        def f(): pass
        """,
        (("f", "shop", 4),),
    ),
    Snippet(
        "kept_maker",
        'from prefect import flow\nnamed = flow(name="n")\n@named\ndef f(): pass\n',
        (("f", "n", 3),),
    ),
    Snippet(
        "imported_function",
        "from prefect import flow\nfrom library import plain\nx = flow(plain)\n",
        errors=(("FLOW_INVALID_STRUCTURE", 3),),
    ),
    Snippet(
        "imported_function_named",
        'from prefect import flow\nfrom library import plain\nx = flow(plain, name="n")\n',
        (("x", "n", 3),),
    ),
    Snippet(
        "imported_with_options",
        'import prefect\nfrom library import imported  # a flow\nx = imported.with_options(name="n")\n',
        gaps=(
            (
                "n",
                "files are read one by one: what is imported may as well be a task, which has the method too",
            ),
            ("library-flow", "it is deployed from the file that defines it, not a second time from here"),
        ),
    ),
    Snippet(
        "in_a_container",
        "from prefect import flow\ndef a(): pass\nxs = [flow(a)]\nd = {'a': flow(a)}\n",
    ),
    Snippet(
        "by_globals",
        "from prefect import flow\ndef a(): pass\nglobals()['x'] = flow(a)\n",
        gaps=(("a", "the name is made by running code"),),
    ),
    Snippet(
        "by_exec",
        "from prefect import flow\nexec('@flow\\ndef a(): pass')\n",
        gaps=(("a", "the flow is made by running code"),),
    ),
)

FACTORIES = (
    Snippet(
        "factory",
        """
        from prefect import flow
        def make(name):
            @flow(name=f"load-{name}")
            def inner(day: str): pass
            return inner
        shop = make("shop")
        mail = make(name="mail")
        """,
        (("shop", "load-shop", 6), ("mail", "load-mail", 7)),
    ),
    Snippet(
        "factory_default",
        """
        from prefect import flow
        def make(name="usual", *, suffix="x"):
            def inner(): pass
            return flow(inner, name=name + "-" + suffix)
        a = make()
        b = make(suffix="y")
        """,
        (("a", "usual-x", 5), ("b", "usual-y", 6)),
    ),
    Snippet(
        "lambda_factory",
        'from prefect import flow\ndef fn(): pass\nmake = lambda n: flow(fn, name=n)\nx = make("n")\n',
        (("x", "n", 4),),
    ),
    Snippet(
        "factory_never_bound",
        """
        from prefect import flow
        def make():
            @flow
            def inner(): pass
            return inner
        """,
        not_deployable=(("inner", "inner", "function"),),
    ),
    Snippet(
        "async_factory",
        "from prefect import flow\nasync def make():\n    return flow(print)\nx = make\ny = x().close()\n",
    ),
    Snippet(
        "coroutine_is_no_flow",
        "from prefect import flow\nasync def make():\n    return flow(int)\nx = make()\nx.close()\n",
    ),
    Snippet(
        "own_decorator",
        """
        from prefect import flow
        def job(fn):
            return flow(fn, retries=3)
        @job
        def f_f(): pass
        """,
        (("f_f", "f-f", 4),),
    ),
    Snippet(
        "own_decorator_with_options",
        """
        from prefect import flow
        def job(name, **options):
            def wrap(fn):
                return flow(name=f"shop-{name}", retries=1)(fn)
            return wrap
        @job("load", retries=1)
        def f(): pass
        """,
        (("f", "shop-load", 6),),
    ),
    Snippet(
        "own_decorator_wraps",
        """
        from functools import wraps
        from prefect import flow
        def logged(fn):
            @flow
            @wraps(fn)
            def inner(*args):
                return fn(*args)
            return inner
        @logged
        def f(day: str): pass
        """,
        (("f", "f", 9),),
    ),
    Snippet(
        "recursive_factory",
        """
        from prefect import flow
        def a(x):
            return x
        def b(x):
            return a(a(x))
        x = b(b(flow(a)))
        """,
        (("x", "a", 6),),
    ),
    Snippet(
        "factory_sets_global",
        "from prefect import flow\ndef make():\n    global f\n    @flow\n    def f(): pass\nmake()\n",
        not_deployable=(("f", "f", "function"),),
        gaps=(("f", "the name is bound by running the function; it is listed as nested"),),
    ),
)

ALL = (*ASSIGNED, *FACTORIES)
