"""remind of registry actions that nobody answered"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("registry_action", sa.Column("remind_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_registry_action_remind_at",
        "registry_action",
        ["remind_at"],
        sqlite_where=sa.text("remind_at IS NOT NULL"),
        postgresql_where=sa.text("remind_at IS NOT NULL"),
    )
    _remember_what_is_expected()


def _remember_what_is_expected() -> None:
    """What was filed before: at the midnight after its day, from where the job goes on to the desk's opening."""
    midnight = (
        "CAST(expected_by + 1 AS timestamp) AT TIME ZONE 'UTC'"
        if op.get_bind().dialect.name == "postgresql"
        else "date(expected_by, '+1 day') || ' 00:00:00.000000'"
    )
    op.execute(f"UPDATE registry_action SET remind_at = {midnight} WHERE expected_by IS NOT NULL AND state = 'filed'")


def downgrade() -> None:
    op.drop_index("ix_registry_action_remind_at", "registry_action")
    op.drop_column("registry_action", "remind_at")
