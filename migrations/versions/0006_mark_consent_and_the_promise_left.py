"""mark consent of those named to a registry, and how much of the promise a hand-over left"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Of what was handed over before, nobody kept whether its subject may be read whole: it is masked from now on.
    op.add_column("ticket_registry", sa.Column("people_named", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("custody_entry", sa.Column("promise_left", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("custody_entry", "promise_left")
    op.drop_column("ticket_registry", "people_named")
