"""remember how far each mailbox was fetched"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imap_mailbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("uid_validity", sa.BigInteger(), nullable=True),
        sa.Column("last_uid", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(40), nullable=False),
        sa.Column("trouble_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imap_mailbox")),
        sa.UniqueConstraint("name", name=op.f("uq_imap_mailbox_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "suppressed_address",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("cause", sa.String(40), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("inbound_mail_id", sa.Integer(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Integer(), nullable=True),
        sa.Column("lifted_why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["inbound_mail_id"], ["inbound_mail.id"], name=op.f("fk_suppressed_address_inbound_mail_id_inbound_mail")
        ),
        sa.ForeignKeyConstraint(["lifted_by"], ["person.id"], name=op.f("fk_suppressed_address_lifted_by_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressed_address")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_suppressed_address_now",
        "suppressed_address",
        ["address"],
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "mail_storm",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("consortium_id", sa.Integer(), nullable=True),
        sa.Column("registry_id", sa.Integer(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["consortium_id"], ["consortium.id"], name=op.f("fk_mail_storm_consortium_id_consortium")
        ),
        sa.ForeignKeyConstraint(["registry_id"], ["registry.id"], name=op.f("fk_mail_storm_registry_id_registry")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_storm")),
        sa.UniqueConstraint("place", "address", name=op.f("uq_mail_storm_place_address")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_mail_storm_consortium_id"), "mail_storm", ["consortium_id"])
    op.create_index(op.f("ix_mail_storm_registry_id"), "mail_storm", ["registry_id"])
    op.add_column("inbound_mail", sa.Column("counterpart", sa.String(length=254), nullable=True))
    op.create_index("ix_inbound_mail_counterpart_received_at", "inbound_mail", ["counterpart", "received_at"])
    op.add_column("outbound_mail", sa.Column("held_by", sa.String(40), nullable=True))
    op.add_column("outbound_mail", sa.Column("failure", sa.String(40), nullable=True))
    op.add_column("outbound_mail", sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("outbound_mail", "failed_at")
    op.drop_column("outbound_mail", "failure")
    op.drop_column("outbound_mail", "held_by")
    op.drop_index("ix_inbound_mail_counterpart_received_at", "inbound_mail")
    op.drop_column("inbound_mail", "counterpart")
    op.drop_table("mail_storm")
    op.drop_table("suppressed_address")
    op.drop_table("imap_mailbox")
