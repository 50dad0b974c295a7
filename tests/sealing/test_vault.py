"""The vault: what is sealed opens in its own place only, under its own key only, and shows nothing."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from app.config import Settings, insecurities, load_settings, new_credential_key, read_credential_keys
from app.errors import ConfigurationError
from app.sealing.credential_keys import FILE_NAME, KeyFile
from app.sealing.vault import Place, Sealed, Vault, VaultError

A = UUID("00000000-0000-7000-8000-00000000000a")
B = UUID("00000000-0000-7000-8000-00000000000b")
PLACE = Place(A, "account_credentials", "sealed", B)
SECRET = {"secretAccessKey": "canary-4f1f0a", "accessKeyId": "AKIA0123456789ABCDEF"}


def vault_with(*lines: str) -> Vault:
    """A vault with the keys of the setting."""
    return Vault.from_settings(Settings(credential_keys=SecretStr(",".join(lines))))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder that does not exist yet."""
    return tmp_path / "data"


def vault_in(folder: Path) -> Vault:
    """A vault with the keys of a data folder, as another process would have it."""
    return Vault.from_settings(Settings(data_dir=folder))


def test_what_is_sealed_is_opened_in_its_place(folder: Path) -> None:
    vault = vault_in(folder)
    sealed = vault.seal(PLACE, SECRET)
    assert vault_in(folder).unseal(PLACE, sealed) == SECRET
    again = vault.seal(PLACE, SECRET)
    assert (sealed.key_id, sealed.wrapped_key, sealed.sealed) != (again.key_id, again.wrapped_key, again.sealed)
    for part in (sealed.wrapped_key, sealed.sealed):
        assert b"canary" not in part
        assert b"AKIA" not in part


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(PLACE, organization_id=B),
        replace(PLACE, row_id=A),
        replace(PLACE, table="accounts"),
        replace(PLACE, column="settings"),
    ],
    ids=str,
)
def test_it_does_not_open_elsewhere(folder: Path, elsewhere: Place) -> None:
    vault = vault_in(folder)
    sealed = vault.seal(PLACE, SECRET)
    for act in (vault.unseal, vault.rewrap):
        with pytest.raises(VaultError, match="cannot be opened with the key"):
            act(elsewhere, sealed)


def damaged(whole: bytes) -> Iterator[bytes]:
    """It with one bit of each byte turned, and cut off in several places."""
    for index in range(len(whole)):
        yield whole[:index] + bytes([whole[index] ^ 1]) + whole[index + 1 :]
    for cut in (0, 5, 12, len(whole) - 1):
        yield whole[:cut]


def test_any_changed_byte_is_found(folder: Path) -> None:
    vault = vault_in(folder)
    sealed = vault.seal(PLACE, SECRET)
    changed = [replace(sealed, wrapped_key=text) for text in damaged(sealed.wrapped_key)]
    changed += [replace(sealed, sealed=text) for text in damaged(sealed.sealed)]
    for one in changed:
        with pytest.raises(VaultError):
            vault.unseal(PLACE, one)
    other = vault.seal(PLACE, SECRET)
    with pytest.raises(VaultError):
        vault.unseal(PLACE, Sealed(sealed.key_id, other.wrapped_key, sealed.sealed))


def test_the_first_key_seals_and_the_others_open() -> None:
    one, two = new_credential_key(), new_credential_key()
    sealed = vault_with(one).seal(PLACE, SECRET)
    later = vault_with(two, one)
    assert later.unseal(PLACE, sealed) == SECRET
    moved = later.rewrap(PLACE, sealed)
    assert (moved.key_id, moved.sealed) == (two.partition(":")[0], sealed.sealed)
    assert vault_with(two).unseal(PLACE, moved) == SECRET


