"""Webhooks: what happens in an organization, sent to addresses that its members choose.

Events become deliveries (`dispatch`), a job for each webhook sends them (`deliver`), with a body that the webhook's own
document makes (`body`) and a signature by the Standard Webhooks specification (`signing`).
"""
