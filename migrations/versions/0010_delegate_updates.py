"""delegate updates"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "draft_policy",
        sa.Column("consortium_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hours", sa.Integer(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["consortium_id"], ["consortium.id"], name=op.f("fk_draft_policy_consortium_id_consortium")
        ),
        sa.ForeignKeyConstraint(["set_by_id"], ["person.id"], name=op.f("fk_draft_policy_set_by_id_person")),
        sa.PrimaryKeyConstraint("consortium_id", name=op.f("pk_draft_policy")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "bulk_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("consortium_id", sa.Integer(), nullable=True),
        sa.Column("registry_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("workaround", sa.Text(), nullable=False),
        sa.Column("next_update_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(40), nullable=True),
        sa.Column("news", JSON, nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(consortium_id IS NULL) <> (registry_id IS NULL)", name=op.f("ck_bulk_answer_one_desk")),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_bulk_answer_by_id_person")),
        sa.ForeignKeyConstraint(
            ["consortium_id"], ["consortium.id"], name=op.f("fk_bulk_answer_consortium_id_consortium")
        ),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_bulk_answer_issue_id_issue")),
        sa.ForeignKeyConstraint(["registry_id"], ["registry.id"], name=op.f("fk_bulk_answer_registry_id_registry")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_answer")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_bulk_answer_issue_id"), "bulk_answer", ["issue_id"], unique=False)
    op.create_index(
        "ix_bulk_answer_unfinished",
        "bulk_answer",
        ["id"],
        unique=False,
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )

    op.create_table(
        "registry_update",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("member_text", sa.Text(), nullable=False),
        sa.Column("workaround", sa.Text(), nullable=False),
        sa.Column("next_update_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["person.id"], name=op.f("fk_registry_update_author_id_person")),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_registry_update_issue_id_issue")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_update")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_registry_update_issue_id"), "registry_update", ["issue_id"], unique=False)

    op.create_table(
        "update_draft",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("registry_update_id", sa.Integer(), nullable=False),
        sa.Column("consortium_id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("workaround", sa.Text(), nullable=False),
        sa.Column("next_update_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("edited_by_id", sa.Integer(), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_by_id", sa.Integer(), nullable=True),
        sa.Column("send_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("calendar_version_id", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("bulk_answer_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bulk_answer_id"], ["bulk_answer.id"], name=op.f("fk_update_draft_bulk_answer_id_bulk_answer")
        ),
        sa.ForeignKeyConstraint(
            ["calendar_version_id"],
            ["calendar_version.id"],
            name=op.f("fk_update_draft_calendar_version_id_calendar_version"),
        ),
        sa.ForeignKeyConstraint(
            ["consortium_id"], ["consortium.id"], name=op.f("fk_update_draft_consortium_id_consortium")
        ),
        sa.ForeignKeyConstraint(["decided_by_id"], ["person.id"], name=op.f("fk_update_draft_decided_by_id_person")),
        sa.ForeignKeyConstraint(["edited_by_id"], ["person.id"], name=op.f("fk_update_draft_edited_by_id_person")),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_update_draft_issue_id_issue")),
        sa.ForeignKeyConstraint(
            ["registry_update_id"],
            ["registry_update.id"],
            name=op.f("fk_update_draft_registry_update_id_registry_update"),
        ),
        sa.ForeignKeyConstraint(["stopped_by_id"], ["person.id"], name=op.f("fk_update_draft_stopped_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_update_draft")),
        sa.UniqueConstraint(
            "registry_update_id", "consortium_id", name=op.f("uq_update_draft_registry_update_id_consortium_id")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_update_draft_consortium_id_state", "update_draft", ["consortium_id", "state"], unique=False)
    op.create_index(
        "ix_update_draft_send_at",
        "update_draft",
        ["send_at"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting' AND send_at IS NOT NULL"),
        postgresql_where=sa.text("state = 'waiting' AND send_at IS NOT NULL"),
    )

    op.create_table(
        "bulk_answer_ticket",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bulk_answer_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("task", sa.String(40), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("despite", sa.String(40), nullable=True),
        sa.Column("why", sa.String(40), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("watched", sa.Boolean(), nullable=False),
        sa.Column("came_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["bulk_answer_id"], ["bulk_answer.id"], name=op.f("fk_bulk_answer_ticket_bulk_answer_id_bulk_answer")
        ),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_bulk_answer_ticket_issue_id_issue")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_bulk_answer_ticket_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_answer_ticket")),
        sa.UniqueConstraint("bulk_answer_id", "ticket_id", name=op.f("uq_bulk_answer_ticket_bulk_answer_id_ticket_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_bulk_answer_ticket_issue_id"), "bulk_answer_ticket", ["issue_id"], unique=False)
    op.create_index(
        "ix_bulk_answer_ticket_waiting",
        "bulk_answer_ticket",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_bulk_answer_ticket_watched",
        "bulk_answer_ticket",
        ["ticket_id"],
        unique=False,
        sqlite_where=sa.text("watched"),
        postgresql_where=sa.text("watched"),
    )
    op.create_index(
        "uq_bulk_answer_ticket_resolving",
        "bulk_answer_ticket",
        ["ticket_id"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting' AND task = 'resolve'"),
        postgresql_where=sa.text("state = 'waiting' AND task = 'resolve'"),
    )

    op.create_table(
        "bulk_answer_told",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bulk_answer_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bulk_answer_id"], ["bulk_answer.id"], name=op.f("fk_bulk_answer_told_bulk_answer_id_bulk_answer")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_bulk_answer_told_person_id_person")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_bulk_answer_told_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_answer_told")),
        sa.UniqueConstraint("bulk_answer_id", "person_id", name=op.f("uq_bulk_answer_told_bulk_answer_id_person_id")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("bulk_answer_told")
    op.drop_table("bulk_answer_ticket")
    op.drop_table("update_draft")
    op.drop_table("registry_update")
    op.drop_table("bulk_answer")
    op.drop_table("draft_policy")
