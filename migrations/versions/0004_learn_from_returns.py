"""keep what a consortium demands and decides because of what came back, and find sendings by their end"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "catalogue_demand",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consortium_id", sa.Integer(), nullable=False),
        sa.Column("entry_key", sa.String(length=60), nullable=False),
        sa.Column("field_id", sa.String(length=60), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("demanded_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["consortium_id"], ["consortium.id"], name=op.f("fk_catalogue_demand_consortium_id_consortium")
        ),
        sa.ForeignKeyConstraint(["demanded_by"], ["person.id"], name=op.f("fk_catalogue_demand_demanded_by_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue_demand")),
        sa.UniqueConstraint(
            "consortium_id", "entry_key", "field_id", name=op.f("uq_catalogue_demand_consortium_id_entry_key_field_id")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "improvement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consortium_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(40), nullable=False),
        sa.Column("entry_key", sa.String(length=60), nullable=False),
        sa.Column("field_id", sa.String(length=60), nullable=False),
        sa.Column("decided", sa.String(40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["consortium_id"], ["consortium.id"], name=op.f("fk_improvement_consortium_id_consortium")
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name=op.f("fk_improvement_decided_by_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_improvement")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_improvement_step", "improvement", ["consortium_id", "step", "entry_key", "field_id"])
    op.create_index("ix_escalation_round_ended_at", "escalation_round", ["ended_at"])


def downgrade() -> None:
    op.drop_index("ix_escalation_round_ended_at", "escalation_round")
    op.drop_table("improvement")
    op.drop_table("catalogue_demand")
