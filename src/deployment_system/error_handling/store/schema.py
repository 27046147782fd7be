"""The tables, once for both databases, and the migrations that lead to them.

A migration that was released is never changed; a new one is added at the end. `{bytes}`,
`{clustered}` and `{by_bytes}` are what the databases write differently: the type of binary values, the
clause that keeps a table's rows in its primary key, which makes a durable write one page smaller, and the
one that has texts compared byte by byte whatever the language of the database.
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
    (
        # What is searched stands before the document, so that a search need not read what follows.
        """CREATE TABLE errors (
            error_id TEXT{by_bytes} NOT NULL PRIMARY KEY,
            occurred_at TEXT NOT NULL,
            error_code TEXT NOT NULL,
            error_type TEXT NOT NULL,
            category TEXT NOT NULL,
            severity TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            message TEXT NOT NULL,
            flow_name TEXT NOT NULL,
            environment TEXT NOT NULL,
            command TEXT NOT NULL,
            plan_id TEXT NOT NULL,
            document TEXT NOT NULL
        ){clustered}""",
        # Counted when an error is added: a summary of a hundred thousand reads some hundred rows.
        """CREATE TABLE error_groups (
            fingerprint TEXT NOT NULL,
            error_code TEXT NOT NULL,
            category TEXT NOT NULL,
            severity TEXT NOT NULL,
            flow_name TEXT NOT NULL,
            environment TEXT NOT NULL,
            error_count INTEGER NOT NULL,
            first_id TEXT{by_bytes} NOT NULL,
            last_id TEXT{by_bytes} NOT NULL,
            PRIMARY KEY (fingerprint, error_code, category, severity, flow_name, environment)
        ){clustered}""",
        """CREATE TABLE error_days (
            error_day TEXT NOT NULL PRIMARY KEY,
            error_count INTEGER NOT NULL
        ){clustered}""",
    ),
    (
        # What was removed from the errors: with those that are there, how many there ever were.
        """CREATE TABLE forgotten_errors (
            error_code TEXT NOT NULL,
            category TEXT NOT NULL,
            severity TEXT NOT NULL,
            environment TEXT NOT NULL,
            error_count BIGINT NOT NULL,
            PRIMARY KEY (error_code, category, severity, environment)
        ){clustered}""",
        """CREATE TABLE measures (
            measure_name TEXT NOT NULL,
            labels TEXT NOT NULL,
            amount DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (measure_name, labels)
        ){clustered}""",
    ),
)
KNOWN_VERSION = len(MIGRATIONS)
