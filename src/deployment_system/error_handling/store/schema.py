"""The tables, once for both databases, and the migrations that lead to them.

A migration that was released is never changed; a new one is added at the end. `{bytes}` and
`{clustered}` are what the databases write differently: the type of binary values, and the clause that
keeps a table's rows in its primary key, which makes a durable write one page smaller.
"""

VERSION_TABLE = "deployment_system_schema"

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE plans (
            plan_id TEXT NOT NULL PRIMARY KEY,
            description TEXT NOT NULL,
            scope TEXT,
            status TEXT NOT NULL,
            created_at TEXT NOT NULL,
            finished_at TEXT,
            undoing INTEGER NOT NULL,
            owner TEXT NOT NULL,
            facts TEXT NOT NULL,
            error TEXT
        )""",
        "CREATE INDEX plans_by_status ON plans (status, scope)",
        """CREATE TABLE operations (
            plan_id TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            group_number INTEGER NOT NULL,
            operation_type TEXT NOT NULL,
            kind TEXT NOT NULL,
            reference TEXT NOT NULL,
            before_state TEXT,
            after_state TEXT,
            after_known INTEGER NOT NULL,
            description TEXT NOT NULL,
            status TEXT NOT NULL,
            error TEXT,
            found_state TEXT,
            undo_started INTEGER NOT NULL,
            PRIMARY KEY (plan_id, sequence)
        ){clustered}""",
        """CREATE TABLE blobs (
            plan_id TEXT NOT NULL,
            digest TEXT NOT NULL,
            content {bytes} NOT NULL,
            PRIMARY KEY (plan_id, digest)
        )""",
        """CREATE TABLE locks (
            name TEXT NOT NULL PRIMARY KEY,
            token TEXT NOT NULL,
            owner TEXT NOT NULL,
            purpose TEXT NOT NULL,
            is_manual INTEGER NOT NULL,
            acquired_at TEXT NOT NULL,
            leased_until DOUBLE PRECISION NOT NULL
        )""",
        """CREATE TABLE notes (
            scope TEXT NOT NULL,
            note_key TEXT NOT NULL,
            content TEXT NOT NULL,
            written_at TEXT NOT NULL,
            PRIMARY KEY (scope, note_key)
        )""",
    ),
)
KNOWN_VERSION = len(MIGRATIONS)
