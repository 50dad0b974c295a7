"""Providers as an enum of the graph."""

from __future__ import annotations

from app.providers.problems import ProblemCode
from app.records import Provider
from app.schema.enums import graph_enum

graph_enum(
    Provider,
    "Who runs the resource or bills the usage.",
    AWS="Amazon Web Services.",
    AZURE="Microsoft Azure.",
    GCP="Google Cloud.",
    MICROSOFT_365="Microsoft 365.",
    OPENAI="OpenAI.",
    ANTHROPIC="Anthropic.",
    GEMINI="Google Gemini.",
    OTHER="Any other provider.",
)
graph_enum(
    ProblemCode,
    "Kinds of problems with a provider.",
    DENIED="The credentials are good, a permission is missing.",
    CREDENTIALS="The credentials are wrong, expired or revoked.",
    THROTTLED="The provider, or the queue for calls to it, asked for more patience than there is.",
    UNREACHABLE="No connection, a broken one, or no answer in time.",
    BAD_ANSWER="An answer that is cut off, repeats itself, has no end or cannot be understood.",
    NOT_ENABLED="The service, API or region is not switched on for the account.",
    FAILED="The provider reported an error of its own.",
)