def test_a_missing_and_a_wrong_key_are_told_without_a_secret() -> None:
    one, two = new_credential_key(), new_credential_key()
    sealed = vault_with(one).seal(PLACE, SECRET)
    with pytest.raises(VaultError) as missing:
        vault_with(two).unseal(PLACE, sealed)
    same_id = f"{sealed.key_id}:{two.partition(':')[2]}"
    with pytest.raises(VaultError) as wrong:
        vault_with(same_id).unseal(PLACE, sealed)
    assert f"the key '{sealed.key_id}', which is not in SKYLEDGER_CREDENTIAL_KEYS" in str(missing.value)
    assert f"the key '{sealed.key_id}': either the key is another one" in str(wrong.value)
    for error in (missing, wrong):
        for part in (one.partition(":")[2], two.partition(":")[2], "canary"):
            assert part not in str(error.value)
            assert part not in repr(error.value.__context__)
    assert "canary" not in repr(sealed)
    assert one.partition(":")[2] not in repr(vault_with(one)._keys.ring())


def test_the_file_is_made_once_and_for_its_owner_only(folder: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        vaults = [vault_in(folder) for _ in range(16)]
        ids = set(threads.map(lambda vault: vault.active_key_id, vaults))
    assert len(ids) == 1
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    assert [entry.name for entry in folder.iterdir()] == [FILE_NAME]


def test_another_process_s_new_key_is_seen_without_a_restart(folder: Path) -> None:
    here, there = vault_in(folder), vault_in(folder)
    before = here.seal(PLACE, SECRET)
    there.renew_key()
    sealed = there.seal(PLACE, SECRET)
    assert here.unseal(PLACE, sealed) == SECRET
    assert here.active_key_id == sealed.key_id != before.key_id
    assert there.unseal(PLACE, before) == SECRET
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600


def test_no_key_is_lost_by_rotations_at_a_time(folder: Path) -> None:
    first = vault_in(folder).active_key_id
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: KeyFile(folder).add(), range(20)))
    keys = read_credential_keys((folder / FILE_NAME).read_text())
    assert len(keys) == 21
    assert list(keys)[-1] == first


def test_a_file_that_cannot_be_read_is_told(folder: Path) -> None:
    folder.mkdir()
    (folder / FILE_NAME).write_text("abc:tooshort\n")
    with pytest.raises(ConfigurationError, match=r"credential-keys cannot be read: key 1 is not") as told:
        vault_in(folder).seal(PLACE, SECRET)
    assert "tooshort" not in str(told.value)


KEY = base64.urlsafe_b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "there is no key"),
        (KEY, "key 1 is not"),
        (f"a:{KEY},b:{KEY[:-4]}", "key 2 is not"),
        (f"a b:{KEY}", "key 1 is not"),
        (f"a:{KEY},a:{KEY}", "the id of key 2 is given twice"),
        (f"a:{KEY[:-2]}!!", "key 1 is not"),
    ],
)
def test_a_setting_that_holds_no_keys_is_refused(monkeypatch: pytest.MonkeyPatch, text: str, reason: str) -> None:
    monkeypatch.setenv("SKYLEDGER_CREDENTIAL_KEYS", text)
    with pytest.raises(ConfigurationError, match="SKYLEDGER_CREDENTIAL_KEYS") as told:
        load_settings()
    assert reason in str(told.value)
    assert KEY[:20] not in str(told.value)


def test_production_asks_for_the_keys() -> None:
    values: dict[str, Any] = {"environment": "production"}
    sentence = "SKYLEDGER_CREDENTIAL_KEYS is not set: set it to the output of `skyledger keys credential`."
    assert sentence in insecurities(Settings(**values))
    assert sentence not in insecurities(Settings(**values, credential_keys=SecretStr(new_credential_key())))


def test_padding_and_spaces_do_not_matter() -> None:
    bare = KEY.rstrip("=")
    assert read_credential_keys(f" a:{KEY} ,b:{bare}\n c:{bare}") == dict.fromkeys("abc", bytes(32))
