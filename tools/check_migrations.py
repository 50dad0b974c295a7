"""Proves that the migrations and the models say the same: upgrade an empty database, compare, downgrade, upgrade."""

from __future__ import annotations

import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

from app.embedded import engines
from app.upgrade import MIGRATIONS


def main() -> None:
    """Raise when a model has no migration, or a migration cannot be undone and done again."""
    with tempfile.TemporaryDirectory() as folder, engines(Path(folder) / "data") as urls:
        configuration = Config()
        configuration.set_main_option("script_location", str(MIGRATIONS))
        configuration.attributes["database_url"] = urls.database_url
        command.upgrade(configuration, "head")
        command.check(configuration)
        command.downgrade(configuration, "base")
        command.upgrade(configuration, "head")


if __name__ == "__main__":
    main()
