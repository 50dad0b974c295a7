"""Imports of several uploads: the source of an import names its uploads in `uploadIds`, none where it was otherwise.

`id` is the cost source's alone, which an import of an upload had for its one upload.
"""

from __future__ import annotations

from alembic import op

revision = "20261122_upload_parts"
down_revision = "20261122_one_shape"
branch_labels = None
depends_on = None

_TO_LISTS = """
    UPDATE cost_imports SET source = CASE source ->> 'kind'
        WHEN 'UPLOAD' THEN source || jsonb_build_object('id', NULL, 'uploadIds', jsonb_build_array(source -> 'id'))
        ELSE source || '{"uploadIds": []}' END
    WHERE NOT source ? 'uploadIds'
"""
_TO_ONES = """
    UPDATE cost_imports SET source = CASE source ->> 'kind'
        WHEN 'UPLOAD' THEN jsonb_set(source, '{id}', source -> 'uploadIds' -> 0) - 'uploadIds'
        ELSE source - 'uploadIds' END
"""


def upgrade() -> None:
    """Have a list in every source."""
    _run(_TO_LISTS)


def downgrade() -> None:
    """Have the first upload's id as that of the source."""
    _run(_TO_ONES)


def _run(statement: str) -> None:
    """As the owner of the table, whom its row security binds too."""
    op.execute("ALTER TABLE cost_imports NO FORCE ROW LEVEL SECURITY")
    op.execute(statement)
    op.execute("ALTER TABLE cost_imports FORCE ROW LEVEL SECURITY")
