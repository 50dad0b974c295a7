"""What the mails about somebody's sign-in say."""

from __future__ import annotations

from app.auth.identity_mails import LIVES, MailKind
from app.notifications.letters import Code, Letter, Link

# (subject, what was asked for, page of the frontend, label of the link, mutation that takes the token)
_WITH_TOKENS = {
    MailKind.VERIFY_EMAIL: (
        "Verify your e-mail address",
        "Somebody, most likely you, has registered this e-mail address with Skyledger. Please say that it is yours.",
        "verify-email",
        "Verify this address",
        "verifyEmail(input: {token: …})",
    ),
    MailKind.CHANGE_EMAIL: (
        "Verify your new e-mail address",
        "You want Skyledger to use this e-mail address. Please say that it is yours; until then nothing changes.",
        "verify-email",
        "Use this address",
        "verifyEmail(input: {token: …})",
    ),
    MailKind.RESET_PASSWORD: (
        "Set another password",
        "Somebody, most likely you, has asked to set another password for your account at Skyledger.",
        "reset-password",
        "Set another password",
        "resetPassword(input: {token: …, newPassword: …})",
    ),
}
_NOTICES = {
    MailKind.PASSWORD_CHANGED: (
        "Your password was changed",
        "The password of your account at Skyledger was changed, and its other sessions were ended.",
    ),
    MailKind.EMAIL_CHANGE_REQUESTED: (
        "Another e-mail address was asked for",
        (
            "Somebody, most likely you, wants another e-mail address for your account at Skyledger, and has given its "
            "password. Nothing changes until that address is verified."
        ),
    ),
    MailKind.EMAIL_CHANGED: (
        "Your e-mail address was changed",
        "Your account at Skyledger has another e-mail address now. This is the last mail to the old one.",
    ),
    MailKind.TOTP_ENABLED: (
        "Your second factor is on",
        "From now on a log-in to your account at Skyledger asks for a code of your authenticator.",
    ),
    MailKind.TOTP_DISABLED: (
        "Your second factor is off",
        "A log-in to your account at Skyledger asks for the password alone from now on.",
    ),
    MailKind.PASSKEY_ADDED: (
        "A passkey was added",
        "From now on a log-in to your account at Skyledger asks for a second factor, and this passkey is one.",
    ),
    MailKind.PASSKEY_REMOVED: (
        "A passkey was removed",
        "A passkey of your account at Skyledger was removed; nobody logs in with it any more.",
    ),
    MailKind.ERASURE_REQUESTED: (
        "Your account is to be erased",
        (
            "You have asked to erase your account at Skyledger, and all its sessions were ended. Until the day comes "
            "you can sign in and take it back: `viewer { erasure { dueAt } }` tells the day, keepMyAccount keeps it."
        ),
    ),
    MailKind.ACCOUNT_KEPT: (
        "Your account stays",
        "Your account at Skyledger is not erased: you have taken that back.",
    ),
    MailKind.ACCOUNT_ERASED: (
        "Your account is erased",
        "Your account at Skyledger is erased, and all that told who you are. This is the last mail to this address.",
    ),
    MailKind.RECOVERY_CODE_USED: (
        "A recovery code was used",
        "Somebody, most likely you, has logged in to your account at Skyledger with a recovery code, now used up.",
    ),
}
_NOT_YOU = (
    "If that was not you, set another password at once, look through the sessions of your account, and tell an admin "
    "of your organization."
)
_NOT_YOU_OF = {
    MailKind.EMAIL_CHANGE_REQUESTED: (
        "If that was not you, set another password at once: that takes the change back too. Then look through the "
        "sessions of your account, and tell an admin of your organization."
    ),
    # Who sets a password by mail has it sent to the other address.
    MailKind.EMAIL_CHANGED: (
        "If that was not you, set another password and change the address back while you are still signed in; else "
        "tell the operator of Skyledger and an admin of your organization at once."
    ),
    MailKind.ACCOUNT_ERASED: "If that was not you, tell the operator of Skyledger, who may have a backup of before.",
}


def letter_of(kind: MailKind, name: str | None, token: str | None, public_url: str | None) -> Letter:
    """The letter of a kind, with the token of its kind; with a link where there is a frontend.

    `name` is left out where whoever typed it need not be whom the mail goes to.
    """
    hello = f"Hello {name}," if name is not None else "Hello,"
    if token is None:
        subject, what = _NOTICES[kind]
        return Letter(subject, (hello, what, _NOT_YOU_OF.get(kind, _NOT_YOU)))
    subject, what, page, label, mutation = _WITH_TOKENS[kind]
    hours = round(LIVES[kind].total_seconds() / 3600)
    ends = f"It works once, within {hours} {'hour' if hours == 1 else 'hours'}. If it was not you, ignore this mail."
    if public_url is not None:
        # What stands behind # browsers send to nobody: the token is in no log of a server and in no Referer header.
        return Letter(subject, (hello, what, Link(label, f"{public_url.rstrip('/')}/{page}#token={token}"), ends))
    by_hand = f"Send this token with the mutation {mutation}:"
    return Letter(subject, (hello, what, by_hand, Code(token), ends))
