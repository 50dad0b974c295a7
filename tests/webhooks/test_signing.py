"""Signatures as the specification's own example has them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from app.webhooks.signing import headers, message_id, new_secret


def test_the_example_of_the_specification() -> None:
    moment = datetime.fromtimestamp(1614265330, UTC)
    found = headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "msg_p5jXN8AQM9LWM0D4loKWxJek", moment, b'{"test": 2432232314}'
    )
    assert found == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_secrets_and_ids() -> None:
    assert len({new_secret() for _ in range(10)}) == 10
    id_ = uuid4()
    assert message_id(id_) == message_id(id_)
    assert "." not in message_id(id_)
