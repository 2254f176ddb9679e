"""remind of reviews, merge issues, feed known issues, and find tickets by their words"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# What members wrote, and the subjects: on SQLite as tables of words beside the real ones, kept by triggers.
_WORDS = {"message": ("text", "new.audience = 'member'"), "ticket": ("subject", "1")}


def upgrade() -> None:
    # Not in a batch: the table is pointed at, and a copy of it would have to be pointed at anew.
    op.add_column("issue", sa.Column("review_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_issue_review_at",
        "issue",
        ["review_at"],
        sqlite_where=sa.text("review_at IS NOT NULL"),
        postgresql_where=sa.text("review_at IS NOT NULL"),
    )
    _add_reference("issue", "merged_into_id", "issue")
    op.create_index(op.f("ix_issue_merged_into_id"), "issue", ["merged_into_id"])
    _create_feeds()
    _create_words()
    _remember_reviews()


def _add_reference(table: str, column: str, other: str) -> None:
    """A nullable column that points at another table, which SQLite adds without a copy only when it is said so."""
    name = f"fk_{table}_{column}_{other}"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} INTEGER CONSTRAINT {name} REFERENCES {other} (id)")
    else:
        op.add_column(table, sa.Column(column, sa.Integer(), nullable=True))
        op.create_foreign_key(name, table, other, [column], ["id"])


def _create_feeds() -> None:
    op.create_table(
        "public_feed",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consortium_id", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["consortium_id"], ["consortium.id"], name=op.f("fk_public_feed_consortium_id_consortium")
        ),
        sa.ForeignKeyConstraint(["opened_by"], ["person.id"], name=op.f("fk_public_feed_opened_by_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_public_feed")),
        sa.UniqueConstraint("consortium_id", name=op.f("uq_public_feed_consortium_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "feed_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("consortium_id", sa.Integer(), nullable=False),
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["consortium_id"], ["consortium.id"], name=op.f("fk_feed_key_consortium_id_consortium")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_feed_key_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_key")),
        sa.UniqueConstraint("nonce", name=op.f("uq_feed_key_nonce")),
        sa.UniqueConstraint("person_id", "consortium_id", name=op.f("uq_feed_key_person_id_consortium_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_feed_key_consortium_id"), "feed_key", ["consortium_id"])


def _create_words() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE INDEX fulltext_message ON message USING gin (to_tsvector('simple', text)) WHERE audience = 'member'"
        )
        op.execute("CREATE INDEX fulltext_ticket ON ticket USING gin (to_tsvector('simple', subject))")
        return
    for table, (column, kept) in _WORDS.items():
        words, was_kept = f"fulltext_{table}", kept.replace("new.", "old.")
        op.execute(
            f"CREATE VIRTUAL TABLE {words} USING fts5({column}, content='{table}', content_rowid='id',"
            " tokenize='unicode61 remove_diacritics 0')"
        )
        add = f"INSERT INTO {words} (rowid, {column}) VALUES (new.id, new.{column});"
        remove = f"INSERT INTO {words} ({words}, rowid, {column}) VALUES ('delete', old.id, old.{column});"
        op.execute(f"CREATE TRIGGER {words}_added AFTER INSERT ON {table} WHEN {kept} BEGIN {add} END")
        op.execute(f"CREATE TRIGGER {words}_removed AFTER DELETE ON {table} WHEN {was_kept} BEGIN {remove} END")
        op.execute(
            f"CREATE TRIGGER {words}_changed AFTER UPDATE OF {column} ON {table} WHEN {kept} BEGIN {remove} {add} END"
        )
        there = kept.replace("new.", "")
        op.execute(f"INSERT INTO {words} (rowid, {column}) SELECT id, {column} FROM {table} WHERE {there}")


def _remember_reviews() -> None:
    """Dates that were set before: at their midnight, from where the job goes on to the desk's opening."""
    midnight = (
        "CAST(next_review_on AS timestamp) AT TIME ZONE 'UTC'"
        if op.get_bind().dialect.name == "postgresql"
        else "next_review_on || ' 00:00:00.000000'"
    )
    op.execute(
        f"UPDATE issue SET review_at = {midnight} WHERE next_review_on IS NOT NULL"
        " AND state IN ('identified', 'investigating', 'known_error', 'fix_planned')"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX fulltext_ticket")
        op.execute("DROP INDEX fulltext_message")
    else:
        for table in _WORDS:
            for event in ("added", "removed", "changed"):
                op.execute(f"DROP TRIGGER fulltext_{table}_{event}")
            op.execute(f"DROP TABLE fulltext_{table}")
    op.drop_table("feed_key")
    op.drop_table("public_feed")
    op.drop_index(op.f("ix_issue_merged_into_id"), "issue")
    op.drop_index("ix_issue_review_at", "issue")
    op.drop_column("issue", "merged_into_id")
    op.drop_column("issue", "review_at")
