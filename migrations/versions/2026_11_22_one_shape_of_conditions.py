"""Conditions of budgets and allocation rules in the one shape that exports have.

`{columns: [{column, kind: text, …}], tags: [{key, …}]}`. Budgets had objects by column and key, a list standing for
`in`; rules had `dimensions` with `dimension` for the column. Forecasts of budgets and the months of rules are known by
hashes of their conditions: the next check makes the one anew, and months look out of date until they are allocated.
"""

from __future__ import annotations

from alembic import op

revision = "20261122_one_shape"
down_revision = "20261122_merged_anomalies"
branch_labels = None
depends_on = None

_OF_SCOPES = """
    UPDATE budgets SET scope = jsonb_build_object(
        'columns', coalesce((
            SELECT jsonb_agg(jsonb_build_object('column', key, 'kind', 'text') || {test} ORDER BY key)
            FROM jsonb_each(scope -> 'dimensions')), '[]'),
        'tags', coalesce((
            SELECT jsonb_agg(jsonb_build_object('key', key) || {test} ORDER BY key)
            FROM jsonb_each(scope -> 'tags')), '[]'))
    WHERE NOT scope ? 'columns'
"""
_TEST = "CASE jsonb_typeof(value) WHEN 'array' THEN jsonb_build_object('in', value) ELSE value END"
_OF_MATCHES = """
    UPDATE allocation_rules SET match = jsonb_build_object(
        'columns', coalesce((
            SELECT jsonb_agg(
                one - 'dimension' || jsonb_build_object('column', one -> 'dimension', 'kind', 'text') ORDER BY place)
            FROM jsonb_array_elements(match -> 'dimensions') WITH ORDINALITY AS each(one, place)), '[]'),
        'tags', coalesce(match -> 'tags', '[]'))
    WHERE NOT match ? 'columns'
"""
_TO_SCOPES = """
    UPDATE budgets SET scope = jsonb_build_object(
        'dimensions', coalesce((
            SELECT jsonb_object_agg(one ->> 'column', one - 'column' - 'kind')
            FROM jsonb_array_elements(scope -> 'columns') AS one), '{}'),
        'tags', coalesce((
            SELECT jsonb_object_agg(one ->> 'key', one - 'key')
            FROM jsonb_array_elements(scope -> 'tags') AS one), '{}'))
"""
_TO_MATCHES = """
    UPDATE allocation_rules SET match = jsonb_build_object(
        'dimensions', coalesce((
            SELECT jsonb_agg(
                one - 'column' - 'kind' || jsonb_build_object('dimension', one -> 'column') ORDER BY place)
            FROM jsonb_array_elements(match -> 'columns') WITH ORDINALITY AS each(one, place)), '[]'),
        'tags', match -> 'tags')
"""


def upgrade() -> None:
    """Write both anew; rows that have the shape already stay."""
    _run(_OF_SCOPES.format(test=_TEST), _OF_MATCHES)


def downgrade() -> None:
    """Write both as they were."""
    _run(_TO_SCOPES, _TO_MATCHES)


def _run(*statements: str) -> None:
    """As the owner of the tables, whom their row security binds too."""
    for statement, table in zip(statements, ("budgets", "allocation_rules"), strict=True):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(statement)
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
