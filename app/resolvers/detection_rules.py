"""Root fields of detection rules."""

from __future__ import annotations

import strawberry

from app.context import Info
from app.recommendations import rules
from app.records import Permission
from app.resolvers.access import mutation, organization_of
from app.schema.detection_rule_acts import (
    ResetDetectionRuleInput,
    ResetDetectionRulePayload,
    ResetDetectionRuleResult,
    UpdateDetectionRuleInput,
    UpdateDetectionRulePayload,
    UpdateDetectionRuleResult,
)
from app.schema.detection_rules import DetectionRule


@strawberry.type
class DetectionRuleMutations:
    """How checks are tuned."""

    @mutation(
        Permission.RECOMMENDATIONS_MANAGE,
        "Tune a check: thresholds, severity, what is left out, and overrides for accounts and tags. What is stored is "
        "looked at anew, without a call to any cloud.",
    )
    async def update_detection_rule(self, info: Info, input: UpdateDetectionRuleInput) -> UpdateDetectionRuleResult:  # noqa: A002  (Relay's name)
        """See app.recommendations.rules.update_rule."""
        organization_id = organization_of(input)
        changed = await rules.update_rule(
            info.context.database,
            organization_id,
            info.context.signed_in().actor,
            input.check_id,
            input.changes.change(organization_id),
            input.expected_version,
        )
        rule = DetectionRule.of(input.check_id, changed.row, organization_id)
        return UpdateDetectionRulePayload(rule=rule, looks=changed.looks)

    @mutation(
        Permission.RECOMMENDATIONS_MANAGE,
        "Take back all that was set for a check. What is stored is looked at anew, without a call to any cloud.",
    )
    async def reset_detection_rule(self, info: Info, input: ResetDetectionRuleInput) -> ResetDetectionRuleResult:  # noqa: A002  (Relay's name)
        """See app.recommendations.rules.update_rule."""
        organization_id = organization_of(input)
        changed = await rules.update_rule(
            info.context.database,
            organization_id,
            info.context.signed_in().actor,
            input.check_id,
            rules.reset,
            input.expected_version,
        )
        rule = DetectionRule.of(input.check_id, changed.row, organization_id)
        return ResetDetectionRulePayload(rule=rule, looks=changed.looks)
