"""Which distributions bring a module that is not installed here, told from its name."""

from collections.abc import Iterator

from packaging.utils import canonicalize_name

WELL_KNOWN: dict[str, tuple[str, ...]] = {
    "Crypto": ("pycryptodome",),
    "Cryptodome": ("pycryptodomex",),
    "Levenshtein": ("levenshtein", "python-levenshtein"),
    "MySQLdb": ("mysqlclient",),
    "OpenSSL": ("pyopenssl",),
    "PIL": ("pillow", "pillow-simd"),
    "airflow": ("apache-airflow",),
    "airflow.providers": ("apache-airflow",),
    "attr": ("attrs",),
    "bs4": ("beautifulsoup4", "bs4"),
    "cassandra": ("cassandra-driver",),
    "cv2": ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv"),
    "databricks.sdk": ("databricks-sdk",),
    "databricks.sql": ("databricks-sql-connector",),
    "dateutil": ("python-dateutil",),
    "dbt": ("dbt-core",),
    "decouple": ("python-decouple",),
    "discord": ("discord-py", "py-cord"),
    "dns": ("dnspython",),
    "docx": ("python-docx",),
    "dotenv": ("python-dotenv",),
    "faiss": ("faiss-cpu", "faiss-gpu"),
    "fitz": ("pymupdf",),
    "git": ("gitpython",),
    "github": ("pygithub",),
    "gitlab": ("python-gitlab",),
    "google.auth": ("google-auth",),
    "google.cloud.storage": ("google-cloud-storage",),
    "google.oauth2": ("google-auth",),
    "google.protobuf": ("protobuf",),
    "google_auth_oauthlib": ("google-auth-oauthlib",),
    "googleapiclient": ("google-api-python-client",),
    "grpc": ("grpcio",),
    "grpc_status": ("grpcio-status",),
    "gi": ("pygobject",),
    "igraph": ("igraph", "python-igraph"),
    "impala": ("impyla",),
    "jenkins": ("python-jenkins",),
    "jose": ("python-jose",),
    "jwt": ("pyjwt",),
    "kafka": ("kafka-python", "kafka-python-ng"),
    "confluent_kafka": ("confluent-kafka",),
    "ldap": ("python-ldap",),
    "lightgbm": ("lightgbm",),
    "magic": ("python-magic",),
    "markdown": ("markdown",),
    "mpl_toolkits": ("matplotlib",),
    "mysql.connector": ("mysql-connector-python", "mysql-connector"),
    "nacl": ("pynacl",),
    "neo4j": ("neo4j", "neo4j-driver"),
    "oauth2client": ("oauth2client",),
    "openai": ("openai",),
    "osgeo": ("gdal",),
    "past": ("future",),
    "pkg_resources": ("setuptools",),
    "pptx": ("python-pptx",),
    "psycopg": ("psycopg", "psycopg-binary"),
    "psycopg2": ("psycopg2-binary", "psycopg2"),
    "pylab": ("matplotlib",),
    "pyarrow": ("pyarrow",),
    "pymssql": ("pymssql",),
    "pywintypes": ("pywin32",),
    "redis": ("redis", "redis-py"),
    "rest_framework": ("djangorestframework",),
    "ruamel.yaml": ("ruamel-yaml",),
    "sagemaker": ("sagemaker",),
    "serial": ("pyserial",),
    "setuptools": ("setuptools",),
    "sentry_sdk": ("sentry-sdk",),
    "sklearn": ("scikit-learn",),
    "skimage": ("scikit-image",),
    "slack_sdk": ("slack-sdk",),
    "slugify": ("python-slugify",),
    "snappy": ("python-snappy",),
    "snowflake.connector": ("snowflake-connector-python",),
    "snowflake.snowpark": ("snowflake-snowpark-python",),
    "snowflake.sqlalchemy": ("snowflake-sqlalchemy",),
    "socks": ("pysocks",),
    "sqlalchemy": ("sqlalchemy",),
    "telegram": ("python-telegram-bot",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu"),
    "torch": ("torch", "pytorch"),
    "umap": ("umap-learn",),
    "usb": ("pyusb",),
    "weasyprint": ("weasyprint",),
    "win32api": ("pywin32",),
    "win32com": ("pywin32",),
    "xdg": ("pyxdg",),
    "yaml": ("pyyaml",),
    "zmq": ("pyzmq",),
}
"""Modules that are often imported and whose distribution has another name, or several; the usual one
first. Written by hand from what the distributions say of themselves. What is installed is never looked
up here: its own metadata says what it brings."""

NAMESPACES = frozenset(
    {"google", "google.cloud", "azure", "azure.storage", "zope", "jaraco", "opentelemetry"}
)
"""Packages that many distributions share: one more part of the name is needed to tell which."""

REMOVED_FROM_STANDARD_LIBRARY: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("asynchat", "asyncore", "distutils", "imp", "smtpd"), (3, 12)),
    **dict.fromkeys(
        (
            "aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap", "msilib",
            "nis", "nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib",
        ),
        (3, 13),
    ),
}  # fmt: skip
"""Modules with the Python version that no longer has them (PEP 594, PEP 632 and the "What's New" pages)."""


def likely_distributions(module: str) -> tuple[str, ...]:
    """Canonical names under which a module may be distributed, the likeliest first."""
    return tuple(dict.fromkeys(_likely(module.split("."))))


def _likely(parts: list[str]) -> Iterator[str]:
    prefixes = [".".join(parts[:size]) for size in range(min(len(parts), 4), 0, -1)]
    for prefix in prefixes:
        yield from WELL_KNOWN.get(prefix, ())
    top = canonicalize_name(parts[0])
    joined = [canonicalize_name(prefix.replace(".", "-")) for prefix in prefixes]
    namespace = next((prefix for prefix in prefixes if prefix in NAMESPACES), None)
    if namespace is not None:
        depth = namespace.count(".") + 2
        yield canonicalize_name("-".join(parts[:depth]))
    yield top
    yield from joined
    yield from (f"python-{top}", f"{top}-python", f"py{top}")
