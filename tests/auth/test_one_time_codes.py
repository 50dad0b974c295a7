"""One-time codes: RFC 6238's own vectors, the window, the single use, recovery codes."""

from __future__ import annotations

import base64
from uuid import UUID

import pyotp
import pytest

from app.auth.one_time_codes import (
    RECOVERY_CODES,
    matching_step,
    new_recovery_codes,
    new_totp_secret,
    otpauth_uri,
    recovery_code_hash,
)

# RFC 6238, appendix B: the secret in ASCII, for SHA-1, and its codes of eight digits, of which ours are the last six.
SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}
SOMEBODY, ANOTHER = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(("moment", "code"), VECTORS.items())
def test_the_vectors_of_rfc_6238(moment: int, code: str) -> None:
    assert matching_step(SECRET, code[2:], None, moment) == moment // 30
    assert matching_step(SECRET, code, None, moment) is None, "eight digits are none of ours"


def test_a_step_before_and_behind_and_no_further() -> None:
    moment = 1234567890
    step = moment // 30
    totp = pyotp.TOTP(SECRET)
    found = {ago: matching_step(SECRET, totp.generate_otp(step + ago), None, moment) for ago in range(-3, 4)}
    assert found == {-3: None, -2: None, -1: step - 1, 0: step, 1: step + 1, 2: None, 3: None}


def test_no_code_is_good_twice_nor_after_a_later_one() -> None:
    moment = 1234567890
    step = moment // 30
    totp = pyotp.TOTP(SECRET)
    now, before, after = (totp.generate_otp(step + each) for each in (0, -1, 1))
    assert matching_step(SECRET, now, step - 1, moment) == step
    assert matching_step(SECRET, now, step, moment) is None
    assert matching_step(SECRET, before, step, moment) is None
    assert matching_step(SECRET, after, step, moment) == step + 1


@pytest.mark.parametrize("code", ["", "28708", "2870822", "28708a", "٢٨٧٠٨٢", "\ud800" * 6, "287082; --"])
def test_what_is_no_code(code: str) -> None:
    assert matching_step(SECRET, code, None, 59) is None


def test_blanks_in_a_code_do_not_matter() -> None:
    assert matching_step(SECRET, " 287 082 ", None, 59) == 1


def test_a_new_secret_is_what_authenticators_read() -> None:
    secret = new_totp_secret()
    assert len(base64.b32decode(secret)) == 20
    assert secret != new_totp_secret()
    uri = otpauth_uri(secret, "ada+x@example.com")
    parsed = pyotp.parse_uri(uri)
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.secret, parsed.name, parsed.issuer) == (secret, "ada+x@example.com", "Skyledger")
    assert (parsed.digits, parsed.interval) == (6, 30)


def test_recovery_codes_have_eighty_random_bits() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == RECOVERY_CODES == 10
    for code in codes:
        assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
        assert len(base64.b32decode(code.replace("-", "").upper())) == 10


def test_a_recovery_code_is_read_however_it_is_typed_and_is_its_owners_alone() -> None:
    code = new_recovery_codes()[0]
    hashed = recovery_code_hash(SOMEBODY, code)
    assert recovery_code_hash(SOMEBODY, f" {code.upper().replace('-', ' ')}\n") == hashed
    assert recovery_code_hash(ANOTHER, code) != hashed
    assert recovery_code_hash(SOMEBODY, code[:-1]) != hashed
    assert recovery_code_hash(SOMEBODY, "\ud800") != hashed
