"""name the language of letters"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What was written before is in English. Not in a batch: a table that is copied cannot be pointed at meanwhile.
    op.add_column("outbound_mail", sa.Column("language", sa.String(16), server_default="en", nullable=False))


def downgrade() -> None:
    op.drop_column("outbound_mail", "language")
