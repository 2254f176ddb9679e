"""choose which mails come and when, and keep who is told later"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.create_table(
        "mail_preference",
        sa.Column("person_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("daily_at", sa.Integer(), nullable=True),
        sa.Column("quiet_from", sa.Integer(), nullable=True),
        sa.Column("quiet_until", sa.Integer(), nullable=True),
        sa.Column("off", json, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("daily_at BETWEEN 0 AND 23", name=op.f("ck_mail_preference_daily_hour")),
        sa.CheckConstraint(
            "quiet_from BETWEEN 0 AND 23 AND quiet_until BETWEEN 0 AND 23", name=op.f("ck_mail_preference_quiet_hours")
        ),
        sa.CheckConstraint("(quiet_from IS NULL) = (quiet_until IS NULL)", name=op.f("ck_mail_preference_quiet_both")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_mail_preference_person_id_person")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_mail_preference")),
    )
    op.create_table(
        "waiting_notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.Column("side", sa.String(length=20), nullable=False),
        sa.Column("audience", sa.String(40), nullable=False),
        sa.Column("wait", sa.String(40), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mail_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_waiting_notice_event_id_event")),
        sa.ForeignKeyConstraint(
            ["mail_id"], ["outbound_mail.id"], name=op.f("fk_waiting_notice_mail_id_outbound_mail")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_waiting_notice_person_id_person")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_waiting_notice_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting_notice")),
        sa.UniqueConstraint("event_id", "person_id", name=op.f("uq_waiting_notice_event_id_person_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_waiting_notice_mail_id"), "waiting_notice", ["mail_id"])
    for name, columns in (("ix_waiting_notice_due", ["due_at", "id"]), ("ix_waiting_notice_person_id", ["person_id"])):
        op.create_index(
            name,
            "waiting_notice",
            columns,
            sqlite_where=sa.text("written_at IS NULL"),
            postgresql_where=sa.text("written_at IS NULL"),
        )
    op.add_column("outbound_mail", sa.Column("unsubscribe", sa.String(length=600), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("outbound_mail", "unsubscribe")
    op.drop_table("waiting_notice")
    op.drop_table("mail_preference")
