"""keep what was passed from one door to another, and the caps that a desk sets for itself"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rerouting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("from_consortium_id", sa.Integer(), nullable=True),
        sa.Column("from_registry_id", sa.Integer(), nullable=True),
        sa.Column("door", sa.String(length=254), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rerouted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_on_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_on_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["from_consortium_id"], ["consortium.id"], name=op.f("fk_rerouting_from_consortium_id_consortium")
        ),
        sa.ForeignKeyConstraint(
            ["from_registry_id"], ["registry.id"], name=op.f("fk_rerouting_from_registry_id_registry")
        ),
        sa.ForeignKeyConstraint(["taken_on_by"], ["person.id"], name=op.f("fk_rerouting_taken_on_by_person")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_rerouting_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rerouting")),
        sa.UniqueConstraint("ticket_id", name=op.f("uq_rerouting_ticket_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_rerouting_from_registry_id"), "rerouting", ["from_registry_id"])
    op.create_table(
        "mail_cap",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consortium_id", sa.Integer(), nullable=True),
        sa.Column("registry_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["consortium_id"], ["consortium.id"], name=op.f("fk_mail_cap_consortium_id_consortium")
        ),
        sa.ForeignKeyConstraint(["registry_id"], ["registry.id"], name=op.f("fk_mail_cap_registry_id_registry")),
        sa.ForeignKeyConstraint(["set_by"], ["person.id"], name=op.f("fk_mail_cap_set_by_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_cap")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_mail_cap_consortium_id"), "mail_cap", ["consortium_id"])
    op.create_index(op.f("ix_mail_cap_registry_id"), "mail_cap", ["registry_id"])


def downgrade() -> None:
    op.drop_table("mail_cap")
    op.drop_table("rerouting")
