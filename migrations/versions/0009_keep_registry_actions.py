"""keep registry actions"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "registry_action",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("registry_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=200), nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=False),
        sa.Column("filed_on", sa.Date(), nullable=False),
        sa.Column("expected_by", sa.Date(), nullable=True),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_registry_action_created_by_person")),
        sa.ForeignKeyConstraint(["registry_id"], ["registry.id"], name=op.f("fk_registry_action_registry_id_registry")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_registry_action_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_action")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_registry_action_state_expected_by", "registry_action", ["state", "expected_by"])
    op.create_index(op.f("ix_registry_action_ticket_id"), "registry_action", ["ticket_id"])


def downgrade() -> None:
    op.drop_table("registry_action")
