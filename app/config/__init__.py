"""Settings: the only reader of the environment, read once at start."""

from app.config.keys import CREDENTIAL_KEY_BYTES, make_once, new_credential_key, read_credential_keys
from app.config.production import DISTINCT_CHARACTERS, MOST_IN_PRODUCTION, insecurities
from app.config.settings import MINIMUM_SECRET_LENGTH, Settings, load_settings
from app.config.signing import signing_key

__all__ = [
    "CREDENTIAL_KEY_BYTES",
    "DISTINCT_CHARACTERS",
    "MINIMUM_SECRET_LENGTH",
    "MOST_IN_PRODUCTION",
    "Settings",
    "insecurities",
    "load_settings",
    "make_once",
    "new_credential_key",
    "read_credential_keys",
    "signing_key",
]
