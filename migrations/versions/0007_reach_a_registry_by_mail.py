"""reach a registry by mail"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "bridge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("registry_id", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("senders", JSON, nullable=False),
        sa.Column("number_pattern", sa.String(length=120), nullable=False),
        sa.Column("phrases", JSON, nullable=False),
        sa.Column("first_answer_accepts", sa.Boolean(), nullable=False),
        sa.Column("number_in_subject", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_bridge_team_id_team")),
        sa.ForeignKeyConstraint(["registry_id"], ["registry.id"], name=op.f("fk_bridge_registry_id_registry")),
        sa.ForeignKeyConstraint(["changed_by_id"], ["person.id"], name=op.f("fk_bridge_changed_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bridge")),
        sa.UniqueConstraint("team_id", name=op.f("uq_bridge_team_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_bridge_registry_id"), "bridge", ["registry_id"])
    op.create_table(
        "bridge_word",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bridge_id", sa.Integer(), nullable=False),
        sa.Column("word", sa.String(length=80), nullable=False),
        sa.Column("meaning", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(40), nullable=True),
        sa.ForeignKeyConstraint(["bridge_id"], ["bridge.id"], name=op.f("fk_bridge_word_bridge_id_bridge")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bridge_word")),
        sa.UniqueConstraint("bridge_id", "word", name=op.f("uq_bridge_word_bridge_id_word")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "bridge_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bridge_id", sa.Integer(), nullable=False),
        sa.Column("escalation_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("answer_to", sa.String(length=254), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bridge_id"], ["bridge.id"], name=op.f("fk_bridge_link_bridge_id_bridge")),
        sa.ForeignKeyConstraint(
            ["escalation_id"], ["escalation.id"], name=op.f("fk_bridge_link_escalation_id_escalation")
        ),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_bridge_link_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bridge_link")),
        sa.UniqueConstraint("escalation_id", name=op.f("uq_bridge_link_escalation_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_bridge_link_bridge_id"), "bridge_link", ["bridge_id"])
    op.create_index(op.f("ix_bridge_link_ticket_id"), "bridge_link", ["ticket_id"])
    op.create_table(
        "bridge_number",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("registry_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("written", sa.String(length=80), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["bridge_link.id"], name=op.f("fk_bridge_number_link_id_bridge_link")),
        sa.ForeignKeyConstraint(["registry_id"], ["registry.id"], name=op.f("fk_bridge_number_registry_id_registry")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bridge_number")),
        sa.UniqueConstraint("registry_id", "number", name=op.f("uq_bridge_number_registry_id_number")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_bridge_number_link_id"), "bridge_number", ["link_id"])
    op.create_table(
        "bridge_mail",
        sa.Column("outbound_mail_id", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("messages", JSON, nullable=False),
        sa.Column("files", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["outbound_mail_id"], ["outbound_mail.id"], name=op.f("fk_bridge_mail_outbound_mail_id_outbound_mail")
        ),
        sa.ForeignKeyConstraint(["link_id"], ["bridge_link.id"], name=op.f("fk_bridge_mail_link_id_bridge_link")),
        sa.PrimaryKeyConstraint("outbound_mail_id", name=op.f("pk_bridge_mail")),
    )
    op.create_index(op.f("ix_bridge_mail_link_id"), "bridge_mail", ["link_id"])
    op.create_table(
        "bridge_said",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("inbound_mail_id", sa.Integer(), nullable=True),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.Column("sender", sa.String(length=254), nullable=False),
        sa.Column("recorded_by_id", sa.Integer(), nullable=True),
        sa.Column("machine", sa.Boolean(), nullable=False),
        sa.Column("word", sa.String(length=80), nullable=False),
        sa.Column("meaning", sa.String(40), nullable=True),
        sa.Column("became", sa.String(40), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["link_id"], ["bridge_link.id"], name=op.f("fk_bridge_said_link_id_bridge_link")),
        sa.ForeignKeyConstraint(
            ["inbound_mail_id"], ["inbound_mail.id"], name=op.f("fk_bridge_said_inbound_mail_id_inbound_mail")
        ),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_bridge_said_message_id_message")),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["person.id"], name=op.f("fk_bridge_said_recorded_by_id_person")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["person.id"], name=op.f("fk_bridge_said_decided_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bridge_said")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_bridge_said_link_id_id", "bridge_said", ["link_id", "id"])


def downgrade() -> None:
    op.drop_table("bridge_said")
    op.drop_table("bridge_mail")
    op.drop_table("bridge_number")
    op.drop_table("bridge_link")
    op.drop_table("bridge_word")
    op.drop_table("bridge")
