"""Inputs and answers of the mutations on detection rules."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.schema.detection_rule_changes import DetectionRuleChanges
from app.schema.detection_rules import DetectionRule
from app.schema.errors import Conflict, InvalidInput, NotFound

_CHECK = "Name of the check, such as `aws.ebs.unattached`."
_EXPECTED = "The version that you have seen: where the rule has another by now, nothing is changed."
_LOOKS = (
    "How many accounts are looked at anew, from what is stored of them; their recommendations follow within minutes. "
    "Usage that the rule may need and that was not read so far is read, and then they are looked at again."
)


@strawberry.input(description="How a check is to be tuned.")
class UpdateDetectionRuleInput:
    """See `updateDetectionRule`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    check_id: str = strawberry.field(description=_CHECK)
    changes: DetectionRuleChanges = strawberry.field(description="What is to be other.")
    expected_version: int | None = strawberry.field(default=None, description=_EXPECTED)


@strawberry.type(description="The rule is as you want it.")
class UpdateDetectionRulePayload:
    """See `updateDetectionRule`."""

    rule: DetectionRule = strawberry.field(description="The rule as it is now.")
    looks: int = strawberry.field(description=_LOOKS)


UpdateDetectionRuleResult = Annotated[
    UpdateDetectionRulePayload | InvalidInput | NotFound | Conflict,
    strawberry.union("UpdateDetectionRuleResult", description="What `updateDetectionRule` answers."),
]


@strawberry.input(description="A check that is to be as it is delivered.")
class ResetDetectionRuleInput:
    """See `resetDetectionRule`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    check_id: str = strawberry.field(description=_CHECK)
    expected_version: int | None = strawberry.field(default=None, description=_EXPECTED)


@strawberry.type(description="The check is as it is delivered. Its versions are kept, and this is one more.")
class ResetDetectionRulePayload:
    """See `resetDetectionRule`."""

    rule: DetectionRule = strawberry.field(description="The rule as it is now.")
    looks: int = strawberry.field(description=_LOOKS)


ResetDetectionRuleResult = Annotated[
    ResetDetectionRulePayload | InvalidInput | NotFound | Conflict,
    strawberry.union("ResetDetectionRuleResult", description="What `resetDetectionRule` answers."),
]
